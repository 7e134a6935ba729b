import numpy as np
import pytest

from creme_core.experiments import context, sufficiency
from creme_core.experiments.perturbations import control
from creme_core.experiments.result import Settings
from creme_core.predictor import Predictor
from creme_core.sequence import decode


@pytest.fixture
def by_parts(scripted_model, toy_locus):
    """A model that knows the wild type, whether the right tile 25..35 is in place, and nothing else."""

    def make(wild_type, with_tile, without):
        def activity(codes):
            if (codes == toy_locus.codes).all():
                return wild_type
            return with_tile if (codes[25:35] == toy_locus.codes[25:35]).all() else without

        return Predictor(scripted_model(40, activity))

    return make


def test_an_enhancer_in_an_enhancing_context(by_parts, toy_locus):
    """WT 10, CONTROL 0.2 (context effect 0.98: enhancing), MUTANT 8: 0.78 over the wild type, 39 over the control."""
    result = sufficiency.run(by_parts(10.0, 8.0, 0.2), toy_locus, tile_size=10, shuffles=3)
    assert result.context("K562")["call"].tolist() == ["enhancing"]
    row = result.effects("K562").iloc[1]
    assert row["effect"] == row["over_wild_type"] == pytest.approx(0.78)
    assert row["over_control"] == pytest.approx(39, rel=1e-5)
    assert row[["call", "normalisation", "n"]].tolist() == ["enhancer", "wild_type", 3]


def test_a_silencer_in_a_silencing_context(by_parts, toy_locus):
    """Methods: WT 10, CONTROL 20, MUTANT 10 gives -0.5 over the control."""
    result = sufficiency.run(by_parts(10.0, 10.0, 20.0), toy_locus, tile_size=10, shuffles=2)
    table = result.effects("GM12878")
    assert table["effect"].tolist() == [0, -0.5]
    assert table["call"].tolist() == ["none", "silencer"]
    assert table["normalisation"].tolist() == ["control", "control"]
    assert result.effects("GM12878", normalisation="wild_type")["effect"].tolist() == [0, -1]


def test_each_mutant_is_the_control_with_one_tile_back(toy_locus):
    mutants = sufficiency.plan(toy_locus, Settings(tile_size=10, shuffles=2, seed=5))
    assert len(mutants) == 1 + 2 + 2 * 2
    controls = [control(toy_locus, 10, 5, replicate).codes for replicate in range(2)]
    for replicate in range(2):
        assert decode(mutants[1 + replicate].render()) == decode(controls[replicate])
        for tile, (start, end) in enumerate([(5, 15), (25, 35)]):
            expected = controls[replicate].copy()
            expected[start:end] = toy_locus.codes[start:end]
            assert decode(mutants[3 + 2 * tile + replicate].render()) == decode(expected)


def test_the_controls_of_a_context_test_are_not_predicted_again(toy_model, toy_locus):
    predict = Predictor(toy_model)
    of_context = context.run(predict, toy_locus, tile_size=10, shuffles=3, seed=2)
    computed = predict.computed
    result = sufficiency.run(predict, toy_locus, tile_size=10, shuffles=3, seed=2)
    assert predict.computed - computed == 2 * 3
    np.testing.assert_array_equal(result.control_activity, of_context.mutant_activity)
    assert result.context("K562").equals(of_context.effects("K562"))


def test_an_unknown_normalisation_is_refused(toy_model, toy_locus):
    result = sufficiency.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2)
    with pytest.raises(ValueError, match="'auto' or 'wild_type' or 'control'"):
        result.effects("K562", normalisation="wt")


def test_a_control_without_activity_is_not_defined(by_parts, toy_locus):
    result = sufficiency.run(by_parts(10.0, 8.0, 0.0), toy_locus, tile_size=10, shuffles=2)
    assert result.effects("K562")["over_control"].isna().all()
    assert result.effects("K562", normalisation="control")["call"].tolist() == ["", ""]
