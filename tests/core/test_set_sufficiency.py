import numpy as np
import pytest

from creme_core.experiments import set_sufficiency, sufficiency
from creme_core.predictor import Predictor


def test_tiles_are_added_one_after_another(scripted_model, toy_locus):
    """TSS tile alone 2, with the right tile 6, with both 10; WT 10."""
    own = toy_locus.codes

    def activity(codes):
        right, left = (codes[25:35] == own[25:35]).all(), (codes[5:15] == own[5:15]).all()
        return 10.0 if right and left else 6.0 if right else 2.0

    result = set_sufficiency.run(
        Predictor(scripted_model(40, activity)), toy_locus, tiles=[(25, 35), (5, 15)], tile_size=10, shuffles=2
    )
    table = result.effects("K562")
    assert table["tiles"].tolist() == [0, 1, 2]
    assert table["start"].tolist() == [-1, 25, 5]
    assert table["distance"].tolist()[1:] == [10, -10]
    np.testing.assert_allclose(table["fold_over_wild_type"], [0.2, 0.6, 1])
    np.testing.assert_allclose(table["fold_over_control"], [1, 3, 5])


def test_the_first_tile_is_the_sufficiency_tests(toy_model, toy_locus):
    predict = Predictor(toy_model)
    alone = sufficiency.run(predict, toy_locus, tile_size=10, shuffles=3)
    computed = predict.computed
    result = set_sufficiency.run(predict, toy_locus, tiles=[(5, 15), (25, 35)], tile_size=10, shuffles=3)
    assert predict.computed - computed == 3
    np.testing.assert_array_equal(result.mutant_activity[0], alone.mutant_activity[0])


def test_the_callers_list_is_untouched(toy_model, toy_locus):
    tiles = [(5, 15), (25, 35)]
    set_sufficiency.run(Predictor(toy_model), toy_locus, tiles=tiles, tile_size=10, shuffles=2)
    assert tiles == [(5, 15), (25, 35)]


@pytest.mark.parametrize(
    ("tiles", "message"),
    [
        ([], "No tiles were given"),
        ([(5, 15), (18, 28)], "Tile 2 covers 18 to 28, which overlaps the TSS tile"),
        ([(5, 15), (10, 15)], "Two of the tiles overlap at 10"),
    ],
)
def test_tiles_that_do_not_fit_together_are_refused(toy_model, toy_locus, tiles, message):
    with pytest.raises(ValueError, match=message):
        set_sufficiency.run(Predictor(toy_model), toy_locus, tiles=tiles, tile_size=10)
