import numpy as np
import pytest

from creme_core.experiments import distance
from creme_core.experiments.perturbations import control
from creme_core.locus import Locus
from creme_core.predictor import Predictor
from creme_core.sequence import decode


@pytest.fixture
def locus():
    """70 bp: with tiles of 10 the TSS tile is 30..40, places start at 0, 10, 20, 40, 50, 60."""
    codes = np.random.default_rng(13).integers(0, 4, 70).astype(np.uint8)
    return Locus("G", "G", "chrT", 135, "+", 100, 170, codes)


def test_the_papers_example_over_five_positions_and_one_more(scripted_model, locus):
    """Methods: activities 2, 5, 10, 5, 2 are 0.2, 0.5, 1, 0.5, 0.2 of the highest."""
    values = {0: 2.0, 10: 5.0, 20: 10.0, 40: 5.0, 50: 2.0, 60: 2.0}
    cre = locus.codes[40:50]

    def activity(codes):
        found = [value for start, value in values.items() if (codes[start : start + 10] == cre).all()]
        return found[0] if len(found) == 1 and not (codes == locus.codes).all() else 1.0

    result = distance.run(Predictor(scripted_model(70, activity)), locus, cre=(40, 50), tile_size=10, shuffles=2)
    table = result.effects("K562")
    assert table["distance"].tolist() == [-30, -20, -10, 10, 20, 30]
    np.testing.assert_allclose(table["fold_over_max"], [0.2, 0.5, 1, 0.5, 0.2, 0.2])
    np.testing.assert_allclose(table["fold_over_min"], [1, 2.5, 5, 2.5, 1, 1])
    np.testing.assert_allclose(table["effect"], [1, 4, 9, 4, 1, 1])
    assert table["own_place"].tolist() == [False, False, False, True, False, False]
    assert table["n"].tolist() == [2] * 6


def test_a_mutant_is_the_control_with_the_cre_at_a_place(locus):
    settings = distance.Settings(tile_size=10, shuffles=2, seed=1, cre=(42, 50))
    mutants = distance.plan(locus, settings)
    assert len(mutants) == 1 + 2 + 6 * 2
    expected = control(locus, 10, 1, 1).codes.copy()
    expected[20:28] = locus.codes[42:50]
    assert decode(mutants[3 + 2 * 2 + 1].render()) == decode(expected)


def test_axes_are_positions_by_shuffles_by_tracks(scripted_model, locus):
    model = scripted_model(70, lambda codes: float(codes.argmax()) + 1)
    result = distance.run(Predictor(model), locus, cre=(0, 10), tile_size=10, shuffles=3)
    assert result.mutant_activity.shape == (6, 3, 5)
    assert result.control_activity.shape == (3, 5)


@pytest.mark.parametrize(
    ("cre", "message"),
    [
        ((25, 35), "overlaps the TSS tile"),
        ((0, 11), "11 bp long, longer than its places of 10 bp"),
        ((65, 75), "must be within the window, 0 to 70"),
        ((5, 5), "not be empty"),
        ((5.0, 9), "two whole numbers"),
    ],
)
def test_a_cre_that_cannot_be_moved_about_is_refused(toy_model, locus, cre, message):
    with pytest.raises(ValueError, match=message):
        distance.run(Predictor(toy_model), locus, cre=cre, tile_size=10)
    assert toy_model.batches == []
