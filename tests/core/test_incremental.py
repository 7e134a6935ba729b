"""The fast path says what the network's own forward says, on every track, for any edits.

Errors are stated as a share of the spread that the edits cause, since that is what CREME reads.
"""

import copy
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creme_core.models import incremental
from creme_core.models.enformer import frozen_copy
from creme_core.mutant import Background, Edit, Mutant
from creme_core.sequence import one_hot
from tests.core.networks import own_forward, random_network, wrap


class Shape(NamedTuple):
    """A network, a sequence length, and constants of the fast path that are made small to be met at all."""

    settings: dict
    columns: int
    widest: int = 64
    cached: int = 100_000
    cache_bytes: int = 2**28

    @property
    def bin_size(self) -> int:
        return 2 ** self.settings["num_downsamples"]

    @property
    def length(self) -> int:
        return self.columns * self.bin_size


def shape(dim, depth, heads, downsamples, target, columns, tf_gamma=False, **constants) -> Shape:
    network = {"dim": dim, "depth": depth, "heads": heads, "num_downsamples": downsamples, "target_length": target}
    network |= {"attn_dim_key": 10, "dim_divisible_by": 4, "use_tf_gamma": tf_gamma}
    return Shape(network, columns, **constants)


SHAPES = {
    "as the demo's": shape(36, 1, 2, 7, -1, 26),
    "two layers, cropped": shape(24, 2, 1, 3, 14, 60),
    "three layers, odd crop": shape(36, 3, 2, 5, 9, 22),
    "more columns than a block of queries": shape(12, 2, 1, 3, -1, 420),
    "narrow windows, hardly any cache": shape(24, 2, 2, 4, 20, 90, widest=6, cached=7, cache_bytes=1),
    "no layer": shape(24, 0, 2, 4, 6, 30),
}
TF_GAMMA = shape(192, 2, 1, 3, 896, 1536, tf_gamma=True)
_models: dict = {}


def model_of(chosen: Shape, precision: str):
    """The model of a shape, made once: its caches outlive an example, so what they hold is tested too."""
    key = (id(chosen), precision)
    if key not in _models:
        module = random_network(getattr(torch, precision), **chosen.settings)
        constants = {
            "ACTIVATION_BYTES": {"cpu": 0},
            "LEAST_COLUMNS_AT_ONCE": chosen.widest,
            "CACHED_COLUMNS": chosen.cached,
            "CACHE_BYTES": chosen.cache_bytes,
        }
        with mock.patch.multiple(incremental, **constants):
            _models[key] = module, wrap(module, chosen.length, precision=precision)
    return _models[key]


def largest_error(module, model, mutants) -> float:
    """Largest difference between fast and own forward, as a share of the spread of its track."""
    expected = own_forward(module, mutants)
    spread = np.ptp(expected, axis=0)
    assert (spread > 1e-3 * np.abs(expected).max(axis=0)).all(), "the edits move too little to test anything"
    return float((np.abs(model.tss_activity(mutants) - expected) / spread).max())


def bases(seed: int, size: int) -> np.ndarray:
    """Random codes, N among them."""
    return np.random.default_rng(seed).choice(5, size=size, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8)


@st.composite
def edit_sets(draw, length: int, bin_size: int) -> list[Edit]:
    """Edits anywhere: at both ends, next to each other, over each other, over the TSS, longer than most of it."""
    edits = []
    for _ in range(draw(st.integers(1, 5))):
        size = draw(st.one_of(st.integers(1, 2 * bin_size), st.integers(1, length)))
        last = length - size
        places = [st.integers(0, last), st.sampled_from([0, last, max(last // 2, 0), min(bin_size, last)])]
        if edits:
            places.append(st.just(min(edits[-1].end, last)))
            places.append(st.just(min(edits[-1].start, last)))
        edits.append(Edit(draw(st.one_of(places)), bases(draw(st.integers(0, 99)), size)))
    return edits


@st.composite
def batches(draw, chosen: Shape) -> list[Mutant]:
    """Mutants of two backgrounds in any order; the first two alone already move the prediction."""
    backgrounds = [Background(bases(seed, chosen.length)) for seed in draw(st.sampled_from([(0, 1), (0, 2), (3, 3)]))]
    tile = chosen.length // 8
    mutants = [Mutant(backgrounds[0])]
    mutants.append(Mutant(backgrounds[0], [Edit(chosen.length // 2 - tile // 2, bases(7, tile))]))
    for _ in range(draw(st.integers(1, 3))):
        edits = draw(edit_sets(chosen.length, chosen.bin_size))
        background = draw(st.sampled_from(backgrounds))
        if draw(st.booleans()):
            # An edit that writes what is there already changes nothing.
            start, size = edits[0].start, edits[0].codes.size
            edits.append(Edit(start, background.codes[start : start + size]))
        mutants.append(Mutant(background, edits))
    return draw(st.permutations(mutants))


@st.composite
def shaped_batches(draw) -> tuple[Shape, list[Mutant]]:
    chosen = draw(st.sampled_from(list(SHAPES.values())))
    return chosen, draw(batches(chosen))


slow_start = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(slow_start, max_examples=150)
@given(shaped_batches())
def test_equals_own_forward_in_float64(example):
    chosen, mutants = example
    module, model = model_of(chosen, "float64")
    assert largest_error(module, model, mutants) < 1e-8


@settings(slow_start, max_examples=75)
@given(shaped_batches())
def test_equals_own_forward_in_float32(example):
    chosen, mutants = example
    module, model = model_of(chosen, "float32")
    assert largest_error(module, model, mutants) < 1e-3


@pytest.mark.parametrize(("precision", "allowed"), [("float64", 1e-8), ("float32", 1e-3)])
def test_equals_own_forward_with_tf_gamma(precision, allowed):
    """TensorFlow's table of gammas exists for 1,536 columns only, so this one is not drawn 200 times."""
    module, model = model_of(TF_GAMMA, precision)
    background = Background(bases(0, TF_GAMMA.length))
    middle, last = TF_GAMMA.length // 2, TF_GAMMA.length - 1
    ends = [Edit(0, bases(1, 700)), Edit(last, bases(2, 1))]
    overlapping = [Edit(middle - 300, bases(3, 500)), Edit(middle - 100, bases(4, 90))]
    mutants = [Mutant(background), Mutant(background, ends), Mutant(background, overlapping)]
    assert largest_error(module, model, mutants) < allowed


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "no layer"])
def test_far_tiles_move_the_prediction_by_percents(name):
    """Or else the tests above could not tell attention from no attention."""
    chosen = SHAPES[name]
    module = random_network(torch.float64, **chosen.settings)
    background = Background(bases(0, chosen.length))
    tile = chosen.length // 8
    starts = [0, chosen.length // 4, chosen.length - 2 * tile, chosen.length - tile]
    far = [Mutant(background, [Edit(start, bases(9 + start, tile))]) for start in starts]
    wild_type, *activity = own_forward(module, [Mutant(background), *far])
    moved = np.median(np.abs(np.array(activity) / wild_type - 1), axis=1)
    assert moved.max() > 0.03


SMALL = SHAPES["two layers, cropped"]


@pytest.fixture
def engine_and_background():
    """An engine of 60 columns of 8 bases whose columns see 19 bases more on each side, with nothing cached."""
    network = frozen_copy(random_network(torch.float64, **SMALL.settings), torch.device("cpu"), torch.float64)
    engine = incremental.IncrementalEnformer(network, "human", SMALL.length, 23, torch.float64)
    return engine, Background(bases(0, SMALL.length))


def edited(background: Background, start: int, size: int, seed: int = 1) -> Mutant:
    """All of the bases change."""
    kept = background.codes[start : start + size]
    return Mutant(background, [Edit(start, (kept + 1 + bases(seed, size) % 3) % 4)])


def test_order_and_company_do_not_matter():
    module, model = model_of(SMALL, "float64")
    one, other = Background(bases(0, SMALL.length)), Background(bases(5, SMALL.length))
    mutants = [edited(one, 0, 9), Mutant(other), edited(other, 200, 90), edited(one, 471, 9), edited(other, 200, 90, 2)]
    together = model.tss_activity(mutants)
    np.testing.assert_allclose(together, own_forward(module, mutants), rtol=1e-10)
    np.testing.assert_allclose(model.tss_activity(mutants[::-1])[::-1], together, rtol=1e-12)
    alone = np.concatenate([model.tss_activity([mutant]) for mutant in mutants])
    np.testing.assert_allclose(alone, together, rtol=1e-12)


def test_the_callers_arrays_are_untouched():
    _, model = model_of(SMALL, "float64")
    codes, edit_codes = bases(0, SMALL.length), bases(1, 50)
    before = codes.copy(), edit_codes.copy()
    model.tss_activity([Mutant(Background(codes), [Edit(100, edit_codes)])])
    model.gradient(codes, 0)
    model.profile(codes, [0])
    np.testing.assert_array_equal(codes, before[0])
    np.testing.assert_array_equal(edit_codes, before[1])


def test_only_the_columns_an_edit_reaches_are_computed(engine_and_background):
    engine, background = engine_and_background
    engine.columns([Mutant(background)])
    assert engine.computed_columns == 60
    # Bases 200 to 207 are bin 25; 19 bases further lie in bins 22 and 28.
    engine.columns([edited(background, 200, 8)])
    assert engine.computed_columns == 60 + 7


def test_an_edit_that_changes_nothing_costs_nothing(engine_and_background):
    engine, background = engine_and_background
    engine.columns([Mutant(background)])
    engine.columns([Mutant(background, [Edit(100, background.codes[100:300])])])
    undone = [Edit(8, bases(2, 40)), Edit(8, background.codes[8:48])]
    engine.columns([Mutant(background, undone)])
    assert engine.computed_columns == 60


def test_a_background_is_computed_once_for_all_its_mutants(engine_and_background):
    engine, background = engine_and_background
    engine.columns([edited(background, 200, 8, seed) for seed in (1, 2)])
    engine.columns([edited(background, 200, 8, 3), edited(background, 0, 1)])
    # The very first base is seen by bins 0, 1 and 2.
    assert engine.computed_columns == 60 + 3 * 7 + 3


def test_columns_seen_before_are_not_computed_again(engine_and_background):
    engine, background = engine_and_background
    first = edited(background, 200, 8)
    engine.columns([first, Mutant(background, first.edits), edited(background, 400, 8)])
    assert engine.computed_columns == 60 + 2 * 7
    both = Mutant(background, [*first.edits, *edited(background, 400, 8).edits, *edited(background, 104, 8).edits])
    engine.columns([both])
    assert engine.computed_columns == 60 + 3 * 7


def test_a_lone_mutant_of_large_edits_is_one_full_pass(engine_and_background):
    engine, background = engine_and_background
    engine.columns([edited(background, 0, 300)])
    assert engine.computed_columns == 60
    # Its background was not worth computing; two such mutants together are.
    engine.columns([edited(background, 0, 200, seed) for seed in (1, 2)])
    assert engine.computed_columns == 60 + 60 + 2 * 28


def test_nearby_windows_are_merged(engine_and_background):
    engine, background = engine_and_background
    engine.columns([Mutant(background)])
    near = Mutant(background, [*edited(background, 160, 8).edits, *edited(background, 248, 8).edits])
    # Bins 17 to 23 and 28 to 34: the four between cost as much as the margins of a second window.
    engine.columns([near])
    assert engine.computed_columns == 60 + 18


def test_forgetting_frees_and_changes_nothing(engine_and_background):
    engine, background = engine_and_background
    mutants = [Mutant(background), edited(background, 100, 30)]
    first = engine.tss_activity(mutants)
    assert engine.caching
    engine.clear()
    assert not engine.caching
    torch.testing.assert_close(engine.tss_activity(mutants), first, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["narrow windows, hardly any cache", "as the demo's"])
def test_profile_and_gradient_equal_the_networks_own(name):
    chosen = SHAPES[name]
    module, model = model_of(chosen, "float64")
    codes = bases(4, chosen.length)
    leaf = torch.from_numpy(one_hot(codes, np.float64)[None]).requires_grad_()
    output = module(leaf)["human"][0]
    centre = len(output) // 2
    output[centre - 1 : centre + 1, 3].mean().backward()
    expected = leaf.grad[0].numpy()
    assert np.abs(expected[: 2 * chosen.bin_size]).max() > 0
    np.testing.assert_allclose(model.gradient(codes, "line3"), expected, atol=1e-10 * np.abs(expected).max())
    profile = model.profile(codes, [3, "line1"])
    np.testing.assert_allclose(profile, output[:, [3, 1]].detach().numpy(), rtol=1e-6)


@pytest.mark.slow
def test_equals_own_forward_at_full_size():
    settings = {"dim": 1536, "depth": 11, "heads": 8, "target_length": 896}
    module = copy.deepcopy(random_network(torch.float32, **settings))
    # Outputs of so wide a network are far from zero, where softplus says nothing: compare what it is given.
    module.heads["human"][1] = torch.nn.Identity()
    model = wrap(module, 196_608)
    background = Background(bases(0, 196_608))
    edits = [Edit(40_000, bases(1, 5_000)), Edit(95_804, bases(2, 5_000))]
    mutants = [Mutant(background), Mutant(background, edits[:1]), Mutant(background, edits)]
    expected = np.concatenate([own_forward(module, [mutant]) for mutant in mutants])
    spread = np.ptp(expected, axis=0)
    assert (np.abs(expected[1] - expected[0]) > 0.1 * spread).all(), "the far tile moves too little to test anything"
    assert (np.abs(model.tss_activity(mutants) - expected) < 1e-3 * spread).all()
