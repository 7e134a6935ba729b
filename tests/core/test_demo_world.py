import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from creme_core.demo import genome as demo_genome
from creme_core.demo import grammar, truth
from creme_core.demo.grammar import CELL_LINES, MOTIFS, Site, activity, core_dose, decay, doses
from creme_core.demo.signals import write_signals
from creme_core.effects import classify_context, shuffle_effect
from creme_core.sequence import decode, encode, reverse_complement
from creme_core.sources import DEMO_FOLDER, open_source
from creme_core.tiles import TileGrid

LENGTH = 196_608


@pytest.fixture(scope="module")
def source():
    return open_source("demo")


@pytest.fixture(scope="module")
def sequence(source):
    return encode(source.genome.fetch(truth.CHROM, 0, source.chrom_sizes[truth.CHROM]))


@pytest.fixture(scope="module")
def report():
    return json.loads((DEMO_FOLDER / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built():
    return demo_genome.build_genome(0)


def _core(motif, centre, words=4):
    return [Site(motif, centre + 21 * (number - (words - 1) / 2)) for number in range(words)]


def _sites(source, gene, without=()):
    """A gene's words from the tables alone, in its own direction."""
    row = source.genes.set_index("gene").loc[gene]
    table = source.motif_sites[(source.motif_sites["gene"] == gene) & ~source.motif_sites["element"].isin(without)]
    sign = 1 if row["strand"] == "+" else -1
    centres = (table["start"] + table["end"] - 1) / 2
    return [Site(motif, sign * (centre - row["tss"])) for motif, centre in zip(table["motif"], centres, strict=True)]


# The grammar, by hand.


def test_decay_is_a_quarter_at_35_kb_upstream_and_90_kb_downstream():
    np.testing.assert_allclose(decay([0, -35_000, 35_000, 90_000]), [1, 0.25, (1 + 35 / 90) ** -2, 0.25])


def test_a_lone_word_does_nothing_and_four_make_a_core():
    np.testing.assert_allclose(core_dose([1, 2, 4, 5]), [0, 0.2, 1, 1.4])
    assert doses([Site("ACT", 10_000)]).sum() == 0
    # 33 bp apart is one word too far: two lone words.
    assert doses([Site("ACT", 0), Site("ACT", 33)]).sum() == 0
    assert doses([Site("ACT", 0), Site("ACT", 32)]).sum() > 0


def test_promoter_cores_count_only_near_the_tss():
    assert doses(_core("HKP", -200))[grammar.motif_index("HKP")] == 1
    assert doses(_core("HKP", -300)).sum() == 0
    np.testing.assert_array_equal(activity(doses(_core("ACT", 1_000))), 0)


def test_enhancers_add_up():
    dose = doses(_core("PRO", -60) + _core("ACT", 90_000) + _core("ACT", -35_000))
    drive = np.array([2 + 25.0, 2 + 22.0, 2 + 27.5])
    np.testing.assert_allclose(activity(dose), drive / (1 + (drive / 400) ** 3) ** (1 / 3))


def test_silencers_divide_and_one_motif_differs_by_cell_line():
    dose = np.zeros(len(MOTIFS))
    dose[[grammar.motif_index("HKP"), grammar.motif_index("SIL")]] = 2, 5
    np.testing.assert_allclose(activity(dose), [60 / 5, 60 / 4.5, 60 / 5.5], rtol=1e-4)
    dose = np.zeros(len(MOTIFS))
    dose[[grammar.motif_index("PRO"), grammar.motif_index("FLP")]] = 1, 2
    np.testing.assert_allclose(activity(dose), [102, 2 / 2.8, 2], rtol=0.01)


def test_one_of_a_redundant_pair_is_enough_and_a_cooperative_pair_needs_both():
    promoter = _core("PRO", -60)
    one, two = (
        activity(doses(promoter + [site for x in positions for site in _core("RED", x)]))
        for positions in ([4_000, 4_200, 4_400], [4_000, 4_200, 4_400, 9_000, 9_200, 9_400])
    )
    assert (one > 0.95 * two).all()
    first = activity(doses(promoter + _core("COA", 4_000)))
    both = activity(doses(promoter + _core("COA", 4_000) + _core("COB", 5_000)))
    np.testing.assert_allclose(first, 2, rtol=1e-6)
    assert (both > 70).all()


def test_activity_reaches_a_plateau():
    dose = np.zeros((2, len(MOTIFS)))
    dose[:, grammar.motif_index("PRO")] = 1
    dose[:, grammar.motif_index("ACT")] = 40, 80
    low, high = activity(dose)
    assert (high < 1.01 * low).all()
    assert (high <= 400).all()


# The genome and its tables.


def test_assets_stay_small():
    assert sum(path.stat().st_size for path in DEMO_FOLDER.rglob("*") if path.is_file()) < 15e6


def test_words_read_the_same_on_both_strands_and_differ_from_each_other():
    for motif in MOTIFS:
        assert decode(reverse_complement(encode(motif.word))) == motif.word
    for number, word in enumerate(demo_genome.WORDS):
        for other in demo_genome.WORDS[:number]:
            assert (word == other).sum() <= 6


def test_every_planted_word_is_in_the_genome_and_none_is_elsewhere(source, sequence):
    words = {motif.name: motif.word for motif in MOTIFS}
    for row in source.motif_sites.itertuples():
        assert decode(sequence[row.start : row.end]) == words[row.motif]
    planted = source.motif_sites["start"].to_numpy()
    for word in demo_genome.WORDS:
        assert demo_genome.strays(sequence, word, planted).size == 0


def test_strays_finds_a_near_match():
    word = demo_genome.WORDS[0]
    codes = np.concatenate([encode("AAAA"), word, encode("AAAA")])
    codes[5] = (codes[5] + 1) % 4
    np.testing.assert_array_equal(demo_genome.strays(codes, word, np.array([], int)), [4])
    assert demo_genome.strays(codes, word, np.array([4])).size == 0


def test_the_build_gives_the_shipped_genome_and_tables(source, sequence, built):
    codes, genes = built
    np.testing.assert_array_equal(codes, sequence)
    made = [truth.truth_table(genes), truth.scenarios_table(genes), truth.motif_sites_table(genes)]
    for table, shipped in zip(made, (source.truth, source.scenarios, source.motif_sites), strict=True):
        pd.testing.assert_frame_equal(table, shipped, check_dtype=False)


def test_tables_agree(source):
    assert list(source.truth.columns) == truth.TRUTH_COLUMNS
    assert set(source.truth["gene"]) <= set(source.genes["gene"])
    assert set(source.truth["cell_line"]) == set(CELL_LINES)
    assert set(source.truth["rule"]) == {"additive", "redundant", "cooperative"}
    assert ((source.truth["kind"] == "enhancer") == (source.truth["strength"] > 0)).all()
    assert len(source.scenarios) == len(source.genes) * len(CELL_LINES)
    words = source.motif_sites.groupby("element")[["start", "end"]].agg({"start": "min", "end": "max"})
    for row in source.truth.itertuples():
        assert row.start <= words.loc[row.element, "start"]
        assert words.loc[row.element, "end"] <= row.end


def test_every_element_lies_within_one_tile_of_its_gene_and_every_promoter_in_the_tss_tile(source):
    grid = TileGrid(LENGTH, 5_000)
    for gene in source.genes["gene"]:
        locus = source.locus(gene)
        table = source.motif_sites[source.motif_sites["gene"] == gene]
        for element, words in table.groupby("element"):
            start, end = locus.from_genome(words["start"].min(), words["end"].max())
            homes = [tile for tile in grid.tiles if tile.start <= start and end <= tile.end]
            assert len(homes) == 1
            assert (homes[0] == grid.tss_tile) == element.endswith("promoter")


def test_the_tables_alone_give_the_strengths_and_contexts(source):
    for row in source.truth.itertuples():
        with_it, without = (
            activity(doses(_sites(source, row.gene, without)))[CELL_LINES.index(row.cell_line)]
            for without in ((), (row.element,))
        )
        assert np.log(with_it / without) == pytest.approx(row.strength, abs=1e-3)
    elements = set(source.truth["element"])
    for row in source.scenarios.itertuples():
        wild_type, alone = (activity(doses(_sites(source, row.gene, without))) for without in ((), elements))
        column = CELL_LINES.index(row.cell_line)
        assert str(classify_context(shuffle_effect(wild_type, alone))[column]) == row.expected_context


def test_both_strands_all_contexts_and_a_window_past_the_end_are_there(source):
    assert set(source.genes["strand"]) == {"+", "-"}
    assert set(source.scenarios["expected_context"]) == {"enhancing", "neutral", "silencing"}
    edge = source.locus("EDGE1")
    assert edge.end - source.chrom_sizes[truth.CHROM] == 6_000
    assert edge.notes
    windows = sorted((source.locus(gene).start, source.locus(gene).end) for gene in source.genes["gene"])
    assert all(left[1] <= right[0] for left, right in pairwise(windows))


# Signals.


@pytest.mark.parametrize("cell_line", CELL_LINES)
def test_signals_are_high_where_the_truth_says(source, cell_line):
    rows = source.truth[source.truth["cell_line"] == cell_line]
    for assay, kind in (("DNase", "enhancer"), ("H3K27ac", "enhancer"), ("H3K9me3", "silencer")):
        with pyBigWig.open(str(DEMO_FOLDER / "signals" / f"{cell_line}.{assay}.bw")) as file:
            assert file.chroms() == source.chrom_sizes
            background = file.stats(truth.CHROM)[0]
            for row in rows[rows["kind"] == kind].itertuples():
                assert file.stats(truth.CHROM, row.start, row.end)[0] > 5 * background


def test_a_flipping_element_is_acetylated_in_one_line_and_methylated_in_the_other(source):
    row = source.truth[source.truth["gene"] == "FLIP1"].iloc[0]
    height = {}
    for cell_line in CELL_LINES:
        for assay in ("H3K27ac", "H3K9me3", "SYNC", "SYNR"):
            with pyBigWig.open(str(DEMO_FOLDER / "signals" / f"{cell_line}.{assay}.bw")) as file:
                height[cell_line, assay] = file.stats(truth.CHROM, int(row.start), int(row.end))[0]
    assert height["K562", "H3K27ac"] > 5 > 1 > height["GM12878", "H3K27ac"]
    assert height["GM12878", "H3K9me3"] > 5 > 1 > height["K562", "H3K9me3"]
    assert height["K562", "SYNC"] > 2 > 1 > height["PC-3", "SYNC"]
    assert height["GM12878", "SYNR"] > 2 > 1 > height["K562", "SYNR"]


def test_the_build_gives_the_shipped_signals(source, built, tmp_path):
    codes, genes = built
    write_signals(tmp_path, codes.size, genes, seed=0)
    for path in source.signals["path"]:
        with pyBigWig.open(str(path)) as shipped, pyBigWig.open(str(tmp_path / path.name)) as made:
            values = [np.array([entry[2] for entry in file.intervals(truth.CHROM)]) for file in (shipped, made)]
        # Values are rounded to 0.1, which another machine may do the other way.
        np.testing.assert_allclose(*values, atol=0.11, err_msg=path.name)


def test_signals_are_complete(source):
    assert len(source.signals) == 24
    assert set(source.signals["cell_line"]) == set(CELL_LINES)


# The network: the part set by hand, the training, and what the build measured.


@pytest.fixture(scope="module")
def untrained():
    from creme_core.demo.network import build_network

    return build_network(tracks=12, seed=0)


def test_the_trunk_and_attention_hand_over_the_doses_of_the_grammar(untrained, source):
    import torch

    from creme_core.demo import network

    for gene in ("MANY1", "PAIR1"):  # one on each strand
        columns = network._columns(untrained, source.locus(gene).codes)
        with torch.inference_mode():
            residual = untrained.transformer[0][0](columns)[0, network.QUERY - 1 : network.QUERY + 1].mean(dim=0)
        wanted = doses(_sites(source, gene))
        distal = residual[network.DISTAL][:-1].numpy()
        # 15%: where the words fall in the network's bins, and the fit of the decay.
        np.testing.assert_allclose(distal, wanted[network.DISTAL_CHANNELS[:-1]], rtol=0.15, atol=0.01)
        np.testing.assert_allclose(residual[network.LOCAL].numpy()[:2], wanted[:2], rtol=0.05, atol=0.01)


def test_training_is_the_same_each_time_and_changes_only_what_it_should(untrained):
    import copy

    from creme_core.demo.train import fit

    first, second = copy.deepcopy(untrained), copy.deepcopy(untrained)
    fit(first, seed=0, steps=3, examples=500)
    fit(second, seed=0, steps=3, examples=500)
    before = dict(untrained.named_parameters())
    for (name, one), other in zip(first.named_parameters(), second.parameters(), strict=True):
        assert one.equal(other)
        trained = name.startswith(("transformer.0.1", "final_pointwise", "_heads"))
        assert one.equal(before[name]) != trained, name


def test_the_trained_part_gives_what_the_modules_give(untrained):
    import torch

    from creme_core.demo.train import react

    residual = torch.randn(7, 36, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        modules = untrained.heads["human"](untrained.final_pointwise(untrained.transformer[0][1](residual[:, None])))
        torch.testing.assert_close(react(untrained, residual), modules[:, 0])


def test_the_network_follows_the_grammar_on_loci_it_never_saw(report):
    fresh = report["fresh_loci"]
    assert fresh["loci"] >= 100
    assert min(fresh["r"].values()) >= 0.95
    assert fresh["right_sign"] >= 0.95
    assert report["demo_genes"]["right_sign"] >= 0.95
    assert min(report["demo_genes"]["r"].values()) >= 0.95


def test_every_context_is_of_its_planned_class(report, source):
    assert len(report["contexts"]) == len(source.scenarios)
    assert [row["found"] for row in report["contexts"]] == list(source.scenarios["expected_context"])


def test_pairs_interact_as_planted(report):
    verdicts = {gene: {part["verdict"] for part in lines.values()} for gene, lines in report["sets"].items()}
    assert verdicts == {
        "TWIN1": {"subadditive"},
        "PAIR1": {"superadditive"},
        "MANY1": {"additive"},
        "ASYM1": {"additive"},
    }
    for part in report["sets"]["TWIN1"].values():
        assert max(part["single_effects"]) < 0.15
        assert part["all_removed"] > 0.7
    for part in report["sets"]["PAIR1"].values():
        assert min(part["single_effects"]) > 0.7


def test_effects_fall_with_distance_faster_upstream(report):
    part = report["distance"]["SOLO1"]
    activity_at = dict(zip(part["distance"], part["activity"], strict=True))
    assert part["distance"] == sorted(part["distance"])
    upstream = [activity_at[x] for x in part["distance"] if x < 0]
    downstream = [activity_at[x] for x in part["distance"] if x > 0]
    # Means of three places: where the words fall in the network's bins makes a few per cent of difference.
    assert np.all(np.diff(np.convolve(upstream, np.ones(3) / 3, "valid")) > 0)
    assert np.all(np.diff(np.convolve(downstream, np.ones(3) / 3, "valid")) < 0)
    assert all(up < down for up, down in zip(upstream[::-1][1:], downstream[1:], strict=True))


def test_dosage_saturates(report):
    values = np.array(report["dosage"])
    steps = np.diff(values)
    assert values[-1] > 1.5 * values[0]
    assert steps[-5:].max() < 0.1 * steps[0]


def test_tiles_without_an_element_are_quiet(report):
    assert report["quiet_tiles"]["largest_effect"] < 0.05


def test_the_shipped_network_loses_its_activity_with_the_strongest_element(source):
    from creme_core.experiments.perturbations import shuffled_tile
    from creme_core.models import load_model
    from creme_core.mutant import Background, Mutant

    model = load_model("demo", device="cpu", precision="float32")
    assert model.input_length == LENGTH
    assert list(model.tracks["assay"][:3]) == ["CAGE"] * 3
    assert list(model.tracks["cell_line"][:3]) == list(CELL_LINES)
    row = source.truth.loc[source.truth["strength"].idxmax()]
    locus = source.locus(row["gene"])
    start, end = locus.from_genome(row["start"], row["end"])
    tile = next(t for t in TileGrid(LENGTH, 5_000).context_tiles if t.start <= start and end <= t.end)
    wild = Background(locus.codes)
    before, after = model.tss_activity([Mutant(wild), Mutant(wild, [shuffled_tile(locus.codes, tile, 0, 0)])])
    column = CELL_LINES.index(row["cell_line"])
    assert np.log(before[column] / after[column]) == pytest.approx(row["strength"], abs=0.3)
