"""Borzoi's fast path says what the network's own forward says, on every track, for any edits.

Errors are stated as a share of the spread that the edits cause, since that is what CREME reads.
"""

import copy
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creme_core.models import borzoi_incremental, incremental
from creme_core.models.borzoi import BorzoiModel
from creme_core.models.borzoi_decoder import reading_of
from creme_core.models.borzoi_incremental import IncrementalBorzoi
from creme_core.models.borzoi_tracks import BorzoiOutputs
from creme_core.models.borzoi_weights import InMemory, frozen_network
from creme_core.mutant import Background, Edit, Mutant
from creme_core.sequence import one_hot
from tests.core.borzoi_networks import own_forward, own_outputs, random_borzoi, targets, unsquashed, wrap

LENGTH = 1536
CENTRE = LENGTH // 2
COLUMNS = LENGTH // 128
# Narrow windows, so that sequences this short are cut into several.
NARROW = {"ACTIVATION_BYTES": {"cpu": 0}, "LEAST_COLUMNS_AT_ONCE": 5}


@pytest.fixture(scope="module")
def double() -> torch.nn.Module:
    return copy.deepcopy(random_borzoi()).double()


@pytest.fixture(scope="module")
def model(double) -> BorzoiModel:
    """Its caches outlive a test, so what they hold is tested too."""
    with mock.patch.multiple(incremental, **NARROW):
        return wrap(double, LENGTH, precision="float64")


def bases(seed: int, size: int) -> np.ndarray:
    """Random codes, N among them."""
    return np.random.default_rng(seed).choice(5, size=size, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8)


def edit(start: int, size: int, seed: int = 1) -> Edit:
    return Edit(start, bases(seed + start, size))


ONE, OTHER = Background(bases(0, LENGTH)), Background(bases(5, LENGTH))
TSS_TILE = edit(CENTRE - 128, 256)
EDITS = {
    "none": [],
    "first base": [Edit(0, 3 - bases(0, 1).clip(0, 3))],
    "last base": [Edit(LENGTH - 1, (bases(0, LENGTH)[-1:] + 1) % 4)],
    "both ends": [edit(0, 130), edit(LENGTH - 90, 90)],
    "the TSS tile": [TSS_TILE],
    "across the TSS": [edit(CENTRE - 2, 4)],
    "across a pool of every size": [edit(511, 2), edit(1023, 2)],
    "just within and just out of reach of the TSS": [edit(CENTRE - 515, 1), edit(CENTRE + 514, 2)],
    "several windows, one over another": [edit(100, 40), edit(110, 9), edit(700, 100), edit(1400, 60)],
    "all but the TSS tile": [edit(0, CENTRE - 128), edit(CENTRE + 128, LENGTH - CENTRE - 128)],
    "unknown bases": [Edit(900, np.full(60, 4, np.uint8))],
}


@pytest.fixture(scope="module")
def expected(double) -> np.ndarray:
    return own_forward(double, [Mutant(ONE, edits) for edits in EDITS.values()])


@pytest.fixture(scope="module")
def largest_error(expected):
    """Gives the largest difference as a share of the spread that the edits above cause in its track."""
    spread = np.ptp(expected, axis=0)
    assert (spread > 1e-3 * np.abs(expected).max(axis=0)).all(), "the edits move too little to test anything"
    return lambda activity, wanted: float((np.abs(activity - wanted) / spread).max())


def test_equals_own_forward_in_float64(double, model, expected, largest_error):
    mutants = [Mutant(ONE, edits) for edits in EDITS.values()]
    assert largest_error(model.tss_activity(mutants), expected) < 1e-8
    # Again, from the caches, in another order and in the company of another background.
    other = Mutant(OTHER, [TSS_TILE])
    together = model.tss_activity([*mutants[::-1], other])
    assert largest_error(together[-2::-1], expected) < 1e-8
    np.testing.assert_allclose(together[-1:], own_forward(double, [other]), rtol=1e-9)


def test_equals_own_forward_in_float32(expected, largest_error):
    mutants = [Mutant(ONE, edits) for edits in EDITS.values()]
    activity = wrap(random_borzoi(), LENGTH).tss_activity(mutants)
    assert activity.dtype == np.float32
    relative = np.abs(activity / expected - 1)
    assert np.median(relative) < 1e-5
    # Where an output bends (RNA is divided by 0.01 and squared) any rounding is magnified: the network's own as well.
    assert np.quantile(relative, 0.99) < 1e-4
    assert largest_error(activity, expected) < 5e-3


def test_far_tiles_matter_in_a_longer_sequence(double):
    """An edit that no convolution carries to the TSS moves the prediction, by attention alone."""
    length = 4096
    background = Background(bases(0, length))
    mutants = [Mutant(background, edits) for edits in ([], [edit(0, 800)], [edit(length - 600, 600)])]
    wanted = own_forward(double, mutants)
    moved = np.abs(wanted[1:] / wanted[0] - 1)
    assert (np.quantile(moved, 0.95, axis=1) > 0.01).all()
    activity = wrap(double, length, precision="float64").tss_activity(mutants)
    # To a share of what the lesser of the two edits does.
    assert np.quantile(np.abs(activity / wanted - 1)[1:] / moved, 0.99) < 1e-7


def test_profile_is_that_of_the_network(double, model):
    codes = ONE.codes
    with torch.inference_mode():
        raw = own_outputs(double, codes[None])[0].T.numpy()
    coverage = unsquashed(raw)
    k562, dnase = coverage[:, 872] + coverage[:, 873], coverage[:, 1276]
    profile = model.profile(codes, ["K562", "ENCFF833POA"])
    assert profile.shape == (24, 2)
    np.testing.assert_allclose(profile, np.stack([k562, dnase], axis=1), rtol=1e-6)
    activity = model.tss_activity([Mutant(ONE)])[0]
    row = model.tracks.index[model.tracks["identifier"] == "ENCFF833POA"][0]
    np.testing.assert_allclose(profile[model.tss_bins, 1].mean(), activity[row], rtol=1e-6)


def test_gradient_is_that_of_the_network(double, model):
    codes = ONE.codes.copy()
    # Convolutions at neighbouring positions of a run are equal, and the larger of the two is either.
    codes[300:330] = 0
    leaf = torch.from_numpy(one_hot(codes, np.float64)[None]).transpose(1, 2).requires_grad_()
    raw = _own_raw(double, leaf)[0, [872, 873]]
    centre = raw.shape[1] // 2
    x = raw[:, centre - 4 : centre + 4]
    torch.where(x > 384, (x - 384) ** 2 + 384, x).mean(dim=1).sum().backward()
    expected = leaf.grad[0].T.numpy()
    assert np.abs(expected[:128]).max() > 0
    assert np.abs(expected[-128:]).max() > 0
    gradient = model.gradient(codes, "K562")
    np.testing.assert_allclose(gradient, expected, atol=1e-10 * np.abs(expected).max())


def _own_raw(module, leaf):
    own_outputs(module, ONE.codes[None])  # Sets position features of this length.
    return module.final_softplus(module.human_head(module.final_joined_convs(module.get_embs_after_crop(leaf))))


@pytest.fixture
def engine(double) -> IncrementalBorzoi:
    """12 columns whose columns see 259 bases more on each side, with nothing cached."""
    network = frozen_network(InMemory(double), torch.device("cpu"), torch.float64)
    return IncrementalBorzoi(network, BorzoiOutputs(targets()), LENGTH, 24, torch.float64)


def test_only_what_an_edit_reaches_is_computed(engine):
    engine.columns([Mutant(ONE)])
    assert engine.computed_columns == COLUMNS
    # Bases 640 to 643 are in column 5; 259 bases further lie in columns 2 and 7.
    one = Mutant(ONE, [Edit(640, (ONE.codes[640:644] + 1) % 4)])
    engine.columns([one])
    assert engine.computed_columns == COLUMNS + 6
    engine.columns([one, Mutant(ONE)])
    assert engine.computed_columns == COLUMNS + 6


def test_what_the_decoder_adds_is_computed_once_for_all_that_share_the_tss(engine):
    with mock.patch.object(engine, "_taps", wraps=engine._taps) as taps:
        engine.tss_activity([Mutant(ONE), Mutant(ONE, [edit(0, 100)]), Mutant(ONE, [TSS_TILE])])
        assert [len(call.args) - 1 for call in taps.call_args_list] == [2]
        # 515 bases before the centre nothing is seen any more.
        engine.tss_activity([Mutant(ONE, [edit(0, CENTRE - 515)])])
        assert taps.call_count == 1
        engine.tss_activity([Mutant(ONE, [Edit(CENTRE - 515, (ONE.codes[CENTRE - 515 : CENTRE - 514] + 1) % 4)])])
        assert taps.call_count == 2
        assert engine.caching
        engine.clear()
        assert not engine.caching
        engine.tss_activity([Mutant(ONE)])
        assert taps.call_count == 3


def test_the_eight_central_bins_need_ten_fine_eight_coarse_and_four_columns():
    reading = reading_of(range(8188, 8196), 16384)
    assert reading.fine == range(8187, 8197)
    assert reading.halves == range(4093, 4099)
    assert reading.coarse == range(4092, 4100)
    assert reading.columns == range(2046, 2050)
    # Nothing lies beyond the ends.
    assert reading_of(range(64), 64)[1:] == (range(64), range(32), range(32), range(16))


def test_position_features_do_not_depend_on_the_length_but_for_their_number():
    attention = random_borzoi().transformer[0][0].fn[1]
    short, long = (borzoi_incremental.position_features(attention, columns) for columns in (16, 4096))
    assert short.shape == (31, 32)
    torch.testing.assert_close(long[4095 - 15 : 4095 + 16], short)


@st.composite
def batches(draw) -> list[Mutant]:
    """Mutants of two backgrounds with edits anywhere, next to each other, over each other, of any size."""
    mutants = [Mutant(ONE), Mutant(ONE, [TSS_TILE])]
    for _ in range(draw(st.integers(1, 2))):
        edits = []
        for _ in range(draw(st.integers(1, 4))):
            size = draw(st.one_of(st.integers(1, 300), st.integers(1, LENGTH)))
            last = LENGTH - size
            places = [st.integers(0, last), st.sampled_from([0, last, last // 2, min(128, last)])]
            if edits:
                places.append(st.just(min(edits[-1].end, last)))
            edits.append(Edit(draw(st.one_of(places)), bases(draw(st.integers(0, 99)), size)))
        mutants.append(Mutant(draw(st.sampled_from([ONE, OTHER])), edits))
    return draw(st.permutations(mutants))


@pytest.mark.slow
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(mutants=batches())
def test_equals_own_forward_for_any_edits(double, model, largest_error, mutants):
    assert largest_error(model.tss_activity(mutants), own_forward(double, mutants)) < 1e-8
