"""Characterisation of the demo's planted elements, of real K562 signal, and of the paper's own tables."""

from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pyBigWig
import pytest

import creme_core as creme
from creme_core.signals.bigwig import read_signal
from creme_core.signals.characterise import adjust, compare, stars, tile_signals
from creme_core.signals.enrichment import distance_histogram, distances, overlaps, promoters

CELL_LINES = ("K562", "GM12878", "PC-3")


@pytest.fixture(scope="module")
def demo():
    return creme.open_source("demo")


def demo_signals(source, cell_line):
    here = source.signals[source.signals["cell_line"] == cell_line]
    return {row.assay: partial(read_signal, row.path) for row in here.itertuples()}


def demo_elements(source, cell_line, kind):
    truth = source.truth
    return truth[(truth["cell_line"] == cell_line) & (truth["kind"] == kind)]


def test_the_demos_planted_elements_have_the_marks_that_were_made_for_them(demo):
    """Elements of every cell line, each in its own line's signal: active marks in enhancers, H3K9me3 in silencers."""
    found = {
        kind: pd.concat(
            [tile_signals(demo_elements(demo, line, kind), demo_signals(demo, line)) for line in CELL_LINES]
        )
        for kind in ("enhancer", "silencer")
    }
    table = compare(found["enhancer"], found["silencer"]).set_index("track")
    assert table.loc["H3K27ac", "higher_in"] == "enhancers"
    assert table.loc["H3K27ac", "superiority"] == 1
    assert table.loc["H3K9me3", "higher_in"] == "silencers"
    assert table.loc["H3K9me3", "superiority"] < 0.2
    assert table.loc["SYNR", "higher_in"] == "silencers"  # the repressor binds silencers, the activators do not
    assert table.loc["SYNA", "higher_in"] == "enhancers"
    assert table.loc[["H3K27ac", "H3K9me3", "SYNR"], "stars"].str.startswith("*").all()
    assert table.loc["H3K27ac", "log_ratio"] > 1 > 0 > table.loc["H3K9me3", "log_ratio"]


def test_a_locus_of_the_demo_tile_by_tile(demo):
    """SOLO1 has one enhancer: its tile, the promoter's aside, has the most H3K27ac of all 38."""
    locus = demo.locus("SOLO1")
    edges = locus.start + 804 + 5000 * np.arange(40)
    tiles = pd.DataFrame({"chrom": locus.chrom, "genome_start": edges[:-1], "genome_end": edges[1:]})
    signals = demo_signals(demo, "K562")
    found = tile_signals(tiles, signals, chrom_sizes=demo.chrom_sizes)
    assert found.shape == (39, 8)
    (element,) = demo_elements(demo, "K562", "enhancer").query("gene == 'SOLO1'").itertuples()
    holds = (tiles["genome_start"] < element.end) & (tiles["genome_end"] > element.start)
    away = ~((tiles["genome_start"] <= locus.tss) & (tiles["genome_end"] > locus.tss))
    assert holds[found.loc[away, "H3K27ac"].idxmax()]
    with pyBigWig.open(str(signals["SYNA"].args[0])) as file:
        by_hand = [np.nanmax(file.values(locus.chrom, int(a), int(b))) for a, b in pairwise(edges)]
    np.testing.assert_allclose(found["SYNA"], by_hand, rtol=1e-6)


@pytest.fixture
def k562_chr22(shared_data, tmp_path):
    """bigWigs of the real signal, uncovered between candidate regions; predicted enhancers and the other regions."""
    source, folder = shared_data / "k562-chr22", tmp_path
    signals = {}
    for path in sorted(source.glob("*.bedgraph")):
        counts = pd.read_csv(path, sep="\t", names=["chrom", "start", "end", "count"])
        with pyBigWig.open(str(folder / f"{path.stem}.bw"), "w") as file:
            file.addHeader([("chr22", 50_818_468)])
            file.addEntries(
                counts["chrom"].tolist(),
                counts["start"].tolist(),
                ends=counts["end"].tolist(),
                values=counts["count"].astype(float).tolist(),
            )
        signals[path.name.partition(".")[0]] = partial(read_signal, folder / f"{path.stem}.bw")
    predicted = pd.read_csv(source / "abc-enhancer-predictions.tsv", sep="\t").rename(columns={"chr": "chrom"})
    enhancers = predicted.drop_duplicates(["start", "end"])[["chrom", "start", "end"]]
    merged = counts.merge(enhancers, on=["chrom", "start", "end"], how="left", indicator=True)
    others = merged.loc[merged["_merge"] == "left_only", ["chrom", "start", "end"]]
    return signals, enhancers, others, counts  # of H3K27ac, the last


def test_predicted_enhancers_of_k562_have_more_of_both_marks_than_other_candidates(k562_chr22):
    signals, enhancers, others, _ = k562_chr22
    rng = np.random.default_rng(0)
    some = tile_signals(enhancers.iloc[rng.choice(len(enhancers), 60, replace=False)], signals)
    rest = tile_signals(others.iloc[rng.choice(len(others), 120, replace=False)], signals)
    table = compare(some, rest).set_index("track")
    assert set(table.index) == {"DNase", "H3K27ac"}
    assert (table["higher_in"] == "enhancers").all()
    assert (table["stars"] == "****").all()
    assert (table["log_ratio"] > 1).all()
    assert (table["superiority"] > 0.8).all()


def test_a_candidate_region_has_its_own_count_and_a_desert_has_none(k562_chr22):
    signals, _, _, counts = k562_chr22
    rows = counts.iloc[[0, 5000, 17_000]]
    desert = pd.DataFrame({"chrom": ["chr22"], "start": [1000], "end": [6000]})
    found = tile_signals(pd.concat([rows, desert], ignore_index=True), signals)
    assert found["H3K27ac"].head(3).tolist() == rows["count"].tolist()
    assert found.iloc[3].isna().all()


@pytest.fixture
def characterised(shared_data):
    return shared_data / "published/results/summary_csvs/CRE_characterization"


def test_the_published_factor_table_is_bonferroni_corrected_natural_logs_over_524_factors(characterised):
    """What its columns mean: -log10(pvalue) is of p times 524, sign is that below 0.05, log is the natural one."""
    table = pd.read_csv(characterised / "pvalues_per_TF_for_sufficient_CREs.csv")
    assert len(table) == 524
    corrected = adjust(table["pvalue"], "bonferroni")
    np.testing.assert_allclose(-np.log10(corrected), table["-log10(pvalue)"], atol=1e-12)
    np.testing.assert_allclose(np.log(table["enhancer / silencer"]), table["log(Max enhancer / Max silencer)"])
    assert ((corrected < 0.05) == table["sign"]).all()
    up = table["enhancer / silencer"] > 1
    assert (int((table["sign"] & up).sum()), int((table["sign"] & ~up).sum())) == (196, 22)
    # The paper's named examples stand on the side that it says they do.
    side = table.set_index("mark")["log(Max enhancer / Max silencer)"]
    assert (side[["EP300", "BRD9", "SMARCA4"]] > 0).all()
    assert (side[["CBX5", "PRMT5", "SETDB1"]] < 0).all()


def test_the_false_discovery_rate_calls_more_of_the_published_factors_and_keeps_their_order(characterised):
    table = pd.read_csv(characterised / "pvalues_per_TF_for_sufficient_CREs.csv").sort_values("pvalue")
    q = adjust(table["pvalue"])
    assert int((q < 0.05).sum()) == 360
    assert (np.diff(q) >= 0).all()
    assert (q >= table["pvalue"]).all()
    assert (q <= adjust(table["pvalue"], "bonferroni") + 1e-15).all()
    assert q[:1] == pytest.approx(table["pvalue"].iloc[0] * 524)  # no smaller one makes up for it
    signs = pd.Series(stars(adjust(table["pvalue"], "bonferroni")), table["mark"])
    assert signs[["EP300", "CBX5", "SMARCA4"]].tolist() == ["****"] * 3
    assert signs["CTCF"] == "ns"


@pytest.fixture
def published(characterised):
    table = pd.read_csv(characterised / "sufficient_CRE_coordinates.csv")
    return pd.DataFrame(
        {
            "chrom": table["chromosome"],
            "start": table["CRE start coordinate"],
            "end": table["CRE end coordinate"],
            "tss": table["TSS coordinate"],
            "strand": table["strand"],
            "kind": table["CRE type"].str.lower(),
        }
    )


def test_the_published_elements_distances(published, characterised):
    """Fig. 2d: enhancers crowd just downstream of the TSS, silencers spread; each lies where its tile stood."""
    tested = pd.read_csv(characterised.parent / "enformer/sufficient_CREs.csv")
    np.testing.assert_array_equal(distances(published), tested["tile_start"] + 2500 - 98_304)
    histogram = distance_histogram(published).set_index("centre")
    assert (histogram["enhancer"].sum(), histogram["silencer"].sum()) == (74, 222)
    assert histogram["enhancer"].idxmax() == 5000
    assert histogram.loc[[-5000, 0, 5000, 10_000], "enhancer"].tolist() == [6, 0, 41, 10]
    assert (histogram.index.min(), histogram.index.max()) == (-75_000, 75_000)
    assert published[published["kind"] == "enhancer"].pipe(distances).std() < published.pipe(distances).std()


def test_the_published_elements_that_overlap_promoters(published, shared_data):
    """The paper finds 27% of enhancer and 24% of silencer tiles in promoters or an atlas's enhancers.

    The atlas and the width of its promoters are not known here: promoters of another gene table are counted instead.
    """
    genes = creme.open_source(
        shared_data / "grch38/chr2_1-2333275.fa.gz", genes=shared_data / "grch38/gene-bounds.hg38.bed"
    ).genes
    regions = promoters(genes, upstream=1000, downstream=500)
    found = overlaps(published, {"promoters": regions}).set_index("kind")
    assert found["elements"].to_dict() == {"enhancer": 74, "silencer": 222}
    assert found["bases"].to_dict() == {"enhancer": 370_000, "silencer": 1_110_000}
    by_chrom = dict(list(regions.groupby("chrom")))
    hit = [
        ((by_chrom[row.chrom]["start"] < row.end) & (by_chrom[row.chrom]["end"] > row.start)).any()
        for row in published.itertuples()
    ]
    by_hand = pd.Series(hit).groupby(published["kind"].to_numpy()).mean()
    np.testing.assert_allclose(found["share"], by_hand[found.index])
    assert found["share"].between(0.05, 0.6).all()
