"""What is exported is safe in spreadsheets and genome browsers, whatever it holds."""

import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from creme_core.signals.bed import read_bed
from creme_core.vetting.decisions import Desk
from creme_core.vetting.element import Element
from creme_core.vetting.exchange import export_bed
from creme_core.vetting.spreadsheet import protect, read_rows, restore, write_rows

ELEMENTS = [
    Element("chr2", 100, 600, "GENE1", "K562", "enhancer", -0.35, "sufficiency", "=cmd|' /C calc'!A0"),
    Element("chr1", 50, 70, "GENE2", "K562", "", math.nan, "list.bed", '<img src=x onerror="alert(1)"> two words'),
    Element("chr1", 10, 20, "GENE2", "PC-3", "silencer", 2.5, "", "tab\tline\nend"),
]


@pytest.fixture
def desk(tmp_path):
    with Desk(tmp_path / "vetting.sqlite") as desk:
        yield desk


@pytest.fixture
def worklist(desk):
    worklist = desk.add_worklist("My list", ELEMENTS)
    desk.decide(worklist, ELEMENTS[0].element_id, "Ann", "enhancer")
    desk.decide(worklist, ELEMENTS[1].element_id, "Ann", "neither")
    return worklist


@settings(deadline=None)
@given(st.text())
@example("")
@example("'")
@example("''=1")
@example("'=1")
@example("\r\n")
@example("-0.35")
def test_every_text_comes_back_from_a_spreadsheet_cell(text):
    assert restore(protect(text)) == text
    assert not protect(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@settings(deadline=None)
@given(st.lists(st.lists(st.text(), min_size=2, max_size=4), max_size=5))
def test_every_table_of_texts_comes_back(rows):
    assert read_rows(write_rows(rows)) == rows


def test_numbers_stay_numbers_and_formulas_do_not():
    content = write_rows([["name", -0.35, 12, math.nan], ["-0.35", "=1+1", "@x", "é"]]).decode()
    assert content == "name\t-0.35\t12\t\n'-0.35\t'=1+1\t'@x\té\n"


@pytest.mark.parametrize("encode", [lambda text: text.encode("utf-16"), lambda text: b"\xef\xbb\xbf" + text.encode()])
def test_what_a_spreadsheet_saves_is_read(encode):
    assert read_rows(encode("a\tb\r\n'=1\té\r\n")) == [["a", "b"], ["=1", "é"]]


@pytest.mark.parametrize("content", [b"\xff", b'"open', b'a\t"b"c', b"\xff\xfea", b"x" * 200_000])
def test_what_is_no_table_is_refused(content):
    with pytest.raises(ValueError, match=r"^The table .*\.$"):
        read_rows(content)


def test_bed_has_nine_columns_and_colours(desk, worklist):
    lines = export_bed(desk, worklist, "Ann").decode().splitlines()
    assert lines[0] == 'track name="My list by Ann" description="CREME vetting: My list by Ann" itemRgb="On"'
    rows = [line.split("\t") for line in lines[1:]]
    assert [row[:3] + row[4:] for row in rows] == [
        ["chr1", "10", "20", "1000", ".", "10", "20", "200,200,200"],
        ["chr1", "50", "70", "0", ".", "50", "70", "138,151,163"],
        ["chr2", "100", "600", "350", ".", "100", "600", "213,94,0"],
    ]
    assert rows[1][3] == "GENE2|neither|&lt;img_src=x_onerror=&quot;alert(1)&quot;&gt;_two_words"
    assert rows[0][3] == "GENE2|undecided|tab_line_end"
    assert len(export_bed(desk, worklist, "Ann", undecided=False).splitlines()) == 3


def test_bed_is_read_back(desk, worklist):
    bed = read_bed(export_bed(desk, worklist, "Ann"))
    assert bed.table[["start", "end", "colour"]].values.tolist() == [
        [10, 20, "#C8C8C8"],
        [50, 70, "#8A97A3"],
        [100, 600, "#D55E00"],
    ]
    assert bed.bad == 0


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=400), title=st.text(max_size=20).filter(str.strip))
def test_bed_holds_one_plain_line_an_element_whatever_its_name(desk, name, title):
    worklist = desk.add_worklist(title, [Element("chr1", 0, 5, name=name)])
    content = export_bed(desk, worklist, 'A"nn<b>').decode()
    desk.delete_worklist(worklist)
    track, line = content.removesuffix("\n").split("\n")
    fields = line.split("\t")
    assert len(fields) == 9
    assert len(fields[3]) <= 255
    assert len(line.split()) == 9
    assert not set("<>\"'") & set(fields[3])
    assert track.count('"') == 6
    assert not set("<>") & set(track)
