"""BED files that anybody may bring: what is read, what is asked, and what is said of the rest."""

import gzip
import math
import time

import pytest

from creme_core.signals.bed import LINE_LIMIT, REGION_COLUMNS, read_bed


def rows(text: str | bytes, **options) -> list[tuple]:
    bed = read_bed(text.encode() if isinstance(text, str) else text, **options)
    assert list(bed.table.columns) == REGION_COLUMNS
    return [tuple(row) for row in bed.table[["chrom", "start", "end", "name"]].itertuples(index=False)]


def test_every_column(tmp_path):
    path = tmp_path / "nine.bed"
    path.write_text("chr1\t10\t20\tfirst\t7.5\t-\t10\t20\t255,167,0\nchr2\t30\t40\t.\t.\t.\t30\t40\t0\n")
    bed = read_bed(path)
    first, second = bed.table.to_dict("records")
    assert first == dict(zip(REGION_COLUMNS, ("chr1", 10, 20, "first", 7.5, "-", "", "#FFA700"), strict=True))
    assert (second["name"], second["strand"], second["colour"]) == ("", ".", "")
    assert math.isnan(second["score"])
    assert (bed.name, bed.notes, bed.questions, bed.lines, bed.bad) == ("nine.bed", (), (), 2, 0)
    assert [str(kind) for kind in bed.table.dtypes[["start", "end", "score"]]] == ["int64", "int64", "float64"]


@pytest.mark.parametrize("columns", range(3, 13))
def test_bed3_to_bed12(columns):
    line = ["chr1", "100", "500", "G", "9", "+", "100", "500", "1,2,3", "2", "50,60", "0,340"][:columns]
    ((chrom, start, end, name),) = rows("\t".join(line) + "\n")
    assert (chrom, start, end) == ("chr1", 100, 500)
    assert name == ("G" if columns > 3 else "")


def test_narrow_peaks_bedgraphs_and_mixed_columns():
    table = read_bed(
        b"chr1\t100\t500\tpeak1\t812\t.\t9.5\t22.1\t19.8\t200\nchr1\t600\t700\t3.25\nchr1\t800\t900\n"
    ).table
    assert table["score"].tolist()[:2] == [812, 3.25]
    assert table["colour"].tolist() == ["", "", ""]


@pytest.mark.parametrize(
    ("line", "kind", "colour"),
    [
        ("chr1\t1\t9\tEH38D1\tEH38E1\tPLS", "PLS", "#FF0000"),
        ("chr1\t1\t9\tEH38D1\tEH38E1\tCA-TF", "CA-TF", "#BE28E5"),
        ("chr1\t1\t9\tEH38E1\t0\t.\t1\t9\t225,225,225\tLow-DNase\tAll-data", "Low-DNase", "#E1E1E1"),
        ("chr1\t1\t9\tEH38E1\t0\t.\t1\t9\t255,205,0\tdELS,CTCF-bound", "dELS", "#FFCD00"),
        ("chr1\t1\t9\tEH38E1\t0\t.\t1\t9\t0\tCTCF-only,CTCF-bound", "CTCF-only", "#00B0F0"),
    ],
)
def test_classes_of_screen(line, kind, colour):
    (row,) = read_bed(line.encode()).table.to_dict("records")
    assert (row["kind"], row["colour"], row["strand"]) == (kind, colour, ".")


def test_headers_comments_and_line_ends():
    text = "\ufefftrack name=mine\r\nbrowser position chr1\r\n#chrom\tstart\r\n\r\nchr1\t1\t2\ta b\r\nchr1\t3\t4\tc\r\n"
    assert rows(text) == [("chr1", 1, 2, "a b"), ("chr1", 3, 4, "c")]
    assert rows(text.replace("\r\n", "\r")) == rows(text) == rows(text.replace("\r\n", "\n"))
    assert rows("track\t1\t2\n") == [("track", 1, 2, "")]


def test_line_ends_across_the_pieces_that_are_read(monkeypatch):
    monkeypatch.setattr("creme_core.signals.bed.PART_BYTES", 127)
    lines = [f"chr1\t{i}\t{i + 5}\t{'x' * (i % 97)}" for i in range(3000)]
    for end in ("\n", "\r\n", "\r"):
        bed = read_bed(end.join([*lines, "chr1\tbad\t9"]).encode())
        assert "the first is line 3,001." in bed.notes[0]
        assert bed.table["start"].tolist() == list(range(3000))
        assert bed.table["name"].str.len().tolist() == [i % 97 for i in range(3000)]


def test_blanks_between_columns():
    assert rows("chr1 10  20 name\nchr1\t30\t40\twith blank\n") == [
        ("chr1", 10, 20, "name"),
        ("chr1", 30, 40, "with blank"),
    ]


def test_a_line_of_names():
    bed = read_bed(b"chrom\tchromStart\tchromEnd\tname\nchr1\t5\t9\tx\n")
    assert (len(bed.table), bed.lines, bed.bad) == (1, 1, 0)
    assert bed.notes == ("Line 1 was taken as column names.",)


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])])
def test_compressed(pack, tmp_path):
    path = tmp_path / "any.bed.gz"
    path.write_bytes(pack(b"chr1\t1\t2\nchr1\t3\t4\n"))
    assert len(read_bed(path).table) == 2


def test_names_stay_text():
    names = [
        "<script>alert(1)</script>",
        '=HYPERLINK("x")',
        "@SUM(A1)",
        "\x01\x0b\x1c\u2028\x85",
        "NA",
        "nan",
        "1e5",
        "名前",
    ]
    text = "\n".join(f"chr1\t1\t2\t{name}" for name in names)
    assert [name for *_, name in rows(text)] == names


def test_bad_lines_are_counted_and_the_first_named():
    bed = read_bed(
        b"chr1\t10\t20\nchr1\tten\t30\nchr1\t40\nchr1\t2e3\t9000\nchr1\t1,000\t2,000\nchr1\t99999999999\t1\n"
        b"chr1\t-5\t10\nchr1\t50\t60\n",
        name="mine.bed",
    )
    assert (len(bed.table), bed.lines, bed.bad) == (2, 8, 6)
    numbers, columns, large = bed.notes
    assert numbers == (
        "4 lines of mine.bed were left out: start and end must be whole numbers, not 'ten' and '30'; the first is "
        "line 2."
    )
    assert columns.endswith("separated by tabs, and the line has 2 columns; the first is line 3.")
    assert large.startswith("1 line of mine.bed was left out: no chromosome is as long as that (99999999999 to 1); ")


def test_swapped_ends_are_put_in_order_and_told():
    bed = read_bed(b"chr1\t10\t20\nchr1\t40\t30\nchr1\t60\t50\n")
    assert bed.table["start"].tolist() == [10, 30, 50]
    assert bed.table["end"].tolist() == [20, 40, 60]
    assert "2 lines of the file had the start after the end and were put in order; the first is line 2." in bed.notes


def test_against_the_genome():
    sizes = {"chr1": 1000, "chrM": 100}
    bed = read_bed(b"1\t5\t9\nMT\t5\t9\nchr1\t900\t1001\nchrUn_x\t1\t2\nchrUn_y\t1\t2\n", chrom_sizes=sizes)
    assert bed.table["chrom"].tolist() == ["chr1", "chrM"]
    assert bed.bad == 3
    assert any("chr1 has 1,000 bases, the region ends at 1,001" in note and "line 3" in note for note in bed.notes)
    assert any(note.startswith("2 lines") and "'chrUn_x'" in note and "line 4" in note for note in bed.notes)
    with pytest.raises(
        ValueError, match="holds no region that can be used; line 1: the genome has no chromosome 'chr7'"
    ):
        read_bed(b"chr7\t1\t2\n", chrom_sizes=sizes)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("chr1\t100\t100\trs1\nchr1\t200\t200\trs2\n", "2 lines, first line 1, with the start the same as the end"),
        ("".join(f"chr1\t{i}1\t{i + 5}0\n" for i in range(5, 12)), "run from ...1 to ...0, such as 51 to 100"),
        ("chr1\t5\t9\nchr1\t10\t14\nchr1\t15\t17\nchr1\t18\t25\n", "leave one base out, such as 9 and 10"),
    ],
)
def test_what_seems_to_count_from_1_is_asked(text, hint):
    bed = read_bed(text.encode())
    (question,) = bed.questions
    assert hint in question
    from_one = read_bed(text.encode(), one_based=True)
    assert from_one.questions == ()
    first = text.split("\t")
    assert from_one.table["start"].iloc[0] == int(first[1]) - 1
    assert from_one.table["end"].iloc[0] == int(first[2].split("\n")[0])
    assert len(from_one.table) == text.count("\n")


def test_the_answer_no_counts_from_0():
    text = b"chr1\t100\t100\trs1\nchr1\t200\t201\trs2\n"
    bed = read_bed(text, one_based=False)
    assert bed.questions == ()
    assert bed.table["start"].tolist() == [200]
    assert "start and end are the same, which is no base when counting from 0; the first is line 1" in bed.notes[0]
    with pytest.raises(ValueError, match="line 1: start and end are the same"):
        read_bed(b"chr1\t100\t100\n", one_based=False)


def test_a_region_that_starts_at_0_counts_from_0():
    assert read_bed(b"chr1\t0\t5\nchr1\t7\t7\n").questions == ()
    with pytest.raises(ValueError, match="line 2: starts at 0, so the file can't count from 1"):
        read_bed(b"chr1\t5\t9\nchr1\t0\t5\n", one_based=True)


def test_an_ordinary_file_is_not_asked_about():
    tiles = "".join(f"chr1\t{i * 100}\t{(i + 1) * 100}\n" for i in range(1, 30))
    peaks = "".join(f"chr1\t{i * 977 % 5000 + 3}\t{i * 977 % 5000 + 303}\n" for i in range(30))
    assert read_bed(tiles.encode()).questions == read_bed(peaks.encode()).questions == ()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "holds no region; a BED line has chromosome, start and end, separated by tabs"),
        (b"# only\n\n \n", "holds no region; "),
        (b"chr1,10,20\n", "line 1: .*the line has 1 column and commas"),
        (b"chr1\t1\t5\nchr1\t1\t5\tcaf\xe9\n", "line 2: byte 0xE9 is not UTF-8 text; save the file as UTF-8"),
        ("chr1\t1\t5\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"chr1\t1\t5\nchr1\t1\0\t5\n", "line 2: holds a zero byte"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"PK\x03\x04....", "is a zip archive or a spreadsheet"),
        (b"\xeb\xf2\x89\x87....", "is a bigBed file"),
        (b"\x26\xfc\x8f\x88....", "is a bigWig file"),
        (b"\x1f\x8b" + bytes(30), "can't be read .* damaged or cut short"),
        (gzip.compress(b"chr1\t1\t5\n" * 1000)[:-9], "can't be read .* damaged or cut short"),
        (b'chr1\tHAVANA\tgene\t11869\t14409\t.\t+\t.\tgene_id "X"\n', "looks like GFF or GTF"),
        (b"x" * 3_000_000, "line 1: is longer than 1,048,576 characters"),
        (b"chr1\t\xd9\xa3\t90\n", "line 1: start and end must be whole numbers, not '٣' and '90'"),
        (b"chr1\t1_0\t90\n", "not '1_0' and '90'"),
    ],
)
def test_what_is_no_bed_is_refused_in_a_sentence(data, sentence):
    with pytest.raises(ValueError, match=f"^mine.bed.*{sentence}") as caught:
        read_bed(data, name="mine.bed")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_no_file():
    with pytest.raises(ValueError, match=r"There is no file at nowhere\.bed"):
        read_bed("nowhere.bed")


def test_a_hundred_thousand_lines_in_three_seconds():
    text = b"".join(
        b"chr%d\t%d\t%d\tpeak_%d\t%d\t+\n" % (i % 22 + 1, 5 * i, 5 * i + 150, i, i % 1000) for i in range(100_000)
    )
    start = time.perf_counter()
    bed = read_bed(text, chrom_sizes={f"chr{i}": 10**6 for i in range(1, 23)})
    assert time.perf_counter() - start < 3
    assert len(bed.table) == 100_000
    assert bed.table["name"].iloc[77_777] == "peak_77777"


@pytest.mark.parametrize("ending", [".bed", ".bed.gz"])
def test_ten_million_lines_are_refused_at_once(tmp_path, ending):
    path = tmp_path / f"huge{ending}"
    piece = b"chr1\t1000\t2000\n" * 100_000
    with gzip.open(path, "wb", 1) if ending.endswith("gz") else path.open("wb") as file:
        for _ in range(100):
            file.write(piece)
    start = time.perf_counter()
    with pytest.raises(ValueError, match=f"has more than {LINE_LIMIT:,} lines or 256 MB; keep the part that matters"):
        read_bed(path)
    assert time.perf_counter() - start < 3
    assert len(read_bed(b"chr1\t1\t2\n" * 50, limit=50).table) == 50
    with pytest.raises(ValueError, match="more than 50 lines"):
        read_bed(b"chr1\t1\t2\n" * 51, limit=50)


def test_a_bomb_is_refused(tmp_path):
    """A gzip file of 1 MB that unpacks to 1 GB of one line, or of empty lines."""
    for byte in (b"x", b" "):
        path = tmp_path / "bomb.bed.gz"
        path.write_bytes(gzip.compress(byte * 2**23) * 128)
        start = time.perf_counter()
        with pytest.raises(ValueError, match=r"longer than|more than"):
            read_bed(path)
        assert time.perf_counter() - start < 3
