"""The paper's published K562 tables, where they stand beside the checkout: every figure and every number again."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from creme_core.effects import BORZOI_CUTOFFS, classify_context
from creme_core.experiments.additivity import compare
from creme_core.experiments.context import ContextResult
from creme_core.experiments.distance import DistanceResult
from creme_core.experiments.fine_tile import FineTileResult
from creme_core.experiments.interaction import InteractionResult
from creme_core.experiments.necessity import NecessityResult
from creme_core.experiments.set_sufficiency import SetSufficiencyResult
from creme_core.experiments.sufficiency import SufficiencyResult
from creme_core.published import PublishedSource
from creme_core.published.tables import TABLES

LINE = "K562"
TYPES = {
    "context": ContextResult,
    "necessity": NecessityResult,
    "sufficiency": SufficiencyResult,
    "distance": DistanceResult,
    "interaction": InteractionResult,
    "set_sufficiency": SetSufficiencyResult,
    "fine_tile": FineTileResult,
}


@pytest.fixture(scope="module")
def folder():
    from tests.core.conftest import SHARED_DATA

    if not SHARED_DATA.is_dir():
        pytest.skip("the real-data folder shared/data does not stand beside this checkout")
    return SHARED_DATA / "published"


@pytest.fixture(scope="module")
def published(folder):
    return PublishedSource(folder)


@pytest.fixture(scope="module")
def raw(folder):
    """A file of the paper's, as pandas reads it."""

    def read(path):
        return pd.read_csv(folder / "results/summary_csvs" / path)

    return read


def test_every_figure_of_the_paper_comes_out_of_the_raw_tables(published):
    found = published.headline(LINE)
    assert found["contexts"] == {"enhancing": 482, "neutral": 295, "silencing": 318}
    assert [found[f"{name}_contexts"] for name in found["contexts"]] == [482, 295, 318]
    assert found["sampled_contexts"] == {"enhancing": 200, "neutral": 200, "silencing": 200}
    assert found["sampled_per_context"] == 200
    assert (found["necessary_enhancers"], found["necessary_silencers"]) == (238, 143)
    assert (found["sufficient_enhancers"], found["sufficient_silencers"]) == (74, 222)
    curve = found["distance_curve"]
    assert list(curve) == [*range(-95, 0, 5), *range(5, 100, 5)]
    assert [round(curve[kb], 2) for kb in (5, -5, -95, 95)] == [0.85, 0.48, 0.08, 0.08]
    assert [round(mean, 3) for mean in found["greedy_set_sufficiency"]] == [0.215, 0.401, 0.578, 0.683, 0.769, 0.822]
    assert round(found["additive_r"], 2) == 0.90
    assert round(found["multiplicative_r"], 2) == 0.96
    assert round(found["additive_median_difference"], 3) == 0.049
    assert round(found["multiplicative_median_difference"], 3) == 0.057
    assert found["fine_tile_median_bp"] == 1000


def test_loci_are_the_published_ones(published, raw):
    table = raw("enformer/K562_selected_contexts.csv")
    loci = published.loci
    assert list(loci.columns[:8]) == [
        *("gene", "chrom", "tss", "strand", "cell_line", "context", "wild_type", "context_effect")
    ]
    assert loci["seq_id"].tolist() == table["seq_id"].tolist()
    assert loci["wild_type"].tolist() == table["wt"].tolist()
    assert loci["context_effect"].tolist() == table["delta_mean"].tolist()
    assert loci["context"].tolist() == classify_context(loci["context_effect"]).tolist() == table["context"].tolist()
    assert published.cell_lines == (LINE,)
    minus = loci[loci["gene"] == "VARS1"].iloc[0]
    assert (minus["tss"], minus["tss_base"], minus["strand"]) == (31_795_752, 31_795_751, "-")
    plus = loci[loci["gene"] == "CHST11"].iloc[0]
    assert (plus["tss"], plus["tss_base"]) == (104_456_947, 104_456_947)
    assert plus["gene_id"].startswith("ENSG00000171310")


@pytest.mark.parametrize("name", ["GATA2", "gata2", "ENSG00000179348", "GATA2_chr3_128487916_-", "chr3:128,487,916:-"])
def test_a_gene_is_found_by_any_of_its_names(published, name):
    locus = published.locus(name)
    assert (locus.gene, locus.chrom, locus.tss, locus.strand) == ("GATA2", "chr3", 128_487_915, "-")
    assert published.result("context", name, LINE).locus.gene == "GATA2"


@pytest.mark.parametrize(("gene", "index"), [("CHST11", 98_303), ("VARS1", 98_305)])
def test_windows_are_the_papers_and_all_n(published, gene, index):
    locus = published.locus(gene)
    assert (locus.length, locus.n_fraction, locus.convention) == (196_608, 1.0, "paper")
    assert locus.tss_index == index
    assert published.locus(gene, length=1000, convention="centre").tss_index == 500
    assert "every base of this window is N" in locus.notes[0]
    assert published.locus(gene).digest == locus.digest != published.locus("GATA2").digest


def test_published_coordinates_are_one_base_left_of_the_bases_that_were_shuffled(published, raw):
    cres, tiles = published.cres(LINE), raw("enformer/sufficient_CREs.csv")
    assert (cres["kind"] == "enhancer").sum() == 74
    assert (cres["kind"] == "silencer").sum() == 222
    for cre, tile in zip(cres.head(40).itertuples(), tiles.head(40).itertuples(), strict=True):
        start, end = published.locus(tile.seq_id).to_genome(tile.tile_start, tile.tile_end)
        assert (cre.start, cre.end) == (start - 1, end - 1)
        assert (cre.chrom, cre.gene, cre.strand) == tuple(np.array(tile.seq_id.rsplit("_", 3))[[1, 0, 3]])


def test_context_has_the_published_numbers_and_an_interval(published, raw):
    for row in raw("enformer/K562_selected_contexts.csv").iloc[::37].itertuples():
        found = published.result("context_dependence", row.seq_id, LINE).effects(LINE).iloc[0]
        assert (found["wild_type"], found["mutant"], found["effect"]) == (row.wt, row.mean_mut, row.delta_mean)
        assert (found["call"], found["n"]) == (row.context, 100)
        assert found["sem"] == pytest.approx(row.std / 10 / row.wt)
        assert found["ci_high"] - found["effect"] == pytest.approx(1.98422 * found["sem"], rel=1e-5)


def test_a_context_near_its_cut_off_is_uncertain(published):
    calls = [
        published.result("context", name, LINE).effects(LINE).iloc[0] for name in published.loci["seq_id"].head(200)
    ]
    near = [row for row in calls if row["ci_low"] < 0.95 < row["ci_high"]]
    assert near
    assert all(row["uncertain"] for row in near)
    assert not all(row["uncertain"] for row in calls)


def test_necessity_has_the_published_effect_of_every_tile(published, raw):
    table = raw("enformer/necessity_test.csv")
    for name in table["seq_id"].unique()[::60]:
        rows = table[table["seq_id"] == name]
        found = published.result("necessity", name, LINE).effects(LINE)
        assert found["start"].tolist() == rows["tile_start"].tolist()
        np.testing.assert_allclose(found["effect"], rows["Normalized shuffle effect"], atol=1e-12)
        assert found["sem"].isna().all()
        assert set(found["n"]) == {10}
        assert not found["uncertain"].any()
        assert found["testable"].all()


def test_necessary_tiles_are_those_of_the_published_list(published, raw):
    listed = raw("enformer/necessary_CREs.csv")
    for name in listed["seq_id"].unique()[::12]:
        effects = published.result("necessity", name, LINE).effects(LINE)
        wanted = listed[listed["seq_id"] == name]
        called = effects[effects["call"] == wanted["tile class"].iloc[0].lower()]
        assert called["start"].tolist() == sorted(wanted["tile_start"])


def test_sufficiency_has_the_published_tiles_and_nothing_else(published, raw):
    table = raw("enformer/sufficient_CREs.csv")
    for name in table["seq_id"].unique()[::9]:
        rows = table[table["seq_id"] == name].sort_values("tile_start")
        result = published.result("sufficiency", name, LINE)
        found = result.effects(LINE)
        known = found[found["effect"].notna()]
        assert known["start"].tolist() == rows["tile_start"].tolist()
        np.testing.assert_allclose(known["effect"], rows["Normalized CRE effect"], atol=2e-6)
        np.testing.assert_allclose(known["over_wild_type"], rows["(MUT - CONTROL) / WT"], atol=2e-6)
        np.testing.assert_allclose(known["over_control"], rows["(MUT - CONTROL) / CONTROL"], rtol=2e-5)
        assert known["call"].tolist() == rows["tile class"].str.lower().tolist()
        assert found.loc[found["effect"].isna(), "n"].eq(0).all()
        assert result.context(LINE)["call"].iloc[0] == rows["context"].iloc[0]
        assert f"{len(rows)} of 38" in result.notes[0]


def test_distance_has_the_published_effect_and_fold_at_every_place(published, raw):
    table = raw("enformer/distance_test.csv")
    for name in table["enf_data_id"].unique()[::20]:
        rows = table[table["enf_data_id"] == name]
        gene, cre = name.rsplit("_", 2)[0], tuple(map(int, name.rsplit("_", 2)[1:]))
        result = published.result("distance", gene, LINE, cre=cre)
        found = result.effects(LINE)
        np.testing.assert_allclose(found["effect"], rows["CRE sufficiency effect"], atol=1e-9)
        np.testing.assert_allclose(found["fold_over_max"], rows["Fold change over control"], atol=1e-6)
        np.testing.assert_allclose(found["distance"] / 1000, rows["Binned distance (Kb)"], atol=0.0011)
        assert found.loc[found["own_place"], "start"].tolist() == [cre[0]]
        assert result.normalisation(LINE) == ("wild_type" if rows["context"].iloc[0] == "enhancing" else "control")


def test_the_strongest_cre_is_shown_unless_another_is_asked_for(published, raw):
    table = raw("enformer/sufficient_CREs.csv")
    name = table["seq_id"].value_counts().index[0]
    own = table[table["seq_id"] == name].assign(size=lambda t: t["Normalized CRE effect"].abs())
    places = list(own.sort_values("size", ascending=False)[["tile_start", "tile_end"]].itertuples(False, None))
    assert published.elements("distance", name, LINE) == places
    result = published.result("distance", name, LINE)
    assert result.settings.cre == places[0]
    assert f"{places[1][0]:,} to {places[1][1]:,}" in result.notes[0]
    assert published.result("distance", name, LINE, cre=list(places[-1])).settings.cre == places[-1]
    with pytest.raises(ValueError, match=r"cre is \(0, 5000\); for .* this was published for"):
        published.result("distance", name, LINE, cre=(0, 5000))


def test_interaction_has_two_rounds_and_says_that_their_tiles_are_not_known(published, raw):
    table = raw("enformer/greedy_search/min_second_iteration.csv")
    rows = table[table["seq_id"] == "CHST11_chr12_104456947_+"].set_index("Unnamed: 0")["0"]
    result = published.result("interaction", "CHST11", LINE)
    found = result.effects()
    np.testing.assert_allclose(
        found["fold_over_wild_type"], np.array([rows["greedy_it1"], rows["two_cres_shuffled"]]) / rows["wt"]
    )
    np.testing.assert_allclose(found["single"], np.array([rows["greedy_it1"], rows["greedy_it2"]]) / rows["wt"])
    assert found["tile"].tolist() == [-1, -1]
    assert found["n"].tolist() == [10, 1]
    assert result.order == []
    assert result.settings.search == "enhancer"
    assert any("in an order not published: chr12:104,459,449–104,464,448" in note for note in result.notes)
    assert result.first_tiles["start"].tolist() == [100_804, 105_804, 115_804, 120_804, 150_804]
    additive = compare(result).trajectory["additive"].iloc[-1]
    assert additive == pytest.approx((rows["greedy_it1"] + rows["greedy_it2"] - rows["wt"]) / rows["wt"])
    assert compare(result).missing == ()
    assert published.result("interaction", "CHST11", LINE, search="silencer").settings.search == "silencer"


def test_set_sufficiency_has_the_published_folds(published, raw):
    loci = published.loci
    for best, context, column in (
        ("min", "enhancing", "fold_over_wild_type"),
        ("max", "silencing", "fold_over_control"),
    ):
        table = raw(f"enformer/greedy_search/sufficiency_of_greedy_tiles_{best}.csv")
        for name in loci.loc[loci["context"] == context, "seq_id"].iloc[::40]:
            found = published.result("set_sufficiency", name, LINE).effects(LINE)
            wanted = table.loc[table["seq_id"] == name, "Normalized TSS activity"]
            np.testing.assert_allclose(found[column], wanted, atol=1e-12)
            assert found["tiles"].tolist() == list(range(26))
    assert found["fold_over_wild_type"].isna().all()


def test_fine_tile_has_the_published_scores(published, raw):
    table = raw("enformer/motif_analysis/CREME_vs_saliency_vs_XSTREME.csv")
    for name in table["seq_id"].unique()[::9]:
        rows = table[table["seq_id"] == name]
        gene, start, end = name.removesuffix(".pickle").rsplit("_", 2)
        result = published.result("fine_tile_search", gene, LINE, cre=(int(start), int(end)))
        found = result.effects(LINE)
        search = found[found["method"] == "search"]
        wanted = rows[rows["CREME score"].notna()].head(len(search))
        np.testing.assert_allclose(search["recovered"], wanted["CREME score"], atol=1e-12)
        assert search["bases"].tolist() == (5000 - wanted["CREME bps"]).tolist()
        # The step that ended the search is told, not drawn: the search itself undoes it.
        rest = rows["CREME score"].dropna().iloc[len(search) :]
        assert len(rest) <= 1
        assert (rest <= 0.7).all()
        assert (search["recovered"] > 0.7).all()
        assert sum("so the search ended before it" in note for note in result.notes) == len(rest)
        for method, column in (("saliency", "Saliency score"), ("random", "Random score")):
            others = found[found["method"] == method]
            np.testing.assert_allclose(others["recovered"], rows[column].iloc[:10], atol=1e-12)
            assert others["bases"].tolist() == list(range(5000, 0, -500))
        assert result.tss_activity[0, 0] == rows["Random score"].iloc[-1]
        assert not result.pieces_known


def test_tests_says_what_was_published(published):
    told = published.tests("GATA2", LINE)
    assert set(told) == {*TYPES, "multiplicity", "swap"}
    assert [told[test] for test in TYPES] == [None] * len(TYPES)
    assert "not among the published tables" in told["multiplicity"]
    assert "context_swap_test.csv" in told["swap"]
    neutral = published.loci.loc[published.loci["context"] == "neutral", "gene"].iloc[0]
    told = published.tests(neutral, LINE)
    assert "has a context of the class neutral" in told["set_sufficiency"]
    assert "sufficient CREs only" in told["distance"]
    for test, sentence in told.items():
        if sentence is None:
            assert isinstance(published.result(test, neutral, LINE), TYPES[test])
        else:
            with pytest.raises(ValueError, match=r"\.$") as caught:
                published.result(test, neutral, LINE)
            assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize("test", TYPES)
def test_results_say_where_they_come_from_and_can_be_kept(published, test, tmp_path):
    result = published.result(test, "GATA2", LINE)
    assert isinstance(result, TYPES[test])
    origin = result.provenance["published"]
    assert origin["commit"] == "02f0acac13a38dbe635092487f480009ecaf4fd3"
    assert origin["files"]
    assert all((published.folder / path).is_file() for path in origin["files"])
    json.dumps(result.provenance)
    assert result.notes
    assert result.tracks["identifier"].tolist() == ["CNhs12336"]
    assert result.cutoffs.enhancer == 0.3
    again = type(result).load(result.save(tmp_path / "kept.npz"))
    pd.testing.assert_frame_equal(again.effects(LINE), result.effects(LINE))
    with pytest.raises(ValueError, match="holds a result of the test 'published_"):
        TYPES[test].load(tmp_path / "kept.npz")


def test_every_file_that_is_read_is_a_published_one(folder):
    listed = pd.read_csv(folder / "MANIFEST.tsv", sep="\t")["path"].tolist()
    assert [table.path for table in TABLES.values() if table.path not in listed] == []


def test_it_opens_and_reads_fast(folder):
    start = time.process_time()
    source = PublishedSource(folder)
    opened = time.process_time()
    source.tests("GATA2", LINE)  # reads every table
    read = time.process_time()
    for test in TYPES:
        source.result(test, "GATA2", LINE).effects(LINE)
    done = time.process_time()
    assert opened - start < 0.5
    assert (done - read) / len(TYPES) < 0.3


def test_regions_for_the_chromatin_pages(published):
    factors = published.factors(LINE)
    assert len(factors) == 524
    np.testing.assert_allclose(factors["log_ratio"], np.log(factors["ratio"]))
    assert factors["pvalue"].is_monotonic_increasing
    with pytest.raises(ValueError, match="published for K562 only, not for PC-3"):
        published.factors("PC-3")
    borzoi = published.borzoi_contexts(LINE)
    assert borzoi["context"].tolist() == classify_context(borzoi["context_effect"], BORZOI_CUTOFFS).tolist()
    assert borzoi["context"].value_counts().to_dict() == {"enhancing": 204, "neutral": 61, "silencing": 17}
