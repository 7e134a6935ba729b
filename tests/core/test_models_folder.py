import copy
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from creme_core import models
from creme_core.models import load_model
from creme_core.models.enformer import attentions
from creme_core.models.folder import read_model, save_model
from creme_core.models.layout import model_layout
from creme_core.mutant import Background, Edit, Mutant
from tests.core.networks import make_tracks, own_forward, random_network, wrap
from tests.core.official_files import gamma_network

SETTINGS = {"dim": 24, "depth": 1, "heads": 2, "num_downsamples": 4, "attn_dim_key": 6, "dim_divisible_by": 4}
SETTINGS |= {"target_length": 6}
LENGTH = 16 * 20


@pytest.fixture
def folder(tmp_path) -> Path:
    module = random_network(**SETTINGS)
    return save_model(tmp_path / "deep" / "model", module, make_tracks(5), input_length=LENGTH, name="Small")


def test_a_saved_model_comes_back(folder):
    model = load_model(folder, device="cpu")
    module = random_network(**SETTINGS)
    assert (model.name, model.input_length, model.tss_bins) == ("Small", LENGTH, (2, 3))
    assert model.fingerprint == wrap(module, LENGTH).fingerprint
    background = Background(np.random.default_rng(0).integers(0, 4, LENGTH).astype(np.uint8))
    mutants = [Mutant(background), Mutant(background, [Edit(10, np.zeros(50, np.uint8))])]
    np.testing.assert_allclose(model.tss_activity(mutants), own_forward(module, mutants), rtol=1e-5)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "tracks.tsv"]
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_saving_keeps_the_crop_the_module_has_now_and_the_head_asked_for(tmp_path):
    module = random_network(**SETTINGS, seed=4)
    module.set_target_length(10)
    save_model(tmp_path, module, make_tracks(2), input_length=LENGTH, head="mouse")
    model = load_model(str(tmp_path), device="cpu", precision="float64")
    assert (model.head, model.output_bins, model.precision) == ("mouse", 10, "float64")
    assert len(model.tracks) == 2


def test_saving_refuses_what_does_not_fit(tmp_path):
    with pytest.raises(ValueError, match="no head 'yeast'; it has human, mouse"):
        save_model(tmp_path, random_network(**SETTINGS), make_tracks(5), head="yeast")
    with pytest.raises(ValueError, match="4 rows but the model predicts 5"):
        save_model(tmp_path, random_network(**SETTINGS), make_tracks(4))


def test_a_missing_file_is_named(folder):
    (folder / "tracks.tsv").unlink()
    with pytest.raises(ValueError, match=r"lacks tracks\.tsv; a model folder holds config\.json, model\.safetensors"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", r"config\.json can't be read as JSON"),
        ("config.json", "[]", "is no model description"),
        ("config.json", '{"head": "fly", "output_heads": {"human": 5}}', "names the head 'fly'"),
        ("model.safetensors", "not weights", r"model\.safetensors can't be read as safetensors"),
        ("tracks.tsv", "index\tidentifier\n", "no column assay"),
        ("config.json", '{"input_length": "all", "output_heads": {"human": 5}}', "has input_length='all'"),
        ("config.json", '{"dim": -4, "output_heads": {"human": 5}}', "has dim=-4; it must be a whole number from 2"),
        ("config.json", '{"output_heads": {}}', "has output_heads={}; it must name heads with sizes"),
    ],
)
def test_a_damaged_file_is_named(folder, name, content, message):
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_model(folder)


def test_weights_of_another_network_are_refused(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"dim": 36}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"does not fit config\.json: .* another shape"):
        load_model(folder)
    (folder / "config.json").write_text(json.dumps(config | {"depth": 2}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"does not fit config\.json: \d+ tensors are missing"):
        load_model(folder)


@pytest.mark.parametrize("name", ["demo2", "borzoi-4", "Enformer", "/nowhere/at/all", Path("enformer")])
def test_an_unknown_model_is_refused_with_what_there_is(name):
    known = "'demo', 'enformer', 'borzoi', 'flashzoi' or the path of a model folder"
    with pytest.raises(ValueError, match=f"is no known model; give {known}"):
        load_model(name)


def test_saving_keeps_the_position_features_the_module_uses_now(tmp_path):
    module = copy.deepcopy(gamma_network())
    module.config.use_tf_gamma = False  # as where enformer_pytorch.from_pretrained set the layers alone
    save_model(tmp_path, module, make_tracks(5))
    assert all(attention.use_tf_gamma for attention in attentions(read_model(tmp_path).module))
    attentions(module)[1].use_tf_gamma = False
    with pytest.raises(ValueError, match="Only some attention layers have use_tf_gamma"):
        save_model(tmp_path, module, make_tracks(5))


def test_a_model_in_use_outlives_its_files(folder):
    model = load_model(folder, device="cpu", precision="float64")
    mutant = [Mutant(Background(np.random.default_rng(1).integers(0, 4, LENGTH).astype(np.uint8)))]
    expected = model.plain_tss_activity(mutant)
    again = load_model(folder, device="cpu")
    save_model(folder, random_network(**SETTINGS, seed=9), make_tracks(5), input_length=LENGTH)
    np.testing.assert_allclose(again.plain_tss_activity(mutant), expected, rtol=1e-5)
    assert load_model(folder, device="cpu").fingerprint != again.fingerprint


def test_weights_are_in_memory_once(folder):
    module = read_model(folder).module
    assert {parameter.device.type for parameter in module.parameters()} == {"cpu"}
    assert module._trunk[1][0].weight is module.stem[0].weight
    model = load_model(folder, device="cpu")
    assert model._network.stem[0].weight.data_ptr() == model._network._trunk[1][0].weight.data_ptr()


@pytest.mark.parametrize(
    ("config", "files", "layout"),
    [
        ({"input_length": 320, "output_heads": {"human": 5}}, (), "own"),
        ({"output_heads": {"human": 5}}, (), "own"),
        ({"model_type": "enformer"}, (), "enformer"),
        ({"dim": 1536}, ("pytorch_model.bin",), "enformer"),
        ({"architectures": ["Enformer"]}, (), "enformer"),
        ({"model_type": "bert"}, (), "enformer"),
        ({"model_type": "borzoi", "flashed": True}, (), "borzoi"),
        ({"dim": 1536, "return_center_bins_only": True}, ("pytorch_model.bin",), "borzoi"),
        (None, ("pytorch_model.bin",), "own"),
    ],
)
def test_a_folder_is_known_by_its_config(tmp_path, config, files, layout):
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for file in files:
        (tmp_path / file).write_bytes(b"")
    assert model_layout(tmp_path) == layout


@pytest.mark.parametrize(
    ("given", "expected"), [("borzoi", "borzoi"), ("borzoi-3", "borzoi-3"), ("flashzoi", "flashzoi"), (None, None)]
)
def test_borzois_are_left_to_their_module(monkeypatch, tmp_path, given, expected):
    asked = []
    module = types.ModuleType("creme_core.models.borzoi")
    module.load_borzoi = lambda name, **settings: asked.append((name, settings))
    monkeypatch.setitem(sys.modules, "creme_core.models.borzoi", module)
    (tmp_path / "config.json").write_text('{"model_type": "borzoi"}', encoding="utf-8")
    load_model(tmp_path if given is None else given, device="cpu", replicates=(0, 1))
    settings = {"device": "cpu", "precision": "auto", "replicates": (0, 1)}
    assert asked == [(tmp_path if given is None else expected, settings)]


def test_a_missing_demo_is_explained(monkeypatch, tmp_path):
    monkeypatch.setattr(models, "DEMO_FOLDER", tmp_path / "model")
    with pytest.raises(ValueError, match=r"demo model is not at .*; restore assets/demo/model"):
        load_model("demo")


@pytest.mark.skipif(not models.DEMO_FOLDER.is_dir(), reason="the demo model has not been built")
def test_the_demo_says_what_its_own_forward_says():
    model = load_model("demo", device="cpu")
    rng = np.random.default_rng(0)
    middle = model.input_length // 2
    background = Background(rng.integers(0, 4, model.input_length).astype(np.uint8))
    edits = [Edit(start, rng.integers(0, 4, 5_000).astype(np.uint8)) for start in (0, middle - 2_500, middle + 20_000)]
    mutants = [Mutant(background), *(Mutant(background, [edit]) for edit in edits)]
    exact = load_model("demo", device="cpu", precision="float64")
    plain = exact.plain_tss_activity(mutants)
    np.testing.assert_allclose(exact.tss_activity(mutants), plain, rtol=1e-9)
    assert np.abs(plain / plain[0] - 1).max() > 0.01

    def effects(activity):
        return (activity[0] - activity[1:]) / activity[0]

    np.testing.assert_allclose(effects(model.tss_activity(mutants)), effects(plain), atol=1e-4)
