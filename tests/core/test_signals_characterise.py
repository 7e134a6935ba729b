"""Signal in tiles, and enhancers against silencers, on numbers that can be worked out on paper."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from creme_core.signals.characterise import adjust, compare, stars, tile_signals, usual_statistic


def tiles(*intervals, chrom="chr1"):
    return pd.DataFrame([(chrom, *interval) for interval in intervals], columns=["chrom", "genome_start", "genome_end"])


class Signal:
    """A reader whose base b holds b, with a hole."""

    def __init__(self, hole=(0, 0), length=10_000):
        self.values = np.arange(length, dtype=float)
        self.values[slice(*hole)] = np.nan
        self.asked = []

    def __call__(self, chrom, start, end, bins, statistic):
        assert 0 <= start < end <= self.values.size
        self.asked.append((chrom, start, end, bins, statistic))
        function = {"mean": np.nanmean, "max": np.nanmax}[statistic]
        parts = np.array_split(self.values[start:end], bins)
        return np.array([np.nan if np.isnan(part).all() else function(part) for part in parts], np.float32)


def test_a_tile_has_the_mean_of_marks_and_the_maximum_of_factors():
    found = tile_signals(tiles((100, 200), (400, 500)), {"H3K27ac": Signal(), "DNase": Signal(), "CTCF": Signal()})
    assert found.columns.tolist() == ["H3K27ac", "DNase", "CTCF"]
    assert found["H3K27ac"].tolist() == [149.5, 449.5]
    assert found["DNase"].tolist() == [149.5, 449.5]
    assert found["CTCF"].tolist() == [199, 499]


def test_the_statistic_can_be_chosen_for_all_or_one():
    one = tiles((0, 10))
    assert tile_signals(one, {"CTCF": Signal()}, "mean").iloc[0, 0] == 4.5
    assert tile_signals(one, {"H3K27ac": Signal()}, "max").iloc[0, 0] == 9
    both = tile_signals(one, {"CTCF": Signal(), "EP300": Signal()}, {"CTCF": "mean"})
    assert both.iloc[0].tolist() == [4.5, 9]
    with pytest.raises(ValueError, match="statistic of CTCF is 'median'; it is 'mean', 'max' or 'usual'"):
        tile_signals(one, {"CTCF": Signal()}, "median")


@pytest.mark.parametrize("name", ["DNase", "DNase-seq", "ATAC", "H3K27ac", "H4K20me1", "H2AFZ", "H2A.Z", "h3k9me3"])
def test_marks_and_accessibility_are_averaged(name):
    assert usual_statistic(name) == "mean"


@pytest.mark.parametrize("name", ["CTCF", "EP300", "HDAC1", "H1-2", "SYNA", "HES1", "POLR2A", "MAZ", "ATF3", "H1FX"])
def test_of_factors_the_maximum_counts(name):
    assert usual_statistic(name) == "max"


def test_every_target_of_the_papers_list_is_summed_up_as_the_paper_does(shared_data):
    listed = pd.read_csv(shared_data / "published/figures/pdfs/biochemistry/track_list.csv")
    target = listed["Experiment target"].str.removesuffix("-human").fillna(listed["Assay"])
    expected = np.where(listed["Assay"] == "TF ChIP-seq", "max", "mean")
    wrong = sorted(set(target[target.map(usual_statistic) != expected]))
    assert wrong == []


def test_tiles_that_touch_are_read_in_one_go_and_keep_their_order():
    signal = Signal()
    order = [3, 0, 2, 1]
    locus = tiles((100, 200), (200, 300), (300, 400), (450, 550)).iloc[order]
    found = tile_signals(locus, {"DNase": signal})["DNase"]
    assert found.index.tolist() == order
    assert found.tolist() == [499.5, 149.5, 349.5, 249.5]
    assert signal.asked == [("chr1", 100, 400, 3, "mean"), ("chr1", 450, 550, 1, "mean")]


def test_tiles_of_other_lengths_chromosomes_or_the_same_place_are_read_on_their_own():
    signal = Signal()
    table = pd.concat([tiles((0, 10), (10, 30), (10, 30)), tiles((30, 50), chrom="chr2")], ignore_index=True)
    assert tile_signals(table, {"DNase": signal})["DNase"].tolist() == [4.5, 19.5, 19.5, 39.5]
    assert len(signal.asked) == 4


def test_a_long_run_is_read_in_parts(monkeypatch):
    monkeypatch.setattr("creme_core.signals.characterise.MOST_BASES", 250)
    signal = Signal()
    row = tiles(*((start, start + 100) for start in range(0, 700, 100)))
    assert tile_signals(row, {"DNase": signal})["DNase"].tolist() == [49.5 + 100 * i for i in range(7)]
    assert [bins for *_, bins, _ in signal.asked] == [2, 2, 2, 1]


def test_uncovered_bases_are_left_out_and_an_uncovered_tile_is_nan():
    found = tile_signals(tiles((0, 10), (10, 20)), {"DNase": Signal(hole=(5, 20))})["DNase"]
    assert found[0] == 2
    assert math.isnan(found[1])


def test_what_sticks_out_of_the_chromosome_is_not_asked_for():
    signal = Signal(length=1000)
    table = tiles((-150, -50), (-50, 50), (50, 150), (950, 1050), (1050, 1150))
    found = tile_signals(table, {"DNase": signal}, chrom_sizes={"chr1": 1000})["DNase"]
    np.testing.assert_array_equal(found, [np.nan, 24.5, 99.5, 974.5, np.nan])


def test_arrays_are_summed_up_too():
    points = np.array([[1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan]])
    found = tile_signals(tiles((0, 2), (2, 4), (4, 6)), {"DNase": points, "CTCF": points, "EP300": points[:, 0]})
    np.testing.assert_array_equal(found["DNase"], [2, 5, np.nan])
    np.testing.assert_array_equal(found["CTCF"], [3, 5, np.nan])
    np.testing.assert_array_equal(found["EP300"], [1, np.nan, np.nan])
    assert tile_signals(tiles((0, 2)), {"DNase": np.empty((1, 0))}).isna().all(axis=None)
    with pytest.raises(ValueError, match=r"DNase is an array of shape \(2,\); 3 tiles need"):
        tile_signals(tiles((0, 2), (2, 4), (4, 6)), {"DNase": np.ones(2)})


def test_no_tiles_or_no_tracks_give_an_empty_table():
    assert tile_signals(tiles(), {"DNase": Signal()}).shape == (0, 1)
    assert tile_signals(tiles((0, 10)), {}).shape == (1, 0)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (pd.DataFrame({"chrom": ["chr1"], "start": [5]}), "has no column end"),
        (tiles((200, 100)), "Row 1: it ends at 100, not after its start 200"),
        (tiles((0, 10), ("x", 20)), "Row 2: genome_start is 'x'; it must be a whole number"),
        (tiles((0, 10), (0.5, 20)), "Row 2: genome_start is '0.5'"),
        (tiles((0, None)), "genome_end is '(None|nan)'"),
    ],
)
def test_intervals_that_are_none_are_told_by_their_row(table, sentence):
    with pytest.raises(ValueError, match=sentence):
        tile_signals(table, {"DNase": Signal()})


def test_a_reader_that_answers_with_another_number_of_values_is_told():
    with pytest.raises(ValueError, match=r"gave \(3,\) values for 1 tiles"):
        tile_signals(tiles((0, 10)), {"DNase": lambda *_: np.ones(3)})


def frame(**tracks):
    return pd.DataFrame({name: np.array(values, float) for name, values in tracks.items()})


def exact_p(one, two):
    """Two-sided p of the U test by going through every way to deal the ranks, for untied values."""
    both = np.concatenate([one, two])
    centre = len(one) * len(two) / 2

    def u(picked):
        rest = np.delete(both, picked)
        return (both[list(picked)][:, None] > rest).sum()

    every = [u(picked) for picked in combinations(range(both.size), len(one))]
    observed = abs(u(range(len(one))) - centre)
    return np.mean([abs(value - centre) >= observed for value in every])


def test_the_u_test_of_four_against_five_by_hand():
    one, two = [5.0, 7.0, 8.0, 9.0], [1.0, 2.0, 3.0, 4.0, 6.0]
    row = compare(frame(a=one), frame(a=two), pseudo_count=0).iloc[0]
    assert row["u"] == 4 + 5 + 5 + 5
    assert row["superiority"] == 19 / 20
    assert row["p"] == pytest.approx(exact_p(one, two))
    assert row["p"] == pytest.approx(4 / 126)  # the two most extreme deals on each side, of C(9, 4)
    assert (row["n_enhancers"], row["n_silencers"]) == (4, 5)
    assert (row["mean_enhancers"], row["median_silencers"]) == (7.25, 3.0)
    assert row["log_ratio"] == pytest.approx(math.log(7.25 / 3.2))
    assert row["neg_log10_p"] == pytest.approx(-math.log10(4 / 126))
    assert (row["stars"], row["higher_in"], row["note"]) == ("*", "enhancers", "")


def test_ties_are_corrected_for_by_hand():
    one, two = [1.0, 2.0, 2.0, 3.0] * 3, [2.0, 3.0, 3.0, 4.0] * 3
    row = compare(frame(a=one), frame(a=two)).iloc[0]
    # Of each four: 1 beats none, each 2 ties the one 2, 3 beats the 2 and ties the two 3: (0 + .5 + .5 + 2) x 9.
    assert row["u"] == 27
    counts = np.array([3, 9, 9, 3])
    n = 24
    deviation = math.sqrt(12 * 12 / 12 * (n + 1 - (counts**3 - counts).sum() / (n * (n - 1))))
    z = (abs(27 - 72) - 0.5) / deviation
    assert row["p"] == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert row["higher_in"] == "silencers"
    assert row["log_ratio"] < 0


def test_p_values_are_corrected_over_the_tracks_that_have_one():
    rng = np.random.default_rng(0)
    columns = {f"t{i}": rng.normal(i / 4, 1, 20) for i in range(6)}
    one = frame(**columns, empty=[np.nan] * 20)
    two = frame(**{name: rng.normal(0, 1, 30) for name in columns}, empty=[np.nan] * 30)
    table = compare(one, two).set_index("track")
    p = table["p"].drop("empty").to_numpy()
    order = np.argsort(p)
    by_hand = np.minimum.accumulate((p[order] * 6 / np.arange(1, 7))[::-1])[::-1]
    np.testing.assert_allclose(table["p_adjusted"].drop("empty").to_numpy()[order], np.minimum(by_hand, 1))
    assert (table["p_adjusted"].drop("empty") >= p).all()
    bonferroni = compare(one, two, correction="bonferroni").set_index("track")
    np.testing.assert_allclose(bonferroni["p_adjusted"].drop("empty"), np.minimum(1, p * 6))
    assert bonferroni.attrs == {
        "correction": "bonferroni",
        "centre": "mean",
        "pseudo_count": 0.01,
        "alpha": 0.05,
    }


def test_adjust_by_hand():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(adjust(p), [0.02, np.nan, 0.04, 0.04, 0.02])
    np.testing.assert_allclose(adjust(p, "bonferroni"), [0.04, np.nan, 0.16, 0.12, 0.02])
    assert adjust(np.array([0.6, 0.9]), "bonferroni").tolist() == [1, 1]
    assert np.isnan(adjust(np.array([np.nan]))).all()
    assert adjust(np.array([])).size == 0
    with pytest.raises(ValueError, match="below 0 or above 1"):
        adjust(np.array([3.2]))
    with pytest.raises(ValueError, match="The correction is 'holm'; it is one of benjamini-hochberg, bonferroni"):
        adjust(np.array([0.1]), "holm")


def test_the_papers_stars():
    p = [0.05, 0.0499, 0.01, 0.0099, 0.001, 0.00099, 0.0001, 0.000099, 0, np.nan]
    assert stars(p).tolist() == ["ns", "*", "*", "**", "**", "***", "***", "****", "****", ""]


@pytest.mark.parametrize(("one", "two"), [([1, 2], range(30)), (range(30), [1]), ([5], [6])])
def test_too_few_elements_have_no_p_value_and_say_so(one, two):
    row = compare(frame(a=list(one)), frame(a=list(two))).iloc[0]
    assert math.isnan(row["p"])
    assert math.isnan(row["p_adjusted"])
    assert (row["stars"], row["higher_in"]) == ("", "")
    assert row["note"] == f"{len(one)} enhancers and {len(two)} silencers are too few to test; 3 each are."
    assert np.isfinite(row["log_ratio"])


def test_a_track_without_values_says_so():
    table = compare(frame(a=[np.nan] * 4, b=[1, 2, 3, 4]), frame(a=[1, 2, 3], b=[np.nan] * 3))
    assert table["note"].tolist() == ["a covers none of the enhancers.", "b covers none of the silencers."]
    assert table[["p", "log_ratio", "superiority"]].isna().all(axis=None)
    assert table["n_enhancers"].tolist() == [0, 4]
    nothing = compare(frame(a=[]), frame(a=[]))
    assert nothing["p"].isna().all()


def test_missing_values_are_left_out_of_the_test():
    one, two = [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 9.0]
    plain = compare(frame(a=one), frame(a=two))
    holes = compare(frame(a=[*one, np.nan]), frame(a=[np.nan, *two, np.nan]))
    pd.testing.assert_frame_equal(plain, holes)


def test_values_that_never_differ_are_no_difference():
    row = compare(frame(a=[2.0] * 9), frame(a=[2.0] * 12)).iloc[0]
    assert (row["p"], row["superiority"], row["stars"]) == (1.0, 0.5, "ns")
    assert row["note"] == "a has the same value in every element."
    flat = compare(frame(a=[2.0] * 9), frame(a=[1.0] * 12)).iloc[0]  # each group flat, but apart
    assert flat["p"] < 1e-4
    assert flat["higher_in"] == "enhancers"


def test_no_signal_in_one_group_gives_a_large_finite_fold():
    row = compare(frame(a=[1.0, 2.0, 3.0]), frame(a=[0.0, 0.0, 0.0])).iloc[0]
    assert row["log_ratio"] == pytest.approx(math.log(2.01 / 0.01))
    zero = compare(frame(a=[0.0] * 3), frame(a=[0.0] * 3)).iloc[0]
    assert zero["log_ratio"] == 0
    without = compare(frame(a=[1.0, 2.0, 3.0]), frame(a=[0.0, 0.0, 0.0]), pseudo_count=0).iloc[0]
    assert math.isnan(without["log_ratio"])


def test_the_middle_can_be_the_median():
    row = compare(frame(a=[1.0, 2.0, 90.0]), frame(a=[1.0, 1.0, 1.0]), centre="median", pseudo_count=0).iloc[0]
    assert row["log_ratio"] == pytest.approx(math.log(2))


def test_tracks_that_are_not_the_same_in_both_are_refused():
    with pytest.raises(ValueError, match="have 2 tracks and the silencers 1, and they must have the same ones"):
        compare(frame(a=[1], b=[1]), frame(a=[1]))
    with pytest.raises(ValueError, match="must have the same ones, each once"):
        compare(frame(a=[1]), frame(b=[1]))
    swapped = compare(frame(a=[1, 2, 3], b=[4, 5, 6]), frame(b=[4, 5, 6], a=[1, 2, 3]))
    assert swapped["superiority"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "settings",
    [{"correction": "fdr"}, {"centre": "mode"}, {"pseudo_count": -1}, {"pseudo_count": np.nan}, {"alpha": 5}],
)
def test_unknown_settings_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        compare(frame(a=[1, 2, 3]), frame(a=[1, 2, 3]), **settings)


def test_infinite_signal_is_refused():
    with pytest.raises(ValueError, match="a holds an infinite value"):
        compare(frame(a=[1, np.inf, 3]), frame(a=[1, 2, 3]))


def test_hundreds_of_factors_are_compared_within_a_second():
    import time

    rng = np.random.default_rng(1)
    names = [f"TF{i}" for i in range(524)]
    one, two = (pd.DataFrame(rng.gamma(2, 1, (n, 524)), columns=names) for n in (74, 222))
    begin = time.perf_counter()
    table = compare(one, two)
    assert time.perf_counter() - begin < 3  # about 0.4 s on a free core
    assert len(table) == 524
