import copy
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from enformer_pytorch import from_pretrained
from safetensors.torch import save_file

import creme_core as creme
from creme_core import downloads
from creme_core.models import load_model
from creme_core.models.enformer import attentions
from creme_core.models.folder import read_model
from creme_core.models.official import convert
from creme_core.models.weights import named_tensors
from creme_core.mutant import Background, Edit, Mutant
from tests.core.networks import make_tracks, own_forward
from tests.core.official_files import enformer_targets, gamma_network, official_config, save_pickle
from tests.faulty_server import Truncate

REPOSITORY = "EleutherAI/enformer-official-rough"
TARGETS = "calico/basenji/master/manuscripts/cross2020/targets_human.txt"


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path) -> Path:
    """An official folder, with a table of its five tracks."""
    made = save_pickle(tmp_path / "Small Enformer", gamma_network())
    make_tracks(5).to_csv(made / "tracks.tsv", sep="\t", index=False)
    return made


def one_mutant() -> list[Mutant]:
    rng = np.random.default_rng(0)
    edit = Edit(97_000, rng.integers(0, 4, 5_000).astype(np.uint8))
    return [Mutant(Background(rng.integers(0, 5, 196_608).astype(np.uint8)), [edit])]


def conversions(home: Path) -> list[Path]:
    return sorted(path for path in (home / "models").iterdir() if path.is_dir())


def test_enformer_pytorch_leaves_the_gammas_out_of_a_local_folder_whatever_it_is_told(folder):
    """The trap: the published way to load the weights is silent about it."""
    loaded = from_pretrained(str(folder), use_tf_gamma=True)
    assert [attention.use_tf_gamma for attention in attentions(loaded)] == [False, False]


def test_an_official_folder_says_what_the_network_says_with_the_gammas(folder):
    assert official_config()["use_tf_gamma"] is False
    model = load_model(folder, device="cpu")
    assert (model.input_length, model.output_bins, model.tss_bins) == (196_608, 896, (447, 448))
    assert [attention.use_tf_gamma for attention in attentions(model._network)] == [True, True]
    assert (model.name, model.cell_lines) == ("Small Enformer", tuple(f"line{i}" for i in range(5)))
    expected = own_forward(gamma_network(), one_mutant())
    np.testing.assert_allclose(model.tss_activity(one_mutant()), expected, rtol=1e-4)
    without = copy.deepcopy(gamma_network())
    for attention in attentions(without):
        attention.use_tf_gamma = False
    assert np.abs(own_forward(without, one_mutant()) / expected - 1).max() > 0.01


def test_enformer_comes_by_name_through_the_downloads(mirror, own_home):
    with pytest.raises(ValueError, match=r"Enformer weights \(enformer\) is not here; get it with"):
        load_model("enformer")
    made = save_pickle(own_home / "served", gamma_network(5_313))
    commit = "0123456789abcdef0123456789abcdef01234567"
    for name in ("config.json", "pytorch_model.bin"):
        content = (made / name).read_bytes()
        facts = {"X-Repo-Commit": commit, "X-Linked-Size": str(len(content))}
        facts["X-Linked-Etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        for revision in ("main", commit):
            path = f"/huggingface.co/{REPOSITORY}/resolve/{revision}/{name}"
            mirror.add(path, content, headers=facts)
    mirror.fault(f"/huggingface.co/{REPOSITORY}/resolve/{commit}/pytorch_model.bin", Truncate(100_000))
    mirror.add(f"/raw.githubusercontent.com/{TARGETS}", enformer_targets().encode())
    downloads.get("enformer")
    with pytest.raises(ValueError, match=r"Enformer track table \(enformer-tracks\) is not here"):
        load_model("enformer")
    downloads.get("enformer-tracks")

    model = load_model("enformer", device="cpu")
    assert (model.name, len(model.tracks), model.input_length) == ("Enformer", 5_313, 196_608)
    assert model.cell_lines[:3] == ("K562", "GM12878", "PC-3")
    assert len(model.cell_lines) == 638
    assert all(attention.use_tf_gamma for attention in attentions(model._network))
    activity = creme.Predictor(model).predict(one_mutant())
    expected = own_forward(gamma_network(5_313), one_mutant())
    np.testing.assert_allclose(activity, expected, rtol=1e-4)
    # A folder of one's own with the same files is the same network, and finds the table by itself.
    assert load_model(made, device="cpu").fingerprint == model.fingerprint


def test_a_fingerprint_does_not_depend_on_how_the_weights_are_written(folder, own_home):
    both = gamma_network().state_dict()
    fingerprints = [load_model(folder, device="cpu").fingerprint]
    plain = {name: tensor for name, tensor in both.items() if not name.startswith("_trunk.")}
    trunk = {name: tensor for name, tensor in both.items() if name.startswith(("_trunk.", "_heads."))}
    uncounted = {name: tensor for name, tensor in plain.items() if not name.endswith("num_batches_tracked")}
    for tensors in (both, plain, trunk, uncounted):
        # The pickle lies beside it: model.safetensors goes first, as on Hugging Face.
        save_file({name: tensor.clone() for name, tensor in tensors.items()}, folder / "model.safetensors")
        fingerprints.append(load_model(folder, device="cpu").fingerprint)
        assert len(conversions(own_home)) == 1
    (folder / "model.safetensors").unlink()
    torch.save(both, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    fingerprints.append(load_model(folder, device="cpu").fingerprint)
    assert len(set(fingerprints)) == 1
    assert load_model(conversions(own_home)[0], device="cpu").fingerprint == fingerprints[0]


def test_half_precision_weights_are_read_as_float32(folder):
    torch.save(copy.deepcopy(gamma_network()).half().state_dict(), folder / "pytorch_model.bin")
    assert {tensor.dtype for tensor in read_model(convert(folder)).module.parameters()} == {torch.float32}


def test_what_was_converted_is_used_until_a_source_changes(folder, own_home, monkeypatch):
    first = convert(folder)
    assert [path.name for path in conversions(own_home)] == [first.name]
    assert sorted(path.name for path in first.iterdir()) == ["config.json", "model.safetensors", "tracks.tsv"]
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was converted before"))
        assert convert(folder) == first
    changed = {name: tensor + 1 for name, tensor in gamma_network().state_dict().items()}
    torch.save(changed, folder / "pytorch_model.bin")
    second = convert(folder)
    make_tracks(5).assign(cell_line="X").to_csv(folder / "tracks.tsv", sep="\t", index=False)
    third = convert(folder)
    assert len({first, second, third}) == 3
    assert conversions(own_home) == [third]
    assert read_model(third).tracks["cell_line"].tolist() == ["X"] * 5
    assert torch.equal(read_model(third).module.stem[0].bias, changed["stem.0.bias"])


def test_a_damaged_conversion_is_made_anew(folder):
    expected = load_model(folder, device="cpu").fingerprint
    weights = convert(folder) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000])
    assert load_model(folder, device="cpu").fingerprint == expected
    (convert(folder) / "tracks.tsv").unlink()
    assert load_model(folder, device="cpu").fingerprint == expected


def test_the_converted_folder_is_our_own_layout_and_the_gammas_stay(folder):
    converted = convert(folder)
    config = json.loads((converted / "config.json").read_text(encoding="utf-8"))
    assert config["use_tf_gamma"] is True
    saved = read_model(converted)
    assert all(attention.use_tf_gamma for attention in attentions(saved.module))
    expected = named_tensors(gamma_network())
    assert all(torch.equal(tensor, expected[name]) for name, tensor in named_tensors(saved.module).items())
