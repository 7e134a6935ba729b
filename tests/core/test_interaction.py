import numpy as np
import pytest

from creme_core.experiments import interaction, necessity
from creme_core.experiments.additivity import compare
from creme_core.experiments.perturbations import shuffled_tile
from creme_core.locus import Locus
from creme_core.predictor import Predictor
from creme_core.tiles import Tile


@pytest.fixture
def locus():
    """70 bp: with tiles of 10 the TSS tile is 30..40 and six context tiles start at 0, 10, 20, 40, 50, 60."""
    # In this one no shuffle of a tile happens to give the tile back.
    codes = np.random.default_rng(13).integers(0, 4, 70).astype(np.uint8)
    return Locus("G", "G", "chrT", 135, "+", 100, 170, codes)


def intact(codes, locus, start):
    return (codes[start : start + 10] == locus.codes[start : start + 10]).all()


def predictor(scripted_model, locus, rule):
    """rule(a, b): activity by whether the tiles at 20 and at 40 are intact; the others do nothing."""
    return Predictor(scripted_model(70, lambda codes: rule(intact(codes, locus, 20), intact(codes, locus, 40))))


def test_the_papers_example_of_two_enhancers(scripted_model, locus):
    """Methods: WT 100; shuffling E1 leaves 50, E2 70; E1 is fixed first. Then both: here 20."""
    predict = predictor(scripted_model, locus, lambda a, b: {(1, 1): 100, (0, 1): 50, (1, 0): 70, (0, 0): 20}[a, b])
    result = interaction.run(predict, locus, readout="K562", rounds=3, tile_size=10, shuffles=2)
    table = result.effects()
    assert result.order[:2] == [(20, 30), (40, 50)]
    assert table["round"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(table["fold_over_wild_type"], [0.5, 0.2, 0.2])
    np.testing.assert_allclose(table["single"], [0.5, 0.7, 1.0])
    assert table["distance"].tolist()[:2] == [-10, 10]


def test_the_silencer_search_fixes_what_raises_activity(scripted_model, locus):
    predict = predictor(scripted_model, locus, lambda a, b: 10 + 5 * (not a) - 5 * (not b))
    result = interaction.run(predict, locus, readout=0, search="silencer", rounds=1, tile_size=10, shuffles=2)
    assert result.order == [(20, 30)]
    assert result.effects()["fold_over_wild_type"].tolist() == [1.5]


def test_the_first_round_is_the_necessity_test(toy_model, toy_locus):
    predict = Predictor(toy_model)
    of_necessity = necessity.run(predict, toy_locus, tile_size=10, shuffles=3, seed=7)
    computed = predict.computed
    result = interaction.run(predict, toy_locus, readout="K562", rounds=1, tile_size=10, shuffles=3, seed=7)
    assert predict.computed == computed
    np.testing.assert_array_equal(result.single_activity, of_necessity.mutant_activity)


def test_the_tile_keeps_the_shuffle_whose_prediction_is_nearest_the_mean(scripted_model):
    """The right tile's three shuffles give 1, 4 and 7: mean 4, so the second is kept, and round two builds on it."""
    codes = np.random.default_rng(1).integers(0, 4, 40).astype(np.uint8)
    locus = Locus("G", "G", "chrT", 120, "+", 100, 140, codes)
    shuffles = [shuffled_tile(codes, Tile(25, 35), 0, replicate).codes for replicate in range(3)]
    assert len({tile.tobytes() for tile in (*shuffles, codes[25:35])}) == 4
    built_on = set()

    def activity(mutant):
        for value, shuffle in zip([1.0, 4.0, 7.0], shuffles, strict=True):
            if (mutant[25:35] == shuffle).all():
                if (mutant[5:15] != codes[5:15]).any():
                    built_on.add(value)
                return value
        return 10.0

    predict = Predictor(scripted_model(40, activity))
    result = interaction.run(predict, locus, readout="K562", tile_size=10, shuffles=3)
    np.testing.assert_allclose(result.effects()["fold_over_wild_type"], [0.4, 0.4])
    assert built_on == {4.0}


def test_rounds_stream_one_by_one(scripted_model, locus):
    predict = predictor(scripted_model, locus, lambda a, b: 10 - 5 * (not a) - 3 * (not b))
    seen = []
    interaction.run(
        predict, locus, readout="K562", rounds=3, tile_size=10, shuffles=2,
        on_progress=lambda p: seen.append((p.done, p.total, 0 if p.result is None else len(p.result.effects()))),
    )  # fmt: skip
    assert [rounds for _, _, rounds in seen] == sorted(rounds for _, _, rounds in seen)
    assert {total for _, total, _ in seen} == {(6 + 5 + 4) * 2}
    assert seen[-1][0] == 30


def test_all_tiles_are_fixed_when_no_number_is_given(toy_model, toy_locus):
    result = interaction.run(Predictor(toy_model), toy_locus, readout="K562", tile_size=10, shuffles=2)
    assert sorted(result.chosen) == [0, 1]


def test_more_rounds_than_tiles_are_refused(toy_model, toy_locus):
    with pytest.raises(ValueError, match="rounds is 3, but the window has 2 tiles"):
        interaction.run(Predictor(toy_model), toy_locus, readout="K562", rounds=3, tile_size=10)
    with pytest.raises(ValueError, match="rounds is 0; it must be 1 or more"):
        interaction.run(Predictor(toy_model), toy_locus, readout="K562", rounds=0, tile_size=10)


def test_an_unknown_search_or_readout_is_refused_before_anything_is_computed(toy_model, toy_locus):
    with pytest.raises(ValueError, match="search is 'both'; it must be 'enhancer' or 'silencer'"):
        interaction.run(Predictor(toy_model), toy_locus, readout="K562", search="both", tile_size=10)
    with pytest.raises(ValueError, match="K563"):
        interaction.run(Predictor(toy_model), toy_locus, readout="K563", tile_size=10)
    assert toy_model.batches == []


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (lambda a, b: 10.0 if a and b else 1.0, "superadditive"),
        (lambda a, b: 10.0 if a or b else 1.0, "subadditive"),
        (lambda a, b: 1.0 + 4.5 * a + 4.5 * b, "additive"),
    ],
)
def test_cooperative_redundant_and_independent_pairs_are_told_apart(scripted_model, locus, rule, name):
    predict = predictor(scripted_model, locus, rule)
    # All rounds: among tiles that do nothing the search goes from left to right, and so may come to the pair late.
    result = interaction.run(predict, locus, readout="K562", tile_size=10, shuffles=2)
    assert compare(result).additive_class == name


def test_a_multiplicative_pair_is_named_so(scripted_model, locus):
    predict = predictor(scripted_model, locus, lambda a, b: (1.0 if a else 0.3) * (1.0 if b else 0.4))
    result = interaction.run(predict, locus, readout="K562", rounds=2, tile_size=10, shuffles=2)
    found = compare(result)
    assert found.multiplicative_class == "multiplicative"
    assert found.multiplicative_error < 1e-9
    np.testing.assert_allclose(found.trajectory["multiplicative"], [0.3, 0.12], rtol=1e-5)
    np.testing.assert_allclose(found.trajectory["additive"], [0.3, -0.3], rtol=1e-5)


def test_a_comparison_may_look_at_the_first_rounds_only(scripted_model, locus):
    predict = predictor(scripted_model, locus, lambda a, b: 10.0 if a or b else 1.0)
    result = interaction.run(predict, locus, readout="K562", rounds=6, tile_size=10, shuffles=2)
    assert len(compare(result, rounds=2).trajectory) == 2
    with pytest.raises(ValueError, match="rounds is 7; the search has 1 to 6"):
        compare(result, rounds=7)


def test_a_partner_that_the_rounds_have_not_reached_is_named(scripted_model, locus):
    """Either of a cooperative pair does it alone, so the search may come to the second only after all the others."""
    predict = predictor(scripted_model, locus, lambda a, b: 10.0 if a and b else 1.0)
    short = interaction.run(predict, locus, readout="K562", rounds=2, tile_size=10, shuffles=2)
    assert short.order[0] == (20, 30)
    assert compare(short).missing == ((40, 50),)
    whole = interaction.run(predict, locus, readout="K562", tile_size=10, shuffles=2)
    assert compare(whole).missing == ()
