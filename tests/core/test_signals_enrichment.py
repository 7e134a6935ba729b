"""Distances from the TSS and overlaps with regions, on intervals that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from creme_core.signals.enrichment import distance_histogram, distances, overlaps, promoters


def table(*rows, columns=("chrom", "start", "end")):
    return pd.DataFrame(rows, columns=list(columns))


ELEMENT = ("chrom", "start", "end", "tss", "strand", "kind")


def test_upstream_is_negative_on_both_strands():
    elements = table(
        ("chr1", 900, 1000, 1000, "+", "enhancer"),
        ("chr1", 900, 1000, 1000, "-", "enhancer"),
        ("chr1", 951, 1052, 1000, "-", "silencer"),
        columns=ELEMENT,
    )
    assert distances(elements).tolist() == [-50, 50, -1.5]
    assert distances(table((7,), columns=["distance"])).tolist() == [7]


def test_bins_are_centred_on_zero_and_count_each_kind():
    kinds = ["enhancer"] * 4 + ["silencer"] * 2
    elements = pd.DataFrame({"distance": [-5000, 5000, 5001, 7499, 12_500, 0], "kind": kinds})
    histogram = distance_histogram(elements).set_index("centre")
    assert histogram.index.tolist() == [-15_000, -10_000, -5000, 0, 5000, 10_000, 15_000]
    assert histogram["enhancer"].tolist() == [0, 0, 1, 0, 3, 0, 0]
    assert histogram["silencer"].tolist() == [0, 0, 0, 1, 0, 0, 1]
    assert histogram["enhancer_share"].tolist() == [0, 0, 0.25, 0, 0.75, 0, 0]
    assert histogram["silencer_share"].sum() == 1
    assert histogram.attrs["outside"] == 0
    assert (histogram["start"].iloc[0], histogram["end"].iloc[-1]) == (-17_500, 17_500)


def test_edges_can_be_given_and_what_lies_beyond_is_counted():
    elements = pd.DataFrame({"distance": [-200, -100, 0, 99, 100, 101]})
    histogram = distance_histogram(elements, [-100, 0, 100])
    assert histogram["element"].tolist() == [1, 3]
    assert histogram.attrs["outside"] == 2


def test_no_elements_give_an_empty_histogram():
    assert distance_histogram(pd.DataFrame({"distance": []})).columns.tolist() == ["start", "end", "centre"]


@pytest.mark.parametrize("bins", [0, -5, np.nan, [1], [3, 2], [[1, 2], [3, 4]], 0.001])
def test_bins_that_are_none_are_refused(bins):
    with pytest.raises(ValueError, match=r"[Bb]ins"):
        distance_histogram(pd.DataFrame({"distance": [1e4]}), bins)


@pytest.mark.parametrize(
    ("elements", "sentence"),
    [
        (table(("chr1", 1, 2)), "have no column tss, strand; give distance, or tss and strand"),
        (table(("chr1", 1, 2, 5, ".", "x"), columns=ELEMENT), "Row 1: TSS '5', strand '.'"),
        (table(("chr1", 1, 2, None, "+", "x"), columns=ELEMENT), "Row 1: TSS 'None'"),
        (pd.DataFrame({"distance": [1, "far"]}), "Row 2: the distance is 'far'"),
    ],
)
def test_elements_without_a_distance_are_told(elements, sentence):
    with pytest.raises(ValueError, match=sentence):
        distances(elements)


def test_promoters_lie_upstream_of_their_tss():
    genes = table(("chr1", 1000, "+"), ("chr1", 1000, "-"), ("chr1", 20, "+"), columns=("chrom", "tss", "strand"))
    found = promoters(genes, upstream=100, downstream=10)
    assert found[["start", "end"]].to_numpy().tolist() == [[900, 1011], [990, 1101], [0, 31]]


def test_shares_by_hand():
    elements = table(
        ("chr1", 0, 100, "enhancer"),
        ("chr1", 100, 200, "enhancer"),
        ("chr1", 300, 400, "silencer"),
        ("chr2", 0, 100, "silencer"),
        columns=("chrom", "start", "end", "kind"),
    )
    regions = {
        "promoters": table(("chr1", 90, 100), ("chr1", 95, 110), ("chr1", 400, 500)),
        "repeats": table(
            ("chr1", 350, 360, "LINE"),
            ("chr1", 355, 380, "LINE"),
            ("chr2", 99, 100, "LTR"),
            ("chr1", 0, 400, "LTR"),
            columns=("chrom", "start", "end", "class"),
        ),
    }
    found = overlaps(elements, regions).set_index(["kind", "region", "class"])
    numbers = found[["elements", "overlapping", "share", "bases", "bases_covered", "base_share"]]
    assert numbers.loc[("enhancer", "promoters", "")].tolist() == [2, 2, 1, 200, 20, 0.1]
    assert numbers.loc[("silencer", "promoters", "")].tolist() == [2, 0, 0, 200, 0, 0]  # one ends where it starts
    assert numbers.loc[("silencer", "repeats", "LINE")].tolist() == [2, 1, 0.5, 200, 30, 0.15]
    assert numbers.loc[("silencer", "repeats", "LTR")].tolist() == [2, 2, 1, 200, 101, 0.505]
    assert numbers.loc[("enhancer", "repeats", "LTR")].tolist() == [2, 2, 1, 200, 200, 1]
    assert len(found) == 6


def test_tables_of_regions_are_split_by_their_kind():
    regions = table(("chr1", 0, 5, "PLS"), ("chr1", 50, 60, "dELS"), columns=("chrom", "start", "end", "kind"))
    elements = table(("chr1", 0, 10, ""), ("chr1", 55, 65, ""), columns=("chrom", "start", "end", "kind"))
    found = overlaps(elements, {"cCREs": regions, "none": regions.head(0)})
    assert found[["kind", "class", "overlapping"]].to_numpy().tolist() == [
        ["element", "PLS", 1],
        ["element", "dELS", 1],
        ["element", "", 0],
    ]


def test_overlaps_agree_with_counting_base_by_base():
    rng = np.random.default_rng(3)

    def some(n, longest):
        start = rng.integers(0, 2000, n)
        return pd.DataFrame(
            {"chrom": rng.choice(["chr1", "chr2"], n), "start": start, "end": start + rng.integers(1, longest, n)}
        )

    for _ in range(20):
        elements, regions = some(60, 80), some(rng.integers(1, 60), 200)
        bases = {chrom: np.zeros(3000, bool) for chrom in ("chr1", "chr2")}
        for row in regions.itertuples():
            bases[row.chrom][row.start : row.end] = True
        inside = [bases[row.chrom][row.start : row.end] for row in elements.itertuples()]
        found = overlaps(elements, {"r": regions}).iloc[0]
        assert found["overlapping"] == sum(part.any() for part in inside)
        assert found["bases_covered"] == sum(part.sum() for part in inside)


def test_columns_of_an_effects_table_are_taken():
    effects = table(("chr1", 500, 600, 0, 100), columns=("chrom", "genome_start", "genome_end", "start", "end"))
    assert overlaps(effects, {"r": table(("chr1", 0, 100))})["overlapping"].tolist() == [0]
    assert overlaps(effects, {"r": table(("chr1", 550, 551))})["bases_covered"].tolist() == [1]


def test_no_regions_overlap_nothing_and_no_elements_give_no_rows():
    elements = table(("chr1", 0, 10))
    assert overlaps(elements, {"r": table()})["share"].tolist() == [0]
    assert overlaps(table(), {"r": elements}).empty
    assert overlaps(elements, {}).empty


def test_another_naming_style_and_bad_intervals_are_told():
    with pytest.raises(ValueError, match="repeats writes '22' where the elements write 'chr22'; rename one of them"):
        overlaps(table(("chr22", 0, 10)), {"repeats": table(("22", 0, 10))})
    assert overlaps(table(("chr22", 0, 10)), {"repeats": table(("chr21", 0, 10))})["share"].tolist() == [0]
    with pytest.raises(ValueError, match="Row 1: it ends at 5, not after its start 10"):
        overlaps(table(("chr1", 0, 10)), {"r": table(("chr1", 10, 5))})


def test_a_hundred_thousand_regions_take_no_time():
    import time

    rng = np.random.default_rng(0)
    start = rng.integers(0, 50_000_000, 500_000)
    regions = pd.DataFrame(
        {"chrom": "chr22", "start": start, "end": start + 300, "class": rng.choice(list("abcde"), 500_000)}
    )
    elements = pd.DataFrame({"chrom": "chr22", "start": start[:100_000], "end": start[:100_000] + 5000})
    begin = time.perf_counter()
    overlaps(elements, {"repeats": regions})
    assert time.perf_counter() - begin < 5  # about 0.6 s on a free core
