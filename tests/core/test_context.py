import numpy as np
import pytest

from creme_core.experiments import context
from creme_core.experiments.perturbations import control
from creme_core.experiments.result import Settings
from creme_core.predictor import Predictor
from creme_core.sequence import decode, encode
from creme_core.shuffle import dinucleotide_shuffle, shuffle_rng


def test_the_papers_worked_example(scripted_model, toy_locus):
    """Methods, Context Dependence Test: WT 10, MUTANT 5, so the normalised effect is 0.5."""
    wild_type = toy_locus.codes

    def activity(codes):
        return 10.0 if (codes == wild_type).all() else 5.0

    result = context.run(Predictor(scripted_model(40, activity)), toy_locus, tile_size=10, shuffles=3)
    row = result.effects("K562").iloc[0]
    assert row[["wild_type", "mutant", "effect", "sem", "n", "call"]].tolist() == [10, 5, 0.5, 0, 3, "unclassified"]
    assert not row["uncertain"]


@pytest.mark.parametrize(
    ("wild_type_activity", "mutant_activity", "call"),
    [(10, 0.4, "enhancing"), (10, 10.2, "neutral"), (10, 14, "silencing"), (10, 7, "unclassified"), (0, 7, "")],
)
def test_the_context_class(scripted_model, toy_locus, wild_type_activity, mutant_activity, call):
    def activity(codes):
        return wild_type_activity if (codes == toy_locus.codes).all() else mutant_activity

    result = context.run(Predictor(scripted_model(40, activity)), toy_locus, tile_size=10, shuffles=2)
    assert result.effects("PC-3")["call"].tolist() == [call]


def test_the_effect_is_the_mean_over_shuffles_with_its_interval(scripted_model, toy_locus):
    """Shuffles at 2, 4 and 6 of WT 10: effects 0.8, 0.6, 0.4; sem 0.2 / sqrt(3), t(2) 4.30265."""
    values = {
        context.plan(toy_locus, Settings(tile_size=10, shuffles=3, seed=4))[1 + replicate].render().tobytes(): value
        for replicate, value in enumerate([2.0, 4.0, 6.0])
    }

    def activity(codes):
        return values.get(codes.tobytes(), 10.0)

    result = context.run(Predictor(scripted_model(40, activity)), toy_locus, tile_size=10, shuffles=3, seed=4)
    row = result.effects("GM12878").iloc[0]
    half = 4.30265 * 0.2 / 3**0.5
    np.testing.assert_allclose(
        row[["effect", "ci_low", "ci_high", "mutant"]].tolist(), [0.6, 0.6 - half, 0.6 + half, 8.0], rtol=1e-5
    )
    np.testing.assert_array_equal(result.mutants("GM12878"), [4, 8, 12])


def test_the_tss_tile_is_kept_and_all_else_is_the_whole_window_shuffled(toy_locus):
    mutants = context.plan(toy_locus, Settings(tile_size=10, shuffles=2, seed=0))
    assert len(mutants) == 3
    assert decode(mutants[0].render()) == decode(toy_locus.codes)
    for replicate, mutant in enumerate(mutants[1:]):
        expected = dinucleotide_shuffle(toy_locus.codes, shuffle_rng(0, 0, 40, replicate))
        expected[15:25] = toy_locus.codes[15:25]
        assert decode(mutant.render()) == decode(expected)


def test_the_backgrounds_are_one_set_for_all_tests(toy_locus):
    mutant = context.plan(toy_locus, Settings(tile_size=10, shuffles=1, seed=6))[1]
    assert mutant.background.digest == control(toy_locus, 10, 6, 0).digest


def test_a_partial_result_counts_its_shuffles(toy_model, toy_locus):
    seen = []
    context.run(
        Predictor(toy_model),
        toy_locus,
        tile_size=10,
        shuffles=6,
        on_progress=lambda p: seen.append(p.result.effects(0)),
    )
    assert [int(effects["n"].iloc[0]) for effects in seen] == [0, 3, 6]
    assert seen[0]["call"].tolist() == [""]


@pytest.mark.parametrize("seed", [0, 5])
def test_a_seed_repeats_a_run_and_another_does_not(toy_model, toy_locus, seed):
    first, second, other = (
        context.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2, seed=s).mutant_activity
        for s in (seed, seed, seed + 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_zero_shuffles_are_refused(toy_model, toy_locus):
    with pytest.raises(ValueError, match="shuffles is 0; it must be 1 or more"):
        context.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=0)


def test_the_locus_is_untouched(toy_model, toy_locus):
    context.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2)
    assert decode(toy_locus.codes) == decode(encode("ACGTTGCAACCGATTACAGGTCAGCATTGAGTCCATGACT"))
