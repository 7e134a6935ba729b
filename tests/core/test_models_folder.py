import json
from pathlib import Path

import numpy as np
import pytest

from creme_core import models
from creme_core.models import load_model
from creme_core.models.folder import save_model
from creme_core.mutant import Background, Edit, Mutant
from tests.core.networks import make_tracks, own_forward, random_network, wrap

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


@pytest.mark.parametrize("name", ["enformer", "demo2", "/nowhere/at/all"])
def test_an_unknown_model_is_refused_with_what_there_is(name):
    with pytest.raises(ValueError, match="is no known model; give 'demo' or the path of a model folder"):
        load_model(name)


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
