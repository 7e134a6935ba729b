import io
import json
from types import FunctionType, SimpleNamespace

import pandas as pd
import pytest

import creme_core as creme
from creme_core.experiments.result import Settings
from dashboard import answer_key, exports
from dashboard.catalogue import ENTRIES, LOCUS_TESTS
from dashboard.state import PageState
from tests.dashboard.toy import ToyModel

ACTIVITY = [[4, 4], [10, 10], [16, 14]]  # wild type 10: effects 0.6, 0, -0.5


def test_tsv_holds_the_effects_as_they_are(make_necessity):
    effects = make_necessity(ACTIVITY).effects("K562")
    read = pd.read_csv(io.StringIO(exports.tsv(effects)), sep="\t", keep_default_na=False)
    pd.testing.assert_frame_equal(read, effects, check_dtype=False)


@pytest.mark.parametrize(
    ("strand", "rows"),
    [
        ("+", ["chr7\t1005\t1015\t0.6", "chr7\t1025\t1035\t0", "chr7\t1035\t1045\t-0.5"]),
        ("-", ["chr7\t996\t1006\t-0.5", "chr7\t1006\t1016\t0", "chr7\t1026\t1036\t0.6"]),
    ],
)
def test_bedgraph_is_zero_based_and_sorted_on_either_strand(make_necessity, strand, rows):
    lines = exports.bedgraph(make_necessity(ACTIVITY, strand).effects("K562"), "GENE", "why").splitlines()
    assert lines[0].startswith("track type=bedGraph")
    assert lines[1:] == rows


def test_tiles_still_to_come_are_not_in_a_track(make_necessity):
    nan = float("nan")
    effects = make_necessity([[4, 4], [nan, nan], [nan, nan]]).effects("K562")
    assert len(exports.bedgraph(effects, "GENE", "why").splitlines()) == 2


def test_bed_holds_the_called_tiles_in_their_colours(make_necessity):
    lines = exports.bed(make_necessity(ACTIVITY).effects("K562"), "GENE").splitlines()
    assert 'itemRgb="On"' in lines[0]
    assert lines[1].split("\t") == ["chr7", "1005", "1015", "enhancer_+0.600", "600", ".", "1005", "1015", "213,94,0"]
    assert lines[2].split("\t")[3:5] == ["silencer_-0.500_uncertain", "500"]
    assert len(lines) == 3


def test_provenance_says_what_was_run_and_that_the_demo_is_synthetic(make_necessity):
    read = json.loads(exports.provenance(make_necessity(ACTIVITY), {"synthetic": True}))
    assert read == {"test": "necessity", "synthetic": True}


def lines_of(result, entry, genes=("it's",), opened="'genome.fa', genes='genes.gtf'"):
    return exports.python_lines(result, entry=entry, genes=genes, cell_line="K562", model_name="demo", opened=opened)


def test_the_python_lines_are_python_and_name_the_settings(make_necessity):
    lines = lines_of(make_necessity(ACTIVITY), ENTRIES["necessity"])
    compile(lines, "lines", "exec")
    assert "open_source('genome.fa', genes='genes.gtf')" in lines
    assert 'locus("it\'s"' in lines
    assert "creme.necessity(\n    predict,\n    locus,\n    tile_size=10,\n    shuffles=2,\n    seed=0,\n)" in lines
    assert "budget" not in lines


STATE = PageState(gene="GENE", cell_line="K562", tile_size=10, shuffles=2, tile=0, tiles=(3, 0), rounds=2, copies=2)


@pytest.mark.parametrize("entry", LOCUS_TESTS.values(), ids=LOCUS_TESTS)
def test_the_python_lines_of_every_test_run_and_give_the_same_numbers(entry, make_locus, monkeypatch):
    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)
    locus = make_locus()
    settings = entry.settings(STATE, locus.length)
    expected = entry.run(creme.Predictor(ToyModel(locus.length)), (locus,), settings).effects("K562")
    lines = lines_of(entry.run(creme.Predictor(ToyModel(locus.length)), (locus,), settings), entry, opened="'demo'")
    given = {"opened": SimpleNamespace(locus=lambda name, length: locus), "model": ToyModel(locus.length)}
    monkeypatch.setattr(creme, "open_source", lambda name: given["opened"])
    monkeypatch.setattr(creme, "load_model", lambda name: given["model"])
    namespace = {}
    runner = compile(lines.replace("print(", "shown = ("), "lines", "exec")
    FunctionType(runner, namespace)()
    pd.testing.assert_frame_equal(namespace["result"].effects("K562"), expected)


@pytest.mark.parametrize("entry", LOCUS_TESTS.values(), ids=LOCUS_TESTS)
def test_the_whole_result_of_every_test_comes_back_from_its_file(entry, make_locus, monkeypatch, tmp_path):
    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)
    locus = make_locus()
    result = entry.run(creme.Predictor(ToyModel(locus.length)), (locus,), entry.settings(STATE, locus.length))
    path = tmp_path / "result.npz"
    path.write_bytes(exports.npz(result))
    read = type(result).load(path)
    pd.testing.assert_frame_equal(read.effects("K562"), result.effects("K562"))


def test_a_swap_s_lines_name_its_genes(make_locus):
    loci = (make_locus("+"), make_locus("-"))
    result = ENTRIES["swap"].run(creme.Predictor(ToyModel(49)), loci, Settings(tile_size=10, shuffles=2))
    lines = lines_of(result, ENTRIES["swap"], genes=("A", "B"), opened="'demo'")
    compile(lines, "lines", "exec")
    assert "for gene in ['A', 'B']]" in lines
    assert "creme.context_swap(\n    predict,\n    loci, loci,\n" in lines
    assert exports.file_stem(result, "K562", "swap") == "2-genes_K562_swap_tile10_seed0"
    assert len(json.loads(exports.provenance(result, {"synthetic": True}))["sources"]) == 2


def test_places_are_bed_in_their_own_order_and_leave_out_what_lies_before_the_chromosome():
    table = pd.DataFrame({"chrom": "chr7", "genome_start": [30, -5, -20], "genome_end": [40, 5, -10]}, index=[4, 5, 6])
    lines = exports.places(table, ["round_1", "round_2", "round_3"], "GENE").splitlines()
    assert lines[1:] == ["chr7\t30\t40\tround_1", "chr7\t0\t5\tround_2"]


def test_file_names_hold_nothing_a_shell_or_a_folder_minds(make_necessity):
    assert exports.file_stem(make_necessity(ACTIVITY), "a/b c", "necessity") == "GENE_a-b-c_necessity_tile10_seed0"


def make_truth(*rows):
    columns = ["gene", "chrom", "start", "end", "kind", "cell_line", "strength", "group", "rule"]
    return pd.DataFrame(rows, columns=columns)


def test_planted_picks_gene_cell_line_and_window_upstream_first(make_locus):
    truth = make_truth(
        ("GENE", "chr7", 1006, 1010, "enhancer", "K562", "1.5", "", "additive"),
        ("GENE", "chr7", 1036, 1040, "silencer", "K562", "-1", "", "additive"),
        ("GENE", "chr7", 1036, 1040, "silencer", "PC-3", "-1", "", "additive"),
        ("OTHER", "chr7", 1006, 1010, "enhancer", "K562", "1", "", "additive"),
        ("GENE", "chr7", 2000, 2004, "enhancer", "K562", "1", "", "additive"),
    )
    assert list(answer_key.planted(truth, make_locus("+"), "K562")["distance"]) == [-12.0, 18.0]
    assert list(answer_key.planted(truth, make_locus("-"), "K562")["distance"]) == [-17.0, 13.0]


@pytest.mark.parametrize(
    ("place", "kind", "rule", "said"),
    [
        (1006, "enhancer", "additive", "found"),
        (1006, "silencer", "additive", "the opposite was called"),
        (1018, "enhancer", "additive", "in the TSS tile: not testable"),
        (1026, "enhancer", "redundant", "not needed alone: redundant"),
        (1026, "silencer", "additive", "right sign, below the cut-off"),
        (1026, "enhancer", "additive", "wrong sign, below the cut-off"),
        (1036, "silencer", "additive", "found"),
        (997, "enhancer", "additive", "outside every tile"),
    ],
)
def test_the_answer_key_judges_each_element_by_its_tile(make_necessity, place, kind, rule, said):
    result = make_necessity([[4, 4], [11, 11], [16, 16]])
    truth = make_truth(("GENE", "chr7", place, place + 4, kind, "K562", 1.0, "", rule))
    compared = answer_key.compare(answer_key.planted(truth, result.locus, "K562"), result, "K562")
    assert list(compared["agreement"]) == [said]


def test_the_answer_key_waits_for_tiles_that_are_not_computed(make_necessity):
    nan = float("nan")
    result = make_necessity([[nan, nan], [11, 11], [16, 16]])
    truth = make_truth(("GENE", "chr7", 1006, 1010, "enhancer", "K562", 1.0, "", "additive"))
    compared = answer_key.compare(answer_key.planted(truth, result.locus, "K562"), result, "K562")
    assert list(compared["agreement"]) == ["not computed yet"]


def test_a_whole_swap_comes_back_from_its_file(make_locus, tmp_path):
    loci = (make_locus("+"), make_locus("-"))
    result = ENTRIES["swap"].run(creme.Predictor(ToyModel(49)), loci, Settings(tile_size=10, shuffles=2))
    path = tmp_path / "swap.npz"
    path.write_bytes(exports.npz(result))
    pd.testing.assert_frame_equal(type(result).load(path).effects("K562"), result.effects("K562"))
