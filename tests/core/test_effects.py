import numpy as np
import pytest

from creme_core.effects import (
    BORZOI_CUTOFFS,
    ENFORMER_CUTOFFS,
    classify_context,
    classify_tile,
    crosses,
    mean_interval,
    shuffle_effect,
)


def test_the_papers_worked_example():
    # Methods, Context Dependence Test and Necessity Test: WT 10, MUTANT 5.
    assert shuffle_effect(10, 5) == 0.5


def test_a_gain_on_shuffling_is_negative():
    assert shuffle_effect(10, 13) == pytest.approx(-0.3)


def test_no_activity_gives_no_effect_rather_than_infinity():
    np.testing.assert_array_equal(shuffle_effect([0, 10, 0], [5, 5, 0]), [np.nan, 0.5, np.nan])


def test_mean_sem_and_interval_by_hand():
    # 1, 2, 3: mean 2, sd 1, sem 1/sqrt(3), t(0.975, 2) = 4.30265.
    interval = mean_interval(np.array([[1.0, 2.0, 3.0], [4.0, 4.0, np.nan]]))
    np.testing.assert_allclose(interval.mean, [2, 4])
    np.testing.assert_array_equal(interval.n, [3, 2])
    np.testing.assert_allclose(interval.sem, [3**-0.5, 0])
    np.testing.assert_allclose(interval.high - interval.mean, [4.30265 / 3**0.5, 0], rtol=1e-5)
    np.testing.assert_allclose(interval.mean - interval.low, [4.30265 / 3**0.5, 0], rtol=1e-5)


def test_one_replicate_has_a_mean_but_no_interval():
    interval = mean_interval(np.array([[0.4], [np.nan]]))
    np.testing.assert_array_equal(interval.mean, [0.4, np.nan])
    assert np.isnan(interval.sem).all()
    assert np.isnan(interval.low).all()
    np.testing.assert_array_equal(interval.n, [1, 0])


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    samples = np.random.default_rng(0).normal(2.0, 3.0, size=(20_000, 4))
    interval = mean_interval(samples)
    assert np.mean((interval.low <= 2) & (interval.high >= 2)) == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize(
    ("effect", "name"),
    [
        (0.951, "enhancing"),
        (0.95, "unclassified"),
        (0.05, "unclassified"),
        (0.049, "neutral"),
        (-0.049, "neutral"),
        (-0.05, "unclassified"),
        (-0.3, "unclassified"),
        (-0.301, "silencing"),
        (np.nan, ""),
    ],
)
def test_context_classes_at_their_cut_offs(effect, name):
    assert classify_context(np.array([effect]))[0] == name


def test_borzois_cut_offs_are_milder():
    np.testing.assert_array_equal(classify_context(np.array([0.91, -0.21]), BORZOI_CUTOFFS), ["enhancing", "silencing"])
    np.testing.assert_array_equal(classify_context(np.array([0.91, -0.21])), ["unclassified", "unclassified"])


@pytest.mark.parametrize(
    ("effect", "name"), [(0.31, "enhancer"), (0.3, "none"), (-0.3, "none"), (-0.31, "silencer"), (np.nan, "")]
)
def test_tile_calls_at_their_cut_offs(effect, name):
    assert classify_tile(np.array([effect]))[0] == name


def test_a_call_is_uncertain_when_its_interval_holds_a_cut_off_or_is_unknown():
    samples = np.array([[0.5, 0.5, 0.5], [0.2, 0.3, 0.5], [0.0, 0.0, 0.01], [0.4, np.nan, np.nan]])
    np.testing.assert_array_equal(crosses(mean_interval(samples), ENFORMER_CUTOFFS.tile), [False, True, False, True])
