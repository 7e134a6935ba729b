"""Regions by window, from every kind of source."""

import gzip
import json
import struct

import numpy as np
import pandas as pd
import pybigtools
import pytest
from Bio import bgzf

from creme_core import downloads, web
from creme_core.signals import indexed
from creme_core.signals.bed import REGION_COLUMNS, read_bed
from creme_core.signals.classes import CCRE_COLOURS, REPEAT_COLOURS, repeat_class
from creme_core.signals.regions import genes_with_exons, read_regions
from tests.faulty_server import Status, WrongType

BED = b"chr1\t10\t20\ta\t5\t+\nchr2\t10\t20\tb\nchr1\t15\t40\tc\nchr1\t2\t10\td\t0\t.\t2\t10\t1,2,3\n"


def names(table: pd.DataFrame) -> list[str]:
    assert list(table.columns[: len(REGION_COLUMNS)]) == REGION_COLUMNS
    assert [str(kind) for kind in table.dtypes[["start", "end", "score"]]] == ["int64", "int64", "float64"]
    assert table["start"].is_monotonic_increasing
    return table["name"].tolist()


@pytest.fixture
def clean_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_window_is_half_open(tmp_path):
    path = tmp_path / "some.bed"
    path.write_bytes(BED)
    for source in (path, str(path), read_bed(path), read_bed(path).table):
        assert names(read_regions(source, "chr1", 0, 100)) == ["d", "a", "c"]
        assert names(read_regions(source, "chr1", 10, 15)) == ["a"]
        assert names(read_regions(source, "chr1", 20, 21)) == ["c"]
        assert names(read_regions(source, "chr1", 40, 50)) == []
        assert names(read_regions(source, "2", 0, 100)) == ["b"]
        assert names(read_regions(source, "chr9", 0, 100)) == []
    assert read_regions(path, "1", 0, 100)["chrom"].unique().tolist() == ["1"]
    assert read_regions(path, "chr1", 0, 100)["colour"].tolist() == ["#010203", "", ""]


def test_a_bed_that_changed_is_read_again(tmp_path):
    path = tmp_path / "some.bed"
    path.write_bytes(BED)
    read_regions(path, "chr1", 0, 100)
    path.write_bytes(b"chr1\t1\t2\tnew\n")
    assert names(read_regions(path, "chr1", 0, 100)) == ["new"]


def test_a_bed_that_seems_to_count_from_1_is_not_guessed_about(tmp_path):
    path = tmp_path / "snps.bed"
    path.write_bytes(b"chr1\t10\t10\trs1\n")
    with pytest.raises(ValueError, match=r"Does snps\.bed count its first base as 1\?"):
        read_regions(path, "chr1", 0, 100)
    assert names(read_regions(read_bed(path, one_based=True), "chr1", 0, 100)) == ["rs1"]


def test_further_columns_of_a_table_stay():
    exons = pd.DataFrame(
        {"gene": ["G", "G"], "chrom": "chr1", "start": [10, 50], "end": [20, 60], "strand": "-", "rank": [1, 2]}
    )
    near = read_regions(exons, "1", 0, 30)
    assert names(near) == ["G"]
    assert (near["strand"].tolist(), near["rank"].tolist(), near["kind"].tolist()) == (["-"], [1], [""])
    with pytest.raises(ValueError, match="has no column end"):
        read_regions(exons.drop(columns="end"), "1", 0, 30)


def test_genes_with_exons():
    exons = pd.DataFrame(
        [
            ("A", "ENSG1", "chr1", 500, 600, "+", "T1"),
            ("A", "ENSG1", "chr1", 100, 200, "+", "T1"),
            ("B", "ENSG2", "chr1", 700, 800, "-", "T2"),
            ("C", "ENSG3", "chr2", 100, 200, "-", "T3"),
        ],
        columns=["gene", "gene_id", "chrom", "start", "end", "strand", "transcript_id"],
    )
    within_an_intron = genes_with_exons(exons, "1", 300, 400)
    assert names(within_an_intron) == ["A"]
    (row,) = within_an_intron.to_dict("records")
    assert (row["start"], row["end"], row["strand"], row["gene_id"]) == (100, 600, "+", "ENSG1")
    assert row["exons"] == [(100, 200), (500, 600)]
    assert names(genes_with_exons(exons, "chr1", 0, 1000)) == ["A", "B"]
    assert names(genes_with_exons(exons, "chr1", 600, 700)) == []
    assert names(genes_with_exons(exons.iloc[:0], "chr1", 0, 1000)) == []


@pytest.mark.parametrize("interval", [(5, 5), (-1, 5), (7, 3), (False, 5)])
def test_no_interval(interval):
    with pytest.raises(ValueError, match="is no interval"):
        read_regions("ccres", "chr1", *interval)


def test_no_file():
    with pytest.raises(
        ValueError, match="There is no file at repeats; give the path of a BED or bigBed file, or a name"
    ):
        read_regions("repeats", "chr1", 0, 5)


# bigBed


@pytest.fixture(scope="module")
def bigbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("bigbed") / "ccres.bb"
    rest = "EH38E{0}\t{0}\t.\t{1}\t{2}\t255,205,0\tdELS,CTCF-bound\tdELS"
    rows = [("chr1", i * 100, i * 100 + 50, rest.format(i, i * 100, i * 100 + 50)) for i in range(2000)]
    writer = pybigtools.open(str(path), "w")
    writer.write({"chr1": 1_000_000}, rows)
    return path


def check_bigbed(table):
    assert names(table) == ["EH38E10", "EH38E11", "EH38E12"]
    assert table["start"].tolist() == [1000, 1100, 1200]
    assert (table["kind"] == "dELS").all()
    assert (table["colour"] == "#FFCD00").all()
    assert table["score"].tolist() == [10, 11, 12]


def test_a_bigbed_of_this_machine(bigbed, tmp_path):
    check_bigbed(read_regions(bigbed, "1", 1049, 1201))
    other_name = tmp_path / "upload.bin"
    other_name.write_bytes(bigbed.read_bytes())
    check_bigbed(read_regions(other_name, "chr1", 1049, 1201))
    assert names(read_regions(bigbed, "chr1", 500_000, 600_000)) == []


def test_a_bigbed_of_a_server(bigbed, server):
    server.add("/ccres.bb", bigbed.read_bytes())
    check_bigbed(read_regions(f"{server.url}/ccres.bb", "chr1", 1049, 1201))
    assert names(read_regions(f"{server.url}/ccres.bb", "chr1", 500_000, 600_000)) == []
    server.fault("/ccres.bb", Status(404), always=True)
    with pytest.raises(ValueError, match="HTTP status 404"):
        read_regions(f"{server.url}/gone.bb", "chr1", 1049, 1201)


def test_damaged_bigbeds(bigbed, tmp_path):
    whole = bigbed.read_bytes()
    for number, data in enumerate([b"", whole[:50], whole[:500], whole[: len(whole) // 2], b"<html>", whole[:4] * 900]):
        path = tmp_path / f"{number}.bb"
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"^{number}\.bb can't be read: .*\.$"):
            read_regions(path, "chr1", 0, 200_000)
    with pytest.raises(ValueError, match="has no chromosome 'chr5'"):
        read_regions(bigbed, "chr5", 0, 5)


# bgzip and tabix


def write_tabix(path, rows, preset=0x10000):
    """A bgzipped BED with the linear half of a tabix index; rows sorted by chromosome and start."""
    linear: dict[str, list[int]] = {}
    with bgzf.BgzfWriter(str(path)) as file:
        for chrom, start, end, name in rows:
            windows = linear.setdefault(chrom, [])
            windows.extend([0] * (((end - 1) >> 14) + 1 - len(windows)))
            for window in range(start >> 14, ((end - 1) >> 14) + 1):
                windows[window] = windows[window] or file.tell()
            file.write(f"{chrom}\t{start}\t{end}\t{name}\n".encode())
            file.flush()
    chroms = b"".join(chrom.encode() + b"\0" for chrom in linear)
    index = struct.pack("<4s8i", b"TBI\1", len(linear), preset, 1, 2, 3, 35, 0, len(chroms)) + chroms
    for windows in linear.values():
        index += struct.pack("<ii", 1, 4681)[:4] + struct.pack("<IiQQ", 4681, 1, 0, 0)
        index += struct.pack(f"<i{len(windows)}Q", len(windows), *windows)
    path.with_name(f"{path.name}.tbi").write_bytes(gzip.compress(index))
    return path


@pytest.fixture
def tabixed(tmp_path):
    rng = np.random.default_rng(4)
    rows = []
    for chrom in ("chr1", "chr2"):
        starts = np.sort(rng.integers(200_000, 2_000_000, 300))
        rows += [(chrom, int(s), int(s + rng.choice([100, 40_000])), f"{chrom}-{i}") for i, s in enumerate(starts)]
    return write_tabix(tmp_path / "many.bed.gz", rows), pd.DataFrame(rows, columns=["chrom", "start", "end", "name"])


def test_a_tabix_window_is_that_of_the_whole_table(tabixed):
    path, table = tabixed
    rng = np.random.default_rng(5)
    for _ in range(60):
        start = int(rng.integers(0, 2_100_000))
        end = start + int(rng.choice([1, 5000, 196_608]))
        assert names(read_regions(path, "2", start, end)) == names(read_regions(table, "chr2", start, end))


def test_only_the_window_is_read(tabixed, monkeypatch):
    def whole(*_arguments, **_options):
        raise AssertionError("the whole file was read")

    monkeypatch.setattr("creme_core.signals.regions.read_bed", whole)
    assert names(read_regions(tabixed[0], "chr1", 900_000, 1_000_000))


def test_damaged_tabix(tabixed, tmp_path):
    path, _ = tabixed
    index = path.with_name(f"{path.name}.tbi")
    whole, good = path.read_bytes(), index.read_bytes()
    inside = gzip.decompress(good)
    for bad in (
        b"",
        good[:40],
        gzip.compress(b"XXX"),
        gzip.compress(inside[:70]),
        gzip.compress(b"CSI\1" + inside[4:]),
    ):
        index.write_bytes(bad)
        with pytest.raises(ValueError, match=r"many\.bed\.gz.* index"):
            read_regions(path, "chr1", 900_000, 1_000_000)
    index.write_bytes(gzip.compress(inside.replace(struct.pack("<i", 0x10000), struct.pack("<i", 2), 1)))
    with pytest.raises(ValueError, match="indexed as another kind of file"):
        read_regions(path, "chr1", 900_000, 1_000_000)
    index.write_bytes(good)
    for length in (len(whole) // 4, len(whole) - 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cut short"):
            read_regions(path, "chr2", 900_000, 1_000_000)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="has no chromosome 'chr7'; it has chr1, chr2"):
        read_regions(path, "chr7", 0, 10)


# Known annotations: the downloads


CCRES = "chr1\t181251\t181601\tEH38D1\tEH38E1\tpELS\nchr1\t190865\t191071\tEH38D2\tEH38E2\tCA-CTCF\n"
CCRES += "chr10\t1000\t1300\tEH38D3\tEH38E3\tPLS\nchr1\t100\t400\tEH38D4\tEH38E4\tTF\n"


def rmsk_line(chrom, start, end, strand, name, kind):
    return f"585\t463\t13\t6\t17\t{chrom}\t{start}\t{end}\t-248945\t{strand}\t{name}\t{kind}\tfam\t1\t471\t0\t1\n"


def put(name, content):
    folder = downloads.folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / downloads.find(name).files[0].name
    path.write_bytes(content)
    return path


def test_ccres_of_the_download(clean_home):
    path = put("ccres", CCRES.encode())
    table = read_regions("ccres", "chr1", 0, 190_900)
    assert names(table) == ["EH38E4", "EH38E1", "EH38E2"]
    assert table["kind"].tolist() == ["TF", "pELS", "CA-CTCF"]
    assert table["colour"].tolist() == ["#D876EC", "#FFA700", "#00B0F0"]
    assert names(read_regions("ccres", "10", 1299, 1300)) == ["EH38E3"]
    assert names(read_regions("ccres", "chr10", 1300, 1400)) == []
    made = indexed.index_path(path).stat().st_mtime_ns
    read_regions("ccres", "chr1", 0, 10)
    assert indexed.index_path(path).stat().st_mtime_ns == made


def test_repeats_of_the_download(clean_home):
    kinds = ["LINE", "SINE?", "LTR", "DNA?", "Simple_repeat", "Low_complexity", "Satellite", "tRNA", "RC?", "Unknown"]
    lines = [rmsk_line("chr1", 10 * i, 10 * i + 8, "+-"[i % 2], f"R{i}", kind) for i, kind in enumerate(kinds)]
    put("rmsk", gzip.compress("".join(lines).encode()))
    table = read_regions("rmsk", "chr1", 0, 1000)
    assert names(table) == [f"R{i}" for i in range(10)]
    expected = ["LINE", "SINE", "LTR", "DNA", "Simple_repeat", "Low_complexity", "Satellite", "other", "other", "other"]
    assert table["kind"].tolist() == expected
    assert table["colour"].tolist() == [REPEAT_COLOURS[kind] for kind in expected]
    assert table["strand"].tolist() == ["+", "-"] * 5
    assert table["score"].tolist() == [463] * 10


def test_the_sorted_copy_is_made_anew_for_another_file_and_when_damaged(clean_home):
    path = put("ccres", CCRES.encode())
    assert len(read_regions("ccres", "chr1", 0, 10**6)) == 3
    put("ccres", CCRES.splitlines()[0].encode())
    assert len(read_regions("ccres", "chr1", 0, 10**6)) == 1
    indexed.index_path(path).write_bytes(b"PAR1 damaged")
    assert len(read_regions("ccres", "chr1", 0, 10**6)) == 1
    assert [other.name for other in path.parent.iterdir() if other.name.endswith(".part")] == []


def test_a_window_of_many_rows_is_found_by_its_row_groups(clean_home):
    rng = np.random.default_rng(6)
    starts = rng.integers(0, 10_000_000, 60_000)
    put("ccres", "".join(f"chr{i % 3 + 1}\t{s}\t{s + 300}\tD{i}\tE{i}\tPLS\n" for i, s in enumerate(starts)).encode())
    found = read_regions("ccres", "chr2", 5_000_000, 5_196_608)
    inside = [i for i, s in enumerate(starts) if i % 3 == 1 and s < 5_196_608 and s + 300 > 5_000_000]
    assert sorted(names(found)) == sorted(f"E{i}" for i in inside)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"chr1\t1\t5\tD\tE\n", "not laid out as known, in 6 tab-separated columns"),
        (b"chr1\tx\t5\tD\tE\tPLS\n", "not laid out as known"),
        (b"chr1\t9\t5\tD\tE\tPLS\n", "a start does not come before its end"),
        (b"", "not laid out as known|holds no region"),
        (b"chr1\t1\t5\tD\tE\t\xff\n", "not laid out as known"),
    ],
)
def test_a_download_that_is_laid_out_otherwise_is_named(clean_home, content, sentence):
    put("ccres", content)
    with pytest.raises(ValueError, match=rf"^GRCh38-cCREs\.bed.*{sentence}"):
        read_regions("ccres", "chr1", 0, 10)


def test_v3_and_v4_classes_have_screens_colours():
    assert (CCRE_COLOURS["PLS"], CCRE_COLOURS["pELS"], CCRE_COLOURS["dELS"]) == ("#FF0000", "#FFA700", "#FFCD00")
    assert CCRE_COLOURS["CTCF-only"] == CCRE_COLOURS["CA-CTCF"] == "#00B0F0"
    assert CCRE_COLOURS["DNase-H3K4me3"] == CCRE_COLOURS["CA-H3K4me3"] == "#FFAAAA"
    assert repeat_class("LINE/L1") == "LINE"


# Known annotations: UCSC's server


def ucsc(mirror, answer):
    mirror.add("/api.genome.ucsc.edu/getData/track", json.dumps(answer).encode(), "application/json")


def test_repeats_of_ucsc(clean_home, mirror):
    row = {"genoName": "chr1", "genoStart": 10000, "genoEnd": 10468, "strand": "+", "repName": "(CCCTAA)n"}
    ucsc(mirror, {"genome": "hg38", "rmsk": [{**row, "repClass": "Simple_repeat", "swScore": 463}]})
    for _ in range(2):
        (found,) = read_regions("rmsk", "1", 10_001, 10_300).to_dict("records")
    assert (found["chrom"], found["name"], found["kind"], found["score"]) == ("1", "(CCCTAA)n", "Simple_repeat", 463)
    ((_, asked, _),) = mirror.requests
    assert asked.endswith("?genome=hg38;track=rmsk;chrom=chr1;start=10001;end=10300")


def test_ccres_of_ucsc(clean_home, mirror):
    row = {"chrom": "chr1", "chromStart": 180, "chromEnd": 400, "name": "EH38E1", "score": 300, "strand": "."}
    ucsc(mirror, {"encodeCcreCombined": {"chr1": [{**row, "ccre": "DNase-H3K4me3,CTCF-bound"}]}})
    (found,) = read_regions("ccres", "chr1", 0, 1000).to_dict("records")
    assert (found["kind"], found["colour"], found["strand"]) == ("DNase-H3K4me3", "#FFAAAA", ".")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            {"error": "can not find track"},
            r"gave no regions of its track rmsk \(can not find track\); get the download 'rmsk'",
        ),
        ([], "gave no regions"),
        ({"rmsk": 5}, "gave no regions"),
        ({"rmsk": [], "maxItemsLimit": True}, "more regions than UCSC's server gives at once"),
        ({"rmsk": [{"chrom": "chr1"}]}, "does not have the columns known of it"),
        ({"rmsk": [5]}, "does not have the columns known of it"),
    ],
)
def test_an_answer_of_another_form_is_named(clean_home, mirror, answer, sentence):
    ucsc(mirror, answer)
    with pytest.raises(ValueError, match=sentence):
        read_regions("rmsk", "chr1", 0, 1000)


def test_no_repeats_in_a_window(clean_home, mirror):
    ucsc(mirror, {"rmsk": []})
    assert names(read_regions("rmsk", "chr1", 5000, 6000)) == []


def test_ucsc_out_of_order_or_out_of_reach(clean_home, mirror, monkeypatch):
    mirror.fault("/api.genome.ucsc.edu/getData/track", WrongType(), always=True)
    mirror.add("/api.genome.ucsc.edu/getData/track", b"")
    with pytest.raises(ValueError, match="did not answer with JSON"):
        read_regions("rmsk", "chr1", 0, 1000)
    monkeypatch.setenv("CREME_OFFLINE", "1")
    with pytest.raises(web.Offline, match=r"CREME_OFFLINE is set.*python -m creme_core data get rmsk"):
        read_regions("rmsk", "chr1", 0, 1000)
