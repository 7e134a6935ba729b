import copy
import weakref
from unittest import mock

import numpy as np
import pytest
import torch
from borzoi_pytorch import Borzoi

from creme_core.effects import BORZOI_CUTOFFS
from creme_core.models import batched, borzoi_replicates
from creme_core.models.base import SequenceModel, resolve_readout
from creme_core.models.batching import BatchSize
from creme_core.models.borzoi import BorzoiModel
from creme_core.mutant import Background, Edit, Mutant
from tests.core.borzoi_networks import own_forward, own_outputs, random_borzoi, targets, wrap

LENGTH = 768


@pytest.fixture(scope="module")
def other() -> Borzoi:
    """A second replicate."""
    module = copy.deepcopy(random_borzoi())
    with torch.no_grad():
        module.conv_dna.conv_layer.weight.mul_(-1)
    return module


@pytest.fixture(scope="module")
def model() -> BorzoiModel:
    return wrap(random_borzoi(), LENGTH)


@pytest.fixture(scope="module")
def mutants() -> list[Mutant]:
    rng = np.random.default_rng(0)
    background = Background(rng.integers(0, 5, LENGTH).astype(np.uint8))
    edits = [Edit(start, rng.integers(0, 4, 100).astype(np.uint8)) for start in (0, 340, 668)]
    return [Mutant(background), *(Mutant(background, [edit]) for edit in edits)]


def resized(module: Borzoi, **settings) -> Borzoi:
    """The same weights under another config."""
    changed = copy.copy(module)
    changed.config = copy.deepcopy(module.config)
    for name, value in settings.items():
        setattr(changed.config, name, value)
    return changed


def test_it_is_a_sequence_model_of_borzois_geometry():
    model = wrap(resized(random_borzoi(), bins_to_return=6144), 524_288)
    assert isinstance(model, SequenceModel)
    assert (model.bin_size, model.output_bins, model.tss_bins) == (32, 6144, tuple(range(3068, 3076)))
    assert (model.precision, model.device, model.streamed) == ("float32", torch.device("cpu"), False)
    assert model.cutoffs is BORZOI_CUTOFFS
    assert model.cell_lines[:3] == ("K562", "GM12878", "PC-3")
    assert model.batch_size >= 1
    uncut = wrap(resized(random_borzoi(), return_center_bins_only=False), 524_288)
    assert (uncut.output_bins, uncut.tss_bins) == (16352, tuple(range(8172, 8180)))
    assert uncut.fingerprint == model.fingerprint


def test_plain_and_fast_say_the_same(model, mutants):
    fast, plain = model.tss_activity(mutants), model.plain_tss_activity(mutants)
    assert fast.dtype == plain.dtype == np.float32
    assert fast.shape == (4, 6973)
    expected = own_forward(random_borzoi(), mutants)
    np.testing.assert_allclose(plain, expected, rtol=1e-4)
    spread = np.ptp(expected, axis=0)
    assert np.quantile(np.abs(fast - expected) / spread, 0.99) < 1e-3
    assert model.tss_activity([]).shape == (0, 6973)
    # A profile up to both ends of the sequence.
    full = model.forward_full(mutants[0].render()[None])[0]
    tracks = [int(resolve_readout(model.tracks, "GM12878")[0]), 700]
    np.testing.assert_allclose(model.profile(mutants[0].render(), ["GM12878", 700]), full[:, tracks], rtol=1e-3)


def test_the_callers_module_is_left_as_it_was(model, mutants):
    module = copy.deepcopy(random_borzoi())
    # A Borzoi keeps the positions of the first length that it sees: those must not be used, nor ours be left.
    own_outputs(module, np.zeros((1, 2048), np.uint8))
    module.train()
    kept = [layer[0].fn[1].positions for layer in module.transformer]
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    again = wrap(module, LENGTH)
    np.testing.assert_allclose(again.tss_activity(mutants[:2]), model.tss_activity(mutants[:2]), rtol=1e-3)
    again.plain_tss_activity(mutants[:1])
    assert module.training
    assert all(layer[0].fn[1].positions is positions for layer, positions in zip(module.transformer, kept, strict=True))
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())


@pytest.fixture(scope="module")
def alone(model, other, mutants) -> list[tuple[np.ndarray, ...]]:
    """Activity, profile and gradient of each replicate by itself."""
    codes = mutants[0].render()
    return [
        (each.tss_activity(mutants), each.profile(codes, ["K562", 3]), each.gradient(codes, "PC-3"))
        for each in (model, wrap(other, LENGTH))
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_replicates_are_averaged_last(other, mutants, alone, streamed):
    model = wrap([random_borzoi(), other], LENGTH, streamed=streamed)
    assert (model.replicates, model.streamed) == (2, streamed)
    codes = mutants[0].render()
    activity, profile, gradient = (sum(values) / 2 for values in zip(*alone, strict=True))
    np.testing.assert_allclose(model.tss_activity(mutants), activity, rtol=1e-3)
    if streamed:
        np.testing.assert_allclose(model.profile(codes, ["K562", 3]), profile, rtol=1e-4)
        np.testing.assert_allclose(model.gradient(codes, "PC-3"), gradient, atol=1e-5 * np.abs(gradient).max())


def test_several_replicates_on_a_cpu_are_held_one_at_a_time(other, mutants):
    alive = []
    made = borzoi_replicates.frozen_network

    def watched(*arguments):
        assert not [reference for reference in alive if reference() is not None], "two replicates at once"
        network = made(*arguments)
        alive.append(weakref.ref(network))
        return network

    with mock.patch.object(borzoi_replicates, "frozen_network", watched):
        model = wrap([random_borzoi(), other], LENGTH)
        assert model.streamed
        first = model.tss_activity(mutants)
        made_before = len(alive)
        # One call of many mutants loads each replicate once, and what was computed of the background is still known.
        model._batch = BatchSize(1, 1)
        with mock.patch("creme_core.models.trunk.WindowTrunk.columns", side_effect=AssertionError("computed again")):
            again = model.tss_activity(mutants)
        assert len(alive) == made_before + 2
        np.testing.assert_allclose(again, first, rtol=1e-3)
    assert [reference for reference in alive if reference() is not None] == []


def test_loading_again_is_spread_over_large_batches():
    size = BatchSize(guess=4, limit=1000)
    size.observe(4, seconds=4.0, fixed=0.0)
    assert size.size == 2
    # A second of loading is worth ten seconds of mutants.
    for _ in range(5):
        size.observe(4, seconds=4.0, fixed=1.0)
    assert size.size == 10


def test_the_fingerprint_follows_what_decides_a_prediction(model, other):
    one = model.fingerprint
    assert len(one) == 32
    together = wrap([random_borzoi(), other], LENGTH, streamed=True).fingerprint
    assert together == wrap([other, random_borzoi()], LENGTH).fingerprint
    rescaled = targets().assign(scale=targets()["scale"] * 2)
    different = [
        together,
        wrap(other, LENGTH).fingerprint,
        wrap(random_borzoi(), LENGTH + 128).fingerprint,
        BorzoiModel(random_borzoi(), rescaled, device="cpu", input_length=LENGTH).fingerprint,
    ]
    assert len({one, *different}) == 5


def test_a_sequence_of_another_length_is_refused(model):
    short = np.zeros(LENGTH - 1, np.uint8)
    for ask in (
        lambda: model.tss_activity([Mutant(Background(short))]),
        lambda: model.forward_full(short[None]),
        lambda: model.profile(short, [0]),
        lambda: model.gradient(short, 0),
    ):
        with pytest.raises(ValueError, match="767 bases but Borzoi takes 768; make the locus with length=768"):
            ask()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wrap(torch.nn.Linear(1, 1), LENGTH), "wraps borzoi_pytorch.Borzoi networks, not a Linear"),
        (lambda: wrap([], LENGTH), "needs at least one network"),
        (lambda: wrap([random_borzoi(), resized(random_borzoi(), depth=1)], LENGTH), "another architecture"),
        (lambda: wrap(random_borzoi(), LENGTH + 64), "must be a multiple of 128"),
        (lambda: wrap(random_borzoi(), 640), "keeps 24 of 20 bins; it must keep 8 to 20"),
        (lambda: wrap(resized(random_borzoi(), bins_to_return=6), LENGTH), "keeps 6 of 24 bins"),
        (lambda: wrap(resized(random_borzoi(), enable_human_head=False), LENGTH), "without a head for human tracks"),
        (lambda: wrap(random_borzoi(), LENGTH, precision="tf32"), "needs a CUDA device"),
        (
            lambda: BorzoiModel(random_borzoi(), targets().iloc[:1276], input_length=LENGTH, device="cpu"),
            "1,276 outputs but the network has 7,611; it is of another model",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Engine:
    """Answers for as many mutants at once as it has room for; remembers the batches."""

    def __init__(self, room: int):
        self.room = room
        self.batches: list[int] = []

    def tss_activity(self, mutants):
        self.batches.append(len(mutants))
        if len(mutants) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torch.tensor([[float(mutant.edits[0].start)] for mutant in mutants])


def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_lost(model):
    model.tss_activity([Mutant(Background(np.zeros(LENGTH, np.uint8)))])
    assert model._replicates.caching
    model._batch = BatchSize(guess=16, limit=16)
    background = Background(np.zeros(LENGTH, np.uint8))
    many = [Mutant(background, [Edit(start, np.ones(1, np.uint8))]) for start in range(10)]
    engine = Engine(3)
    assert model._in_batches(engine, many)[:, 0].tolist() == list(range(10))
    assert engine.batches[:3] == [10, 5, 2]
    assert not model._replicates.caching
    with pytest.raises(MemoryError, match="not enough memory on cpu for one sequence of Borzoi; close other programs"):
        model._in_batches(Engine(0), many[:1])


@pytest.mark.parametrize("allowed", [1e-9, 1e9])
def test_half_precision_is_used_only_where_effects_stay(monkeypatch, allowed):
    monkeypatch.setattr(batched, "LARGEST_EFFECT_ERROR", allowed)
    monkeypatch.setattr(batched, "CHECKED_PLACES", (0.1, 0.5))
    module, length = resized(random_borzoi(), bins_to_return=16), 512
    mutants = [Mutant(Background(np.random.default_rng(1).integers(0, 4, length).astype(np.uint8)))]
    model = wrap(module, length, precision="bfloat16")
    report = model.precision_report
    assert report["checked"]
    assert 1e-9 < report["largest_difference"] < 1e9
    used = "bfloat16" if allowed > 1 else "float32"
    assert model.precision == report["used"] == used
    activity, exact = model.tss_activity(mutants), wrap(module, length).tss_activity(mutants)
    assert activity.dtype == np.float32
    moved = np.median(np.abs(activity / exact - 1))
    assert moved < 1e-5 if used == "float32" else 1e-4 < moved < 0.1
