"""The additive and the multiplicative model, and the other normalisations of the paper, on its own examples."""

import numpy as np
import pytest

from creme_core.effects import (
    additive_model,
    classify_additivity,
    classify_multiplicativity,
    fold_change,
    fold_over_best,
    mean_squared_error,
    multiplicative_model,
    tile_effect,
)


def test_sufficiency_of_an_enhancer():
    """Methods: WT 10, CONTROL 2, MUTANT 12 gives 1 over the wild type."""
    assert tile_effect(12, 2, 10) == 1


def test_sufficiency_of_a_silencer():
    """Methods: CONTROL 20, MUTANT 10 gives -0.5 over the control."""
    assert tile_effect(10, 20, 20) == -0.5


def test_context_swap():
    """Methods: WT 20, MUTANT 10 gives 0.5."""
    assert fold_change(10, 20) == 0.5


def test_multiplicity():
    """Methods: CONTROL 10, MUTANT 20 gives 2."""
    assert fold_change(20, 10) == 2


def test_distance_over_the_highest():
    """Methods: activities 2, 5, 10, 5, 2 give 0.2, 0.5, 1, 0.5, 0.2."""
    activity = np.array([[2.0], [5], [10], [5], [2]])
    np.testing.assert_allclose(fold_over_best(activity, "max")[:, 0], [0.2, 0.5, 1, 0.5, 0.2])
    np.testing.assert_allclose(fold_over_best(activity, "min")[:, 0], [1, 2.5, 5, 2.5, 1])


def test_the_best_position_is_that_of_each_replicate_and_skips_what_is_missing():
    activity = np.array([[1.0, 8.0], [4.0, np.nan], [2.0, 2.0]])
    np.testing.assert_allclose(fold_over_best(activity, "max"), [[0.25, 1], [1, np.nan], [0.5, 0.25]])


def test_additive_effects():
    """Methods: WT 100, singles 60 and 70 give 0.3 for both."""
    np.testing.assert_allclose(additive_model(100, [60, 70]), [0.6, 0.3])


def test_multiplicative_effects_multiply_the_folds():
    np.testing.assert_allclose(multiplicative_model(100, [60, 70]), [0.6, 0.42])
    assert np.isnan(multiplicative_model(100, [0, 70])).all()


def test_mean_squared_error_by_hand():
    assert mean_squared_error([1.0, 0.5], [1.0, 0.1]) == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("greedy", "additive", "name"),
    [
        # Two enhancers that need each other: each alone leaves 0.1, and so do both; adding up would leave -0.8.
        ([0.1, 0.1], [0.1, -0.8], "superadditive"),
        # Two that replace each other: nothing alone, all together.
        ([1.0, 0.1], [1.0, 1.0], "subadditive"),
        ([0.7, 0.4], [0.7, 0.35], "additive"),
        ([0.7, 0.4], [0.7, 0.0], "unclassified"),
        ([0.7, np.nan], [0.7, 0.0], ""),
    ],
)
def test_additivity_classes(greedy, additive, name):
    assert classify_additivity(np.array(greedy), np.array(additive)) == name


@pytest.mark.parametrize(
    ("error", "search", "name"),
    [
        (0.039, "enhancer", "multiplicative"),
        (0.041, "enhancer", "non-multiplicative"),
        (0.009, "silencer", "multiplicative"),
        (0.011, "silencer", "non-multiplicative"),
        (np.nan, "enhancer", ""),
    ],
)
def test_multiplicative_classes_have_a_cut_for_each_search(error, search, name):
    greedy = np.array([0.5, 0.5])
    assert classify_multiplicativity(greedy, greedy + np.sqrt(error), search) == name


@pytest.mark.parametrize(
    "value", [tile_effect(5, 5, 0), fold_change(1, 0), additive_model(0, [1])[0], fold_over_best([[0.0]], "max")[0, 0]]
)
def test_division_by_no_activity_is_not_defined(value):
    assert np.isnan(value)
