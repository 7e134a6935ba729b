"""What the README says on wrapping one's own network is run here as it stands there."""

import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from creme_core.models import SequenceModel, make_tracks
from creme_core.models.torch_model import TorchModel
from creme_core.mutant import Background, Edit, Mutant

MARK = "<!-- own model -->"
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
LENGTH = 640


def blocks() -> list[str]:
    """The Python blocks of the marked section."""
    section = re.split(r"\n## ", README.split(MARK)[1].lstrip().removeprefix("## "))[0]
    return re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> dict:
    """What is defined once every block has run."""
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        patch.chdir(tmp_path_factory.mktemp("own"))
        torch.manual_seed(0)
        Path("example.py").write_text("\n".join(blocks()), encoding="utf-8")
        return runpy.run_path("example.py")


def mutants(length: int) -> list[Mutant]:
    rng = np.random.default_rng(0)
    background = Background(rng.integers(0, 5, length).astype(np.uint8))
    places = (0, length // 3, length // 2 - 7, length - 100)
    edits = [Edit(start, rng.integers(0, 4, 100).astype(np.uint8)) for start in places]
    return [Mutant(background), *(Mutant(background, [edit]) for edit in edits), Mutant(background, edits)]


def test_the_examples_network_runs_through_the_necessity_test(example):
    assert len(blocks()) == 3
    table = example["result"].effects("K562")
    assert len(table) == 14
    assert np.isfinite(table["effect"]).all()
    assert table["effect"].abs().max() > 1e-4
    assert example["result"].provenance["model"]["name"] == "My network"


def test_the_examples_network_says_what_the_network_says(example):
    model = example["MyModel"](example["network"], ["K562", "HepG2"], input_length=32_768, device="cpu")
    asked = mutants(32_768)
    bases = model.bases(np.stack([mutant.render() for mutant in asked]))
    with torch.inference_mode():
        whole = example["network"](bases.transpose(1, 2))
    np.testing.assert_allclose(model.tss_activity(asked), whole[:, :, 127:129].mean(dim=2).numpy(), rtol=1e-5)


def test_the_examples_faster_model_says_the_same_and_computes_less(example):
    plain = example["MyModel"](example["network"], ["K562", "HepG2"], input_length=32_768, device="cpu")
    bins = []
    handle = example["local"].register_forward_hook(lambda layers, given, output: bins.append(output.shape[2]))
    asked = mutants(32_768)
    fast = example["faster"].tss_activity(asked)
    handle.remove()
    np.testing.assert_allclose(fast, plain.tss_activity(asked), rtol=1e-5)
    assert np.abs(fast / fast[0] - 1).max() > 1e-3
    assert sum(bins) < 256 + 8 * 6  # a background, and eight edits


def test_the_examples_enformer_comes_back_from_its_folder(example):
    model, again = example["model"], example["again"]
    assert again.fingerprint == model.fingerprint
    assert again.cell_lines == ("K562", "HepG2")
    asked = mutants(32_768)
    np.testing.assert_allclose(again.tss_activity(asked), model.plain_tss_activity(asked), rtol=1e-4)


class Toy(TorchModel):
    def forward(self, bases):
        return self.network(bases.transpose(1, 2)).transpose(1, 2)


@pytest.fixture
def network() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return torch.nn.Sequential(torch.nn.Conv1d(4, 3, 65, stride=64, padding=32), torch.nn.Dropout(), Square())


class Square(torch.nn.Module):
    def forward(self, x):
        return x**2


def test_a_wrapped_network_has_all_a_model_needs(network):
    model = Toy(network, ["PC-3", "HepG2", "K562"], input_length=LENGTH, device="cpu")
    assert isinstance(model, SequenceModel)
    assert (model.name, model.output_bins, model.bin_size, model.tss_bins) == ("Sequential", 10, 64, (4, 5))
    assert model.cell_lines == ("K562", "PC-3", "HepG2")
    assert network.training
    assert not model.network.training
    codes = mutants(LENGTH)[0].render()
    profile = model.profile(codes, ["HepG2", 2])
    assert profile.shape == (10, 2)
    assert profile[4:6, 0].mean() == pytest.approx(model.tss_activity(mutants(LENGTH)[:1])[0, 1], rel=1e-6)
    assert model.profile(codes, []).shape == (10, 0)
    assert model.tss_activity([]).shape == (0, 3)


def test_the_gradient_of_a_wrapped_network_predicts_a_change(network):
    model = Toy(network, ["A", "B", "C"], input_length=LENGTH, device="cpu", precision="float64")
    codes = mutants(LENGTH)[1].render()
    gradient = model.gradient(codes, "B")
    assert gradient.shape == (LENGTH, 4)
    bases = model.bases(codes[None])
    step = 1e-6 * torch.randn(bases.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ahead, behind = (model.forward(bases + sign * step)[0, 4:6, 1].mean() for sign in (1, -1))
    assert float(ahead - behind) / 2 == pytest.approx(float((torch.from_numpy(gradient) * step).sum()), rel=1e-5)


def test_batches_of_a_wrapped_network_shrink_where_memory_runs_out(network):
    class Tight(Toy):
        room = 100

        def forward(self, bases):
            if len(bases) > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().forward(bases)

    model = Tight(network, ["A", "B", "C"], input_length=LENGTH, device="cpu", batch_size=5)
    expected = model.tss_activity(mutants(LENGTH))
    model.room = 1
    np.testing.assert_allclose(model.tss_activity(mutants(LENGTH)), expected, rtol=1e-5)
    assert model.batch_size == 1
    model.room = 0
    with pytest.raises(MemoryError, match="not enough memory on cpu for one sequence of Sequential"):
        model.tss_activity(mutants(LENGTH))


def test_a_network_without_bins_is_its_own_bin(network):
    class Scalar(Toy):
        def forward(self, bases):
            return super().forward(bases).mean(dim=1)

    model = Scalar(network, ["A", "B", "C"], input_length=LENGTH, device="cpu")
    assert (model.output_bins, model.tss_bins, model.bin_size) == (1, (0,), LENGTH)
    assert model.tss_activity(mutants(LENGTH)).shape == (6, 3)


def test_predictions_are_filed_under_what_decides_them(network):
    def address(**settings) -> str:
        return Toy(network, ["A", "B", "C"], **({"input_length": LENGTH, "device": "cpu"} | settings)).fingerprint

    original = address()
    assert address(name="Other", precision="float64", batch_size=1) == original
    assert len({original, address(version="2"), address(tss_bins=(4,)), address(input_length=1_280)}) == 4
    network[0].weight.data[0, 0, 0] += 1
    assert address() != original


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tracks": ["A", "B"]}, "2 rows but the model predicts 3"),
        ({"tracks": ["A", "B", "B"]}, "give each output a cell line's name of its own"),
        ({"tss_bins": (10,)}, r"tss_bins=\(10,\) do not fit; Sequential has bins 0 to 9"),
        ({"tss_bins": ()}, r"tss_bins=\(\) do not fit"),
        ({"precision": "float16"}, "precision='float16' is not for a TorchModel"),
    ],
)
def test_settings_that_do_not_fit_the_network_are_refused(network, settings, message):
    tracks = settings.pop("tracks", make_tracks(["A", "B", "C"]))
    with pytest.raises(ValueError, match=message):
        Toy(network, tracks, input_length=LENGTH, device="cpu", **settings)


def test_a_forward_of_the_wrong_shape_is_refused_at_once(network):
    class Wrong(Toy):
        def forward(self, bases):
            return super().forward(bases)[0, 0]

    with pytest.raises(ValueError, match=r"forward of Wrong gave \(3,\) for 1 sequences; it must give a tensor"):
        Wrong(network, ["A", "B", "C"], input_length=LENGTH, device="cpu")


def test_a_locus_of_another_length_is_refused(network):
    model = Toy(network, ["A", "B", "C"], input_length=LENGTH, device="cpu")
    with pytest.raises(ValueError, match="641 bases but Sequential takes 640; make the locus with length=640"):
        model.tss_activity(mutants(641))
    with pytest.raises(ValueError, match="641 bases but Sequential takes 640"):
        model.profile(mutants(641)[0].render(), ["A"])


def test_named_tracks_are_a_track_table():
    table = make_tracks(["K562", "NA"])
    assert isinstance(table, pd.DataFrame)
    assert table["cell_line"].tolist() == ["K562", "NA"]
    with pytest.raises(ValueError, match="Tracks can't be named"):
        make_tracks([])
