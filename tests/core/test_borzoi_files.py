"""Borzoi from files laid out as on Hugging Face."""

import copy
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from creme_core import downloads
from creme_core.models import borzoi, borzoi_weights, load_model
from creme_core.models.base import SequenceModel
from creme_core.models.borzoi import BorzoiModel, load_borzoi
from creme_core.models.borzoi_weights import BorzoiCheckpoint
from creme_core.mutant import Background, Edit, Mutant
from tests.core.borzoi_networks import TARGETS_FILE, random_borzoi, wrap

LENGTH = 768


def negated() -> torch.nn.Module:
    module = copy.deepcopy(random_borzoi())
    with torch.no_grad():
        module.conv_dna.conv_layer.weight.mul_(-1)
    return module


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A folder of two replicates, written by the library itself."""
    folder = tmp_path_factory.mktemp("borzoi")
    random_borzoi().save_pretrained(folder / "replicate-0")
    negated().save_pretrained(folder / "replicate-1")
    return folder


@pytest.fixture
def make_folder(saved, tmp_path):
    """A copy of the first replicate's folder with some settings changed, the weights being a link."""

    def make(
        name: str = "copy", weights: Path | None = saved / "replicate-0" / "model.safetensors", **settings
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        config = json.loads((saved / "replicate-0" / "config.json").read_text(encoding="utf-8")) | settings
        config = {key: value for key, value in config.items() if value is not None}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        if weights is not None:
            (folder / "model.safetensors").symlink_to(weights)
        return folder

    return make


@pytest.fixture
def mutants() -> list[Mutant]:
    rng = np.random.default_rng(0)
    background = Background(rng.integers(0, 4, LENGTH).astype(np.uint8))
    return [Mutant(background), Mutant(background, [Edit(330, rng.integers(0, 4, 100).astype(np.uint8))])]


def test_a_saved_replicate_says_what_the_one_in_memory_says(make_folder, mutants):
    model = load_model(make_folder(input_length=LENGTH), device="cpu")
    assert isinstance(model, SequenceModel)
    memory = wrap(random_borzoi(), LENGTH)
    assert (model.name, model.replicates, model.fingerprint) == ("copy", 1, memory.fingerprint)
    np.testing.assert_allclose(model.tss_activity(mutants), memory.tss_activity(mutants), rtol=1e-3)
    assert model.tracks.equals(memory.tracks)


def test_a_folder_of_folders_is_their_mean(saved, make_folder, mutants):
    make_folder("all/one", input_length=LENGTH)
    second = make_folder("all/two", weights=saved / "replicate-1" / "model.safetensors", input_length=LENGTH)
    model = load_model(second.parent, device="cpu")
    assert (model.replicates, model.streamed, model.name) == (2, True, "all")
    alone = [load_borzoi(second.parent, replicates=(number,), device="cpu") for number in (0, 1)]
    mean = sum(each.tss_activity(mutants) for each in alone) / 2
    np.testing.assert_allclose(model.tss_activity(mutants), mean, rtol=1e-3)


@pytest.fixture
def downloaded(saved, monkeypatch):
    """The downloads borzoi-0 to borzoi-3 as if they were here; remembers which were asked for."""
    asked = []

    def require(name: str) -> Path:
        asked.append(name)
        return saved / f"replicate-{int(name[-1]) % 2}"

    monkeypatch.setattr(downloads, "require", require)
    monkeypatch.setattr(BorzoiCheckpoint, "digest", lambda checkpoint: checkpoint.label)
    return asked


@pytest.mark.parametrize(
    ("name", "replicates", "wanted", "title"),
    [
        ("borzoi", None, [0, 1, 2, 3], "Borzoi"),
        ("borzoi-2", None, [2], "Borzoi replicate 2"),
        ("borzoi", (3, 0), [0, 3], "Borzoi replicates 0, 3"),
        ("borzoi-1", (1,), [1], "Borzoi replicate 1"),
    ],
)
def test_the_published_replicates_by_name(downloaded, name, replicates, wanted, title):
    model = load_model(name, device="cpu", replicates=replicates)
    assert isinstance(model, BorzoiModel)
    assert downloaded == [f"borzoi-{number}" for number in wanted]
    assert (model.name, model.replicates, model.streamed) == (title, len(wanted), len(wanted) > 1)
    assert (model.input_length, len(model.tracks)) == (524_288, 6973)


@pytest.mark.parametrize(
    ("name", "replicates", "message"),
    [
        ("borzoi", (4,), "borzoi has no replicate 4; it has 0, 1, 2, 3"),
        ("borzoi-2", (0,), "borzoi-2 has no replicate 0; it has 2"),
        ("borzoi-7", None, "borzoi-7 is no replicate; there are borzoi-0 to borzoi-3"),
        ("borzoi", (), r"replicates=\(\) is no choice; give some of 0, 1, 2, 3, each once, such as \(0,\)"),
        ("borzoi", 2, "replicates=2 is no choice"),
        ("borzoi", (1, 1), r"replicates=\(1, 1\) is no choice"),
    ],
)
def test_replicates_that_are_not_there(downloaded, name, replicates, message):
    with pytest.raises(ValueError, match=message):
        load_borzoi(name, device="cpu", replicates=replicates)
    assert downloaded == []


def test_without_the_download_it_says_how_to_get_it():
    with pytest.raises(ValueError, match="borzoi-0"):
        load_borzoi("borzoi", device="cpu")


def test_a_table_that_is_not_the_papers_is_refused(downloaded, tmp_path, monkeypatch):
    text = TARGETS_FILE.read_text(encoding="utf-8").replace("CNhs12336", "CNhs99999")
    monkeypatch.setattr(borzoi, "public_table", lambda: tmp_path / "table.txt")
    (tmp_path / "table.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="does not have the paper's CAGE tracks"):
        load_borzoi("borzoi-0", device="cpu")


def test_a_folder_may_have_a_table_of_its_own(make_folder):
    folder = make_folder(input_length=LENGTH)
    lines = TARGETS_FILE.read_text(encoding="utf-8").replace("CAGE:Clontech", "CAGE:Our").splitlines(keepends=True)
    (folder / "targets_human.txt").write_text("".join(lines), encoding="utf-8")
    model = load_borzoi(folder, device="cpu")
    assert model.tracks["description"][0].startswith("CAGE:Our")
    (folder / "targets_human.txt").write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(ValueError, match="7,610 tracks but the model predicts 7,611"):
        load_borzoi(folder, device="cpu")


def test_weights_and_config_must_be_there(make_folder, tmp_path):
    with pytest.raises(ValueError, match=r"There is no config.json in .*nowhere, nor in a folder in it"):
        load_borzoi(tmp_path / "nowhere")
    folder = make_folder(weights=None)
    with pytest.raises(ValueError, match=r"lacks model.safetensors. Get model.safetensors from where config.json came"):
        load_borzoi(folder)
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ValueError, match=r"lacks model.safetensors; pytorch_model.bin beside it is a pickle"):
        load_borzoi(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "enformer"}, "describes a model of the type 'enformer', not a Borzoi"),
        ({"model_type": "prime"}, "describes a model of the type 'prime', not a Borzoi"),
        ({"dim": 64}, r"does not fit config.json: \d+ of its tensors are of another shape"),
        ({"depth": 3}, r"does not fit config.json: \d+ of its tensors are missing, such as transformer.2"),
        ({"depth": 1}, r"does not fit config.json: \d+ of its tensors are surplus, such as transformer.1"),
        ({"dim": "large"}, "has dim='large'; it must be a whole number from 1 to 65,536"),
        ({"heads": 0}, "has heads=0; it must be a whole number from 1"),
        ({"enable_human_head": False}, "is a Borzoi without a head for human tracks"),
        ({"input_length": "long"}, "has input_length='long'; it must be a whole number"),
        ({"flashed": True}, "Flashzoi needs flash-attn and a CUDA device, but the package flash-attn is not installed"),
    ],
)
def test_a_config_of_something_else_is_refused(make_folder, settings, message):
    with pytest.raises(ValueError, match=message):
        load_borzoi(make_folder(**settings), device="cpu")


def test_a_config_that_is_no_json_is_refused(make_folder):
    folder = make_folder()
    (folder / "config.json").write_text("<html>", encoding="utf-8")
    with pytest.raises(ValueError, match="can't be read as JSON"):
        load_borzoi(folder)


@pytest.mark.parametrize("size", [0, 5, 1000, 10**6])
def test_a_file_that_is_cut_off_is_refused(saved, make_folder, tmp_path, size):
    with (saved / "replicate-0" / "model.safetensors").open("rb") as whole:
        (tmp_path / "cut").write_bytes(whole.read(size))
    with pytest.raises(ValueError, match=r"can't be read as safetensors .* it is cut off or damaged, get it again"):
        load_borzoi(make_folder(weights=tmp_path / "cut"))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"something": torch.zeros(3)}, r"of its tensors are missing"),
        ({"mouse_head.weight": torch.zeros(3, 1920, 1)}, "predicts mouse tracks only; get a Borzoi with human ones"),
        (
            {"human_head.weight": torch.zeros(3, 2, dtype=torch.int64)},
            "holds numbers of the type I64; Borzoi's are floats",
        ),
    ],
)
def test_weights_of_something_else_are_refused(make_folder, tmp_path, tensors, message):
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=message):
        load_borzoi(make_folder(weights=tmp_path / "other.safetensors"))


def test_weights_that_are_no_numbers_are_refused(make_folder, tmp_path):
    tensors = dict(random_borzoi().state_dict())
    tensors["separable0.conv_layer.1.bias"] = torch.full((48,), torch.nan)
    save_file(tensors, tmp_path / "broken.safetensors")
    with pytest.raises(ValueError, match=r"separable0.conv_layer.1.bias holds values that are no numbers"):
        load_borzoi(make_folder(weights=tmp_path / "broken.safetensors", input_length=LENGTH), device="cpu")


def test_flashzoi_needs_flash_attn_and_cuda(downloaded):
    message = "flash-attn and a CUDA device, but the package flash-attn is not installed and the device is cpu; choose"
    with pytest.raises(ValueError, match=message):
        load_borzoi("flashzoi", device="cpu")
    assert downloaded == []


class PlainAttention(torch.nn.Module):
    """Stands for flash_attn's MHA: the same arguments, and some attention."""

    def __init__(self, embed_dim, num_heads, num_heads_kv, **settings):
        super().__init__()
        self.Wqkv = torch.nn.Linear(embed_dim, embed_dim + 2 * embed_dim * num_heads_kv // num_heads)
        self.out_proj = torch.nn.Linear(embed_dim, embed_dim)

    def forward(self, x):
        query, key, value = self.Wqkv(x).split([x.shape[2], x.shape[2] // 2, x.shape[2] // 2], dim=2)
        query = query[..., : key.shape[2]] + query[..., key.shape[2] :]
        attended = torch.softmax(query @ key.transpose(1, 2) / 8, dim=-1) @ value
        return self.out_proj(torch.cat([attended, attended], dim=2))


def test_flashzoi_runs_its_own_layers_where_flash_attn_is(mutants, monkeypatch):
    modules = {name: types.ModuleType(name) for name in ("flash_attn", "flash_attn.modules", "flash_attn.modules.mha")}
    modules["flash_attn.modules.mha"].MHA = PlainAttention
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    for module in (borzoi, borzoi_weights):
        monkeypatch.setattr(module, "check_flash", lambda device=None: None)
    network = random_borzoi(flashed=True, seed=5)
    model = wrap(network, LENGTH)
    assert "Flashzoi's attention is computed in float16" in model.precision_report["message"]
    plain = model.plain_tss_activity(mutants)
    moved = np.abs(plain[1] - plain[0])
    assert np.median(moved / plain[0]) > 0.01
    assert np.quantile(np.abs(model.tss_activity(mutants) - plain) / moved, 0.9) < 1e-2
    assert model.gradient(mutants[0].render(), "K562").shape == (LENGTH, 4)
