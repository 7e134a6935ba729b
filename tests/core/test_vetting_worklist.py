"""Reading putative elements: from calls, tables, and whatever file somebody brings."""

import gzip
import math
import re
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import creme_core as creme
from creme_core.vetting.element import ELEMENT_COLUMNS, Element, element_from_row, element_table
from creme_core.vetting.worklist import elements_from_effects, elements_from_table, read_worklist

BED = "chr1\t100\t600\tfirst\t7\t+\nchr2\t0\t50\tsecond\t.\t-\n"


def places(worklist):
    return worklist.elements[["chrom", "start", "end"]].values.tolist()


def read(text, **more):
    return read_worklist(text.encode() if isinstance(text, str) else text, "list.bed", **more)


# -- elements --


def test_the_id_is_of_place_gene_and_cell_line():
    element = Element("chr1", 5, 9, "G", "K562", "enhancer", 0.5, "x", "y")
    assert element.element_id == "el-be87d3aedbe7a92b"  # stays the same: files and desks hold it
    assert Element("chr1", 5, 9, "G", "K562").element_id == element.element_id
    others = [Element("chr2", 5, 9, "G", "K562"), Element("chr1", 5, 9, "K562", "G"), Element("chr1", 5, 9, "G")]
    others += [Element("chr1", 4, 9, "G", "K562"), Element("chr1", 5, 8, "G", "K562"), Element("chr1", 5, 9, "GK562")]
    assert len({other.element_id for other in [element, *others]}) == 7
    assert element.label == "chr1:6-9 (G)"


def test_elements_and_tables_say_the_same():
    elements = [Element("chr1", 5, 9, "G", score=0.5), Element("chr1", np.int64(6), 9, score=np.float32(2))]
    table = element_table(elements)
    assert list(table.columns) == list(ELEMENT_COLUMNS)
    assert [element_from_row(row) for row in table.itertuples(index=False)] == [
        Element("chr1", 5, 9, "G", score=0.5),
        Element("chr1", 6, 9, score=2.0),
    ]
    assert element_table([]).empty


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("", 1, 2), "chromosome of an element is empty"),
        (("chr1", 2, 2), "is no interval"),
        (("chr1", -1, 2), "is no interval"),
        (("chr1", 1, 2**31), "is no interval"),
        (("chr1", 1.0, 2), "whole number"),
        (("chr1", True, 2), "whole number"),
        (("chr1", 1, 2, None), "gene of an element is None"),
        (("chr1", 1, 2, "x" * 2001), "2,001 letters"),
        (("chr1", 1, 2, "", "", "promoter"), 'can be "enhancer", "silencer"'),
        (("chr1", 1, 2, "", "", "", "high"), "finite number or NaN"),
        (("chr1", 1, 2, "", "", "", math.inf), "finite number or NaN"),
    ],
)
def test_what_is_no_element_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Element(*arguments)


# -- from tests and tables --


def test_a_tests_calls_become_elements(toy_model, toy_locus):
    result = creme.necessity(creme.Predictor(toy_model), toy_locus, tile_size=10, shuffles=3)
    effects = result.effects("K562")
    effects["call"], effects["effect"], effects["uncertain"] = ["enhancer", "silencer"], [0.4, -0.9], [True, False]
    table = elements_from_effects(effects, "TOY1", "K562", "necessity")
    assert table[["chrom", "start", "end", "kind", "score", "source", "name"]].values.tolist() == [
        ["chrT", 125, 135, "silencer", -0.9, "necessity", "TOY1 tile 2"],
        ["chrT", 105, 115, "enhancer", 0.4, "necessity", "TOY1 tile 0"],
    ]
    assert table["element_id"].tolist() == [Element("chrT", s, s + 10, "TOY1", "K562").element_id for s in (125, 105)]
    assert len(elements_from_effects(effects, "TOY1", "K562", "necessity", uncertain=False)) == 1
    effects["call"] = "none"
    assert elements_from_effects(effects, "TOY1", "K562", "necessity").empty
    with pytest.raises(ValueError, match="no column call"):
        elements_from_effects(effects.drop(columns="call"), "TOY1", "K562", "distance")


def test_tiles_beyond_the_chromosomes_start_are_cut_or_left_out():
    effects = pd.DataFrame(
        {"chrom": "chr1", "genome_start": [-20, -5], "genome_end": [-5, 10], "effect": 1.0, "call": "enhancer"}
    )
    assert elements_from_effects(effects, "G", "K562", "x")[["start", "end"]].values.tolist() == [[0, 10]]


def test_the_papers_table_is_read(shared_data):
    path = shared_data / "published" / "results" / "summary_csvs" / "CRE_characterization"
    table = pd.read_csv(path / "sufficient_CRE_coordinates.csv")
    worklist = elements_from_table(table, "published")
    assert worklist.elements["kind"].value_counts().to_dict() == {"silencer": 222, "enhancer": 74}
    first = worklist.elements.iloc[0]
    assert first[["chrom", "start", "end", "gene", "cell_line"]].tolist() == [
        "chr12", 104459447, 104464447, "CHST11", "K562",
    ]  # fmt: skip
    assert worklist.elements["score"].tolist() == table["normalized effect"].tolist()
    assert worklist.questions == ()
    content = (path / "sufficient_CRE_coordinates.csv").read_bytes()
    uploaded = read_worklist(content, "published").elements
    assert uploaded.equals(worklist.elements)


def test_the_abc_table_is_read(shared_data):
    content = (shared_data / "k562-chr22" / "abc-enhancer-predictions.tsv").read_bytes()
    worklist = read_worklist(content, "abc.tsv")
    assert len(worklist.elements) == 1353
    assert worklist.elements.iloc[0][list(ELEMENT_COLUMNS[1:])].tolist() == [
        "chr22", 16586161, 16586661, "CCT8L2", "K562_chr22", "", 0.077423, "abc.tsv",
        "intergenic|chr22:16586161-16586661",
    ]  # fmt: skip
    assert worklist.questions == ()


def test_a_table_without_places_is_refused():
    with pytest.raises(ValueError, match="columns are gene, effect; it needs"):
        elements_from_table(pd.DataFrame({"gene": [], "effect": []}), "x")


# -- files --


def test_a_bed_is_read_and_the_gene_asked_for():
    worklist = read(BED)
    assert places(worklist) == [["chr1", 100, 600], ["chr2", 0, 50]]
    assert worklist.elements["name"].tolist() == ["first", "second"]
    assert worklist.elements["score"].tolist()[0] == 7
    assert math.isnan(worklist.elements["score"][1])
    assert [question.argument for question in worklist.questions] == ["gene"]
    answered = read(BED, gene="GATA1", cell_line="K562", kind="enhancer")
    assert answered.questions == ()
    assert answered.elements[["gene", "cell_line", "kind"]].drop_duplicates().values.tolist() == [
        ["GATA1", "K562", "enhancer"]
    ]


@pytest.mark.parametrize(
    "content",
    [
        BED.replace("\n", "\r\n").encode(),
        BED.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + BED.encode(),
        BED.encode("utf-16"),
        gzip.compress(BED.encode()),
        BED.replace("\t", "  ").encode(),
        b'track name="x"\nbrowser position chr1\n# a comment, with, commas\n\n' + BED.encode() + b"\n\n",
        ("#chr\tstart\tend\tname\tscore\tstrand\n" + BED).encode(),
        (b"start,name,end,chromosome\n100,first,600,chr1\n0,second,50,chr2\n"),
        (b"Chrom\tStart\tEnd\tName\nchr1\t100.0\t600.0\tfirst\nchr2\t0\t50\tsecond"),
    ],
)
def test_any_way_to_write_a_table_reads_alike(content):
    worklist = read(content)
    assert places(worklist) == [["chr1", 100, 600], ["chr2", 0, 50]]
    assert worklist.elements["name"].tolist() == ["first", "second"]


def test_a_bedpe_names_its_gene_by_the_tss():
    text = "chr1\t100\t600\tchr1\t9000\t9001\tpair\t0.5\t.\t-\n"
    worklist = read(text)
    assert worklist.elements[["gene", "name", "score"]].values.tolist() == [["chr1:9001:-", "pair", 0.5]]
    unstranded = read(text.replace("-", "."))
    assert unstranded.elements["gene"].tolist() == [""]
    assert unstranded.questions[0].argument == "gene"
    header = "chrom1\tstart1\tend1\tchrom2\tstart2\tend2\tname\tgene\n"
    assert read(header + "chr1\t1\t9\tchr1\t50\t51\tx\tGATA1").elements["gene"].tolist() == ["GATA1"]


def test_swapped_ends_and_rows_that_are_none_are_told_by_line():
    worklist = read("chr1\t600\t100\nchr1\tabc\t200\nchr1\t5\nchr1\t0\t10\n\t1\t2\n")
    assert places(worklist) == [["chr1", 100, 600], ["chr1", 0, 10]]
    notes = " ".join(worklist.notes)
    assert re.search(r"start after the end .* line 1\b", notes)
    assert re.search(
        r"left out: start and end must be whole numbers, not 'abc' and '200'; the first is line 2\b", notes
    )
    assert re.search(
        r"Left out of list.bed for want of a chromosome, start or end: 2 rows; the first is line 3\b", notes
    )


def test_equal_rows_are_merged_and_counted():
    worklist = read("chr1\t1\t9\ta\nchr1\t1\t9\tb\nchr1\t1\t9\tc\nchr1\t2\t9\td\n")
    assert worklist.elements["name"].tolist() == ["a", "d"]
    assert any(note.endswith("same place, gene and cell line: 2 rows.") for note in worklist.notes)


def test_counting_from_one_is_asked_and_answered():
    text = "".join(f"chr1\t{i}01\t{i + 1}00\n" for i in range(1, 8))
    (question, _) = read(text).questions
    assert question.argument == "one_based"
    assert set(question.choices) == {True, False}
    assert places(read(text, one_based=True))[0] == ["chr1", 100, 200]
    assert places(read(text, one_based=False))[0] == ["chr1", 101, 200]
    assert [question.argument for question in read(text, one_based=True).questions] == ["gene"]
    with pytest.raises(ValueError, match="starts at 0, so the file can't count from 1"):
        read(BED, one_based=True)
    only_bases = read("chr1\t5\t5\nchr1\t7\t7\n")
    assert only_bases.elements.empty
    assert only_bases.questions[0].argument == "one_based"
    assert places(read("chr1\t5\t5\nchr1\t7\t7\n", one_based=True)) == [["chr1", 4, 5], ["chr1", 6, 7]]


def test_chromosomes_of_the_source_are_checked():
    sizes = {"chr1": 700, "chr3": 10}
    worklist = read("1\t100\t600\nchr2\t1\t9\nchr1\t690\t701\n", chrom_sizes=sizes)
    assert places(worklist) == [["chr1", 100, 600]]
    notes = " ".join(worklist.notes)
    assert "no chromosome 'chr2'" in notes
    assert "another assembly" in notes


def test_texts_stay_as_they_are():
    odd = ["=1+1", "<script>alert(1)</script>", "@x", "'quoted'", '"a"', "é漢", " padded "]
    text = "chrom\tstart\tend\tname\tgene\n" + "".join(
        f"chr1\t{i}\t{i + 9}\t{name}\t=G\n" for i, name in enumerate(odd)
    )
    worklist = read(text)
    assert worklist.elements["name"].tolist() == odd
    assert set(worklist.elements["gene"]) == {"=G"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"# only a comment\n", "comments only"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"PK\x03\x04rest", "spreadsheet or zip"),
        (b"\x26\xfc\x8f\x88rest", "bigWig"),
        (b"chr1\t1\t9\0", "not text"),
        (b"chr1\t1\t9\n\xff\xff\n", "Line 2 of the file is not UTF-8"),
        (gzip.compress(BED.encode())[:-9], "damaged or cut short"),
        (b"\x1f\x8b rubbish", "damaged or cut short"),
        (gzip.compress(BED.encode())[:10] + b"\xff" * 30, "damaged or cut short"),
        (b"hello world\nthis is no table\n", "no list of elements: its first line is 'hello world'"),
        (b"gene\teffect\nA\t1\n", "names the columns chrom, start and end"),
        (b"chr1\t1\t" + b"9" * 200_000, "more than 100,000 bytes"),
        (b"chr1\t5\t5000000000\n", "."),
        (b"chrom\tstart\tend\n", "holds no row"),
        (b"chrom\tstart\tend\nchr1\tx\ty\n", "whole numbers, not 'x' and 'y'"),
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence(content, words):
    try:
        worklist = read(content)
    except ValueError as error:
        message = str(error)
    else:
        message = " ".join(worklist.notes)
        assert worklist.elements.empty
    assert words in message
    assert "\n" not in message


def test_too_many_rows_are_refused_before_the_rest_is_read():
    content = gzip.compress(b"chr1\t1\t9\n" * 10_000_000, compresslevel=1)
    start = time.process_time()
    with pytest.raises(ValueError, match="has more than 2,000 rows; keep those"):
        read(content, limit=2_000)
    assert time.process_time() - start < 1


def test_a_hundred_thousand_elements_are_read_in_time():
    text = "".join(f"chr{i % 22 + 1}\t{i * 100}\t{i * 100 + 350}\tname {i}\t{i % 1000}\t+\n" for i in range(100_000))
    content = text.encode()
    start = time.process_time()
    worklist = read(content)
    assert time.process_time() - start < 3
    assert len(worklist.elements) == 100_000


lines = st.lists(
    st.lists(
        st.sampled_from(
            ["chr1", "0", "5", "9", "-3", "1e5", "x", "=1", "", "99999999999", "+", "chrom", "start", "end"]
        ),
        max_size=8,
    ).map("\t".join),
    max_size=8,
)


def check_any(content, **more):
    """Elements or a sentence, never anything else; and what was read is whole."""
    try:
        worklist = read(content, **more)
    except ValueError as error:
        return str(error) != ""
    table = worklist.elements
    again = element_table([element_from_row(row) for row in table.itertuples(index=False)])
    return table.astype(object).equals(again.astype(object)) and table["element_id"].is_unique


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content):
    assert check_any(content)
    assert check_any(gzip.compress(content))


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from(["utf-8", "utf-16", "latin-1"]))
def test_any_text_is_read_or_refused(text, encoding):
    assert check_any(text.encode(encoding, errors="replace"))
    assert check_any(f"chr1\t1\t9\t{text}".encode(encoding, errors="replace"))


@settings(deadline=None)
@given(
    lines,
    st.sampled_from([None, True, False]),
    st.sampled_from(["", "chrom\tstart\tend\tname\tgene\n", "#chr,start,end\n"]),
)
def test_any_lines_are_read_or_refused(rows, one_based, header):
    assert check_any((header + "\n".join(rows)).encode(), one_based=one_based)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 120))
def test_any_cut_of_a_packed_list_is_read_or_refused(size):
    assert check_any(gzip.compress(BED.encode())[:size])
