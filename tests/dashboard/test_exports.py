import io
import json

import pandas as pd
import pytest

from dashboard import answer_key, exports

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
    lines = exports.bedgraph(make_necessity(ACTIVITY, strand), "K562").splitlines()
    assert lines[0].startswith("track type=bedGraph")
    assert lines[1:] == rows


def test_tiles_still_to_come_are_not_in_a_track(make_necessity):
    nan = float("nan")
    assert len(exports.bedgraph(make_necessity([[4, 4], [nan, nan], [nan, nan]]), "K562").splitlines()) == 2


def test_bed_holds_the_called_tiles_in_their_colours(make_necessity):
    lines = exports.bed(make_necessity(ACTIVITY), "K562").splitlines()
    assert 'itemRgb="On"' in lines[0]
    assert lines[1].split("\t") == ["chr7", "1005", "1015", "enhancer_+0.600", "600", ".", "1005", "1015", "213,94,0"]
    assert lines[2].split("\t")[3:5] == ["silencer_-0.500_uncertain", "500"]
    assert len(lines) == 3


def test_provenance_says_what_was_run_and_that_the_demo_is_synthetic(make_necessity):
    read = json.loads(exports.provenance(make_necessity(ACTIVITY), {"synthetic": True}))
    assert read == {"test": "necessity", "synthetic": True}


def test_the_python_lines_are_python_and_name_the_settings(make_necessity):
    lines = exports.python_lines(
        make_necessity(ACTIVITY),
        test="necessity",
        gene="it's",
        cell_line="K562",
        model_name="demo",
        fasta="genome.fa",
        genes="genes.gtf",
    )
    compile(lines, "lines", "exec")
    assert "open_source('genome.fa', genes='genes.gtf')" in lines
    assert 'locus("it\'s"' in lines
    assert "creme.necessity(\n    predict, locus, tile_size=10, shuffles=2, seed=0\n)" in lines


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
