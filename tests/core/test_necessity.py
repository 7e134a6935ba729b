import numpy as np
import pytest

from creme_core import effects
from creme_core.experiments import necessity
from creme_core.experiments.perturbations import shuffled_tile
from creme_core.experiments.result import Settings
from creme_core.locus import Locus
from creme_core.predictor import Predictor
from creme_core.sequence import decode, encode
from creme_core.shuffle import dinucleotide_shuffle, shuffle_rng
from creme_core.tiles import Tile


def test_the_papers_worked_example(scripted_model, toy_locus):
    """Methods, Necessity Test: WT 10 drops to 5 when the CRE (here the left tile) is shuffled; the effect is 0.5."""
    wild_type = toy_locus.codes

    def activity(codes):
        return 5.0 if (codes[5:15] != wild_type[5:15]).any() else 10.0

    result = necessity.run(Predictor(scripted_model(40, activity)), toy_locus, tile_size=10, shuffles=2)
    effects = result.effects("K562")
    assert result.wild_type("K562") == 10
    assert effects["effect"].tolist() == [0.5, 0.0]
    assert effects["call"].tolist() == ["enhancer", "none"]


def test_every_column_of_a_case_worked_out_by_hand(scripted_model, toy_locus):
    """Right tile: WT 10, its two shuffles 14 and 16, so effects -0.4 and -0.6: mean -0.5, sem 0.1, t(1) 12.7062."""
    shuffles = {
        shuffled_tile(toy_locus.codes, Tile(25, 35), seed=3, replicate=replicate).codes.tobytes(): value
        for replicate, value in enumerate([14.0, 16.0])
    }

    def activity(codes):
        return shuffles.get(codes[25:35].tobytes(), 10.0)

    result = necessity.run(Predictor(scripted_model(40, activity)), toy_locus, tile_size=10, shuffles=2, seed=3)
    row = result.effects("GM12878").iloc[1]
    assert row[["tile", "start", "end", "chrom", "genome_start", "genome_end", "distance", "n", "call"]].tolist() == [
        2, 25, 35, "chrT", 125, 135, 10.0, 2, "silencer",
    ]  # fmt: skip
    np.testing.assert_allclose(
        row[["effect", "sem", "ci_low", "ci_high"]].tolist(), [-0.5, 0.1, -0.5 - 1.27062, -0.5 + 1.27062], rtol=1e-5
    )
    assert row["uncertain"]


def test_axes_are_tiles_by_shuffles_by_tracks(toy_model):
    """Two context tiles, three shuffles, five tracks: no two axes of one size."""
    codes = np.random.default_rng(1).integers(0, 4, 40).astype(np.uint8)
    locus = Locus("G", "G", "chrT", 120, "+", 100, 140, codes)
    predict = Predictor(toy_model)
    result = necessity.run(predict, locus, tile_size=13, shuffles=3, seed=0)
    assert result.mutant_activity.shape == (2, 3, 5)
    for i, tile in enumerate(result.tiles):
        for replicate in range(3):
            mutant = codes.copy()
            mutant[tile.start : tile.end] = dinucleotide_shuffle(
                codes[tile.start : tile.end], shuffle_rng(0, tile.start, tile.end, replicate)
            )
            np.testing.assert_allclose(result.mutant_activity[i, replicate], toy_model.activity(mutant), rtol=1e-6)
    assert predict.computed <= 1 + 2 * 3


def test_shuffling_changes_one_tile_only_and_keeps_its_dinucleotides(toy_locus):
    mutants = necessity.plan(toy_locus, Settings(tile_size=10, shuffles=4, seed=0))
    assert len(mutants) == 1 + 2 * 4
    assert decode(mutants[0].render()) == decode(toy_locus.codes)
    for mutant in mutants[1:]:
        changed = np.flatnonzero(mutant.render() != toy_locus.codes)
        assert all(changed > 5)
        assert all(changed < 34)
        assert len({int(i >= 20) for i in changed}) <= 1
        assert not any(15 <= i < 25 for i in changed)


def test_tiles_come_from_the_tss_outwards(toy_model):
    codes = np.random.default_rng(2).integers(0, 4, 70).astype(np.uint8)
    locus = Locus("G", "G", "chrT", 135, "+", 100, 170, codes)
    mutants = necessity.plan(locus, Settings(tile_size=10, shuffles=1))
    # Tiles of 10 around the TSS tile 30..40: two at distance 10, two at 20, two at 30.
    assert [mutant.edits[0].start for mutant in mutants[1:]] == [20, 40, 10, 50, 0, 60]


def test_a_partial_result_says_how_much_of_each_tile_is_there(toy_model, toy_locus):
    seen = []
    predict = Predictor(toy_model)
    final = necessity.run(
        predict,
        toy_locus,
        tile_size=13,
        shuffles=3,
        on_progress=lambda p: seen.append((p.done, p.result.effects("PC-3"))),
    )
    assert [done for done, _ in seen] == [0, 4, 7]
    assert seen[0][1]["n"].tolist() == [0, 0]
    assert np.isnan(seen[0][1]["effect"]).all()
    assert seen[0][1]["call"].tolist() == ["", ""]
    assert seen[1][1]["n"].tolist() == [3, 0]
    np.testing.assert_array_equal(seen[1][1]["effect"][0], final.effects("PC-3")["effect"][0])
    assert seen[2][1]["n"].tolist() == [3, 3]


def test_other_cell_lines_need_no_new_prediction(toy_model, toy_locus):
    predict = Predictor(toy_model)
    result = necessity.run(predict, toy_locus, tile_size=10, shuffles=2)
    computed = predict.computed
    effects = {line: tuple(result.effects(line)["effect"]) for line in ("K562", "GM12878", "PC-3", "DNASE3", 4)}
    assert len(set(effects.values())) == 5
    assert predict.computed == computed


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_repeats_a_run_and_another_does_not(toy_model, toy_locus, seed):
    first, second, other = (
        necessity.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2, seed=s).mutant_activity
        for s in (seed, seed, seed + 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_more_shuffles_keep_those_already_drawn(toy_model, toy_locus):
    predict = Predictor(toy_model)
    few = necessity.run(predict, toy_locus, tile_size=10, shuffles=2)
    computed = predict.computed
    many = necessity.run(predict, toy_locus, tile_size=10, shuffles=4)
    np.testing.assert_array_equal(few.mutant_activity, many.mutant_activity[:, :2])
    assert predict.computed - computed <= 2 * 2


def test_on_the_minus_strand_coordinates_run_backwards(toy_model, toy_locus):
    locus = Locus("G", "G", "chrT", 119, "-", 100, 140, toy_locus.codes)
    effects = necessity.run(Predictor(toy_model), locus, tile_size=10, shuffles=2).effects("K562")
    assert effects["distance"].tolist() == [-10, 10]
    assert effects["genome_start"].tolist() == [125, 105]
    assert effects["genome_end"].tolist() == [135, 115]


def test_a_gene_without_activity_has_no_effect_to_speak_of(scripted_model, toy_locus):
    result = necessity.run(Predictor(scripted_model(40, lambda codes: 0.0)), toy_locus, tile_size=10, shuffles=2)
    effects = result.effects("K562")
    assert effects["effect"].isna().all()
    assert effects["call"].tolist() == ["", ""]


def test_the_locus_is_untouched(toy_model, toy_locus):
    before = toy_locus.codes.copy()
    necessity.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2)
    np.testing.assert_array_equal(toy_locus.codes, before)


def test_provenance_says_what_repeats_the_run(toy_model, toy_locus):
    provenance = necessity.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2, seed=9).provenance
    assert provenance["test"] == "necessity"
    assert provenance["settings"] == {"tile_size": 10, "shuffles": 2, "seed": 9, "half_width": 0.05, "budget": 50}
    assert provenance["seed"] == 9
    told = dict(provenance["model"])
    assert effects.Cutoffs(**told.pop("cutoffs")) == effects.ENFORMER_CUTOFFS
    assert told == {"name": "toy", "fingerprint": "toy-1", "precision": "float32"}
    assert provenance["sequence_digest"] == toy_locus.digest
    assert provenance["locus"]["tss"] == 120
    assert set(provenance["versions"]) >= {"creme_core", "torch", "enformer-pytorch", "numpy", "python"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shuffles": 0}, "shuffles is 0; it must be 1 or more"),
        ({"shuffles": 2.5}, "shuffles is 2.5; it must be a whole number"),
        ({"shuffles": True}, "shuffles is True; it must be a whole number"),
        ({"shuffles": 100_000}, "at most 1000"),
        ({"tile_size": 0}, "tile_size is 0; it must be 1 or more"),
        ({"tile_size": 14}, "does not fit a window of 40 bp; choose 10 to 13 bp"),
        ({"tile_size": "5kb"}, "tile_size is '5kb'"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
        ({"seed": None}, "seed is None"),
    ],
)
def test_settings_out_of_range_are_refused(toy_model, toy_locus, settings, message):
    with pytest.raises(ValueError, match=message):
        necessity.run(Predictor(toy_model), toy_locus, **({"tile_size": 10} | settings))
    assert toy_model.batches == []


def test_an_unknown_readout_is_refused_with_the_nearest(toy_model, toy_locus):
    result = necessity.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2)
    with pytest.raises(ValueError, match="K562"):
        result.effects("K526")


def test_a_locus_of_another_length_is_refused(toy_model):
    locus = Locus("G", "G", "chrT", 125, "+", 100, 150, encode("ACGTA" * 10))
    with pytest.raises(ValueError, match="50 bp was given to toy, which takes 40 bp"):
        necessity.run(Predictor(toy_model), locus, tile_size=10)


@pytest.mark.parametrize("text", ["N" * 10, "A" * 10, "ACACACACAC"])
def test_a_tile_that_no_shuffle_changes_is_marked(scripted_model, text):
    codes = encode("ACGTTGCAACCGATTACAGGTCAGC" + text + "GACTA")
    locus = Locus("G", "G", "chrT", 120, "+", 100, 140, codes)
    result = necessity.run(Predictor(scripted_model(40, lambda codes: 10.0)), locus, tile_size=10, shuffles=3)
    assert result.effects("K562")["testable"].tolist() == [True, False]
    assert result.notes == (
        "The tile that starts at 25 of the window cannot be shuffled into anything else, so nothing is tested.",
    )


def test_nothing_is_noted_where_every_tile_can_be_shuffled(toy_model, toy_locus):
    assert necessity.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2).notes == ()
