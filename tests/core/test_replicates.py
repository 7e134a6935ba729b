import numpy as np
import pytest

from creme_core.effects import mean_interval
from creme_core.experiments import distance, necessity, sufficiency
from creme_core.experiments.replicates import PILOT, needed_counts, pairs, scatter
from creme_core.locus import Locus
from creme_core.predictor import Predictor

RUNS = {
    "necessity": (necessity.run, {}),
    "sufficiency": (sufficiency.run, {}),
    "distance": (distance.run, {"cre": (1, 14)}),
}


@pytest.fixture
def locus():
    codes = np.random.default_rng(1).integers(0, 4, 40).astype(np.uint8)
    return Locus("G", "G", "chrT", 120, "+", 100, 140, codes)


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.4])
def test_the_intervals_cover_the_truth_as_often_as_they_say(spread):
    """20,000 tiles whose effect is 0.2, their shuffles normal: 95% of the adaptive intervals must hold 0.2."""
    rng = np.random.default_rng(0)
    budget = 400
    samples = rng.normal(0.2, spread, size=(20_000, budget))
    counts = needed_counts(samples, half_width=0.05, budget=budget)
    samples[np.arange(budget) >= counts[:, None]] = np.nan
    interval = mean_interval(samples, pilot=PILOT)
    covered = np.mean((interval.low <= 0.2) & (interval.high >= 0.2))
    assert covered == pytest.approx(0.95, abs=0.006)
    narrow = interval.high - interval.mean <= 0.05 + 1e-9
    assert (narrow | (counts == budget)).all()


def test_looking_after_each_shuffle_would_not_cover_as_often():
    """The rule that this one replaces: add a shuffle until the usual interval is narrow. It covers less than 93%."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0.2, 0.1, size=(4_000, 60))
    covered = 0
    for row in samples:
        for n in range(PILOT, 61):
            interval = mean_interval(row[:n])
            if interval.high - interval.mean <= 0.05:
                break
        covered += interval.low <= 0.2 <= interval.high
    assert covered / len(samples) < 0.93


def test_needed_counts_by_hand():
    # Standard deviation 0.1, t(0.975, 4) 2.776: (2.776 * 0.1 / 0.05) ** 2 = 30.8.
    pilot = np.array([-2.0, -1, 0, 1, 2]) * 0.1 / np.sqrt(2.5)
    np.testing.assert_array_equal(needed_counts(np.stack([pilot, pilot * 0, pilot * np.nan]), 0.05, 50), [31, 5, 5])
    np.testing.assert_array_equal(needed_counts(pilot[None], 0.05, 20), [20])


def test_the_noisiest_readout_decides():
    pilot = np.array([-2.0, -1, 0, 1, 2]) * 0.1 / np.sqrt(2.5)
    np.testing.assert_array_equal(needed_counts(np.stack([[pilot * 0], [pilot]]), 0.05, 50), [31])


def test_units_with_fewer_replicates_are_padded_in_place():
    counts = np.array([1, 3, 2])
    order = [2, 0, 1]
    assert pairs(counts, order) == [(2, 0), (2, 1), (0, 0), (1, 0), (1, 1), (1, 2)]
    laid = scatter(np.arange(6.0)[:, None], counts, order)[..., 0]
    np.testing.assert_array_equal(laid, [[2, np.nan, np.nan], [3, 4, 5], [0, 1, np.nan]])


@pytest.mark.parametrize("name", RUNS)
def test_noisy_units_get_more_shuffles_and_nothing_is_predicted_twice(name, toy_model, locus):
    run, settings = RUNS[name]
    predict = Predictor(toy_model)
    result = run(predict, locus, tile_size=13, shuffles="auto", half_width=0.02, budget=9, **settings)
    table = result.effects("K562")
    assert table["n"].between(PILOT, 9).all()
    assert table["n"].max() > PILOT
    narrow = (table["ci_high"] - table["effect"]) <= 0.02 + 1e-9
    assert (narrow | (table["n"] == 9)).all()
    computed = predict.computed
    run(predict, locus, tile_size=13, shuffles="auto", half_width=0.02, budget=9, **settings)
    assert predict.computed == computed


@pytest.mark.parametrize("name", RUNS)
def test_the_shuffles_of_auto_are_those_of_a_fixed_number(name, toy_model, locus):
    run, settings = RUNS[name]
    predict = Predictor(toy_model)
    adaptive = run(predict, locus, tile_size=13, shuffles="auto", budget=9, **settings)
    fixed = run(predict, locus, tile_size=13, shuffles=9, **settings)
    most = adaptive.mutant_activity.shape[1]
    present = ~np.isnan(adaptive.mutant_activity)
    np.testing.assert_array_equal(adaptive.mutant_activity[present], fixed.mutant_activity[:, :most][present])


def test_steady_units_stop_at_the_pilot(scripted_model, locus):
    result = necessity.run(Predictor(scripted_model(40, lambda codes: 10.0)), locus, tile_size=13, shuffles="auto")
    assert result.effects("K562")["n"].tolist() == [PILOT, PILOT]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shuffles": "many"}, "it must be a whole number, 1 or more, or 'auto'"),
        ({"shuffles": "auto", "budget": 4}, "budget is 4; it must be 5 or more"),
        ({"shuffles": "auto", "half_width": 0}, "half_width is 0; it must be above 0"),
        ({"shuffles": "auto", "seed": -1}, "seed is -1"),
    ],
)
def test_settings_out_of_range_are_refused(toy_model, locus, settings, message):
    with pytest.raises(ValueError, match=message):
        necessity.run(Predictor(toy_model), locus, tile_size=13, **settings)
