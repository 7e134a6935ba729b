import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from creme_core.models.base import TRACK_COLUMNS, list_cell_lines, resolve_readout
from creme_core.models.target_table import read_borzoi_targets, read_enformer_targets
from tests.core.official_files import enformer_targets

PUBLIC_BORZOI = importlib.util.find_spec("borzoi_pytorch")
BORZOI = """\
\tidentifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\tdescription
0\tCNhs1+\t/a\t768\t384\t1.0\tsum\t1\tCAGE:liver, adult
1\tCNhs1-\t/b\t768\t384\t1.0\tsum\t0\tCAGE:liver, adult
2\tENCFF1\t/c\t128\t32\t2.0\tmean\t2\tCHIP:REST:HepG2
3\tGTEX-1\t/d\t768\t384\t0.01\tsum_sqrt\t3\tRNA:vagina
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("targets") / "targets_human.txt"
    path.write_text(enformer_targets(), encoding="utf-8")
    return path


def changed(path: Path, tmp_path: Path, change) -> Path:
    """A copy of the table with its lines (the header is line 0) changed."""
    lines = change(path.read_text(encoding="utf-8").splitlines())
    copy = tmp_path / "targets_human.txt"
    copy.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return copy


def replaced(index: int, old: str, new: str):
    def change(lines):
        assert old in lines[index + 1]
        return [*lines[: index + 1], lines[index + 1].replace(old, new), *lines[index + 2 :]]

    return change


def test_enformers_table_is_a_track_table(table):
    tracks = read_enformer_targets(table)
    assert tracks.columns.tolist() == [*TRACK_COLUMNS, "target"]
    assert Counter(tracks["assay"]) == {"DNASE": 674, "ATAC": 10, "CHIP": 3_991, "CAGE": 638}
    assert tracks.loc[700, ["assay", "target", "cell_line", "strand"]].tolist() == ["CHIP", "TF16", "line7", "."]
    assert tracks.loc[3, ["identifier", "assay", "target", "cell_line"]].tolist() == [
        "ENCFF003AAA",
        "DNASE",
        "",
        "line3",
    ]


def test_the_papers_three_are_found_by_name_and_stand_first(table):
    tracks = read_enformer_targets(table)
    found = {name: resolve_readout(tracks, name).tolist() for name in ("K562", "GM12878", "PC-3", "CNhs11250")}
    assert found == {"K562": [5111], "GM12878": [5110], "PC-3": [4824], "CNhs11250": [4828]}
    lines = list_cell_lines(tracks)
    assert lines[:5] == ("K562", "GM12878", "PC-3", "tissue 0, pool1 (CNhs24675)", "tissue 1, pool1 (CNhs24676)")
    assert len(lines) == 638


def test_every_cage_track_has_a_name_of_its_own(table):
    tracks = read_enformer_targets(table)
    cage = tracks[tracks["assay"] == "CAGE"]
    assert cage["cell_line"].is_unique
    # Described alike by two tracks, and by one.
    assert cage.loc[[4675, 5275], "cell_line"].tolist() == [f"tissue 0, pool1 (CNhs{20_000 + i})" for i in (4675, 5275)]
    assert cage.loc[4725, "cell_line"] == "tissue 50, pool1"
    assert cage.loc[4828, "cell_line"] == "chronic myelogenous leukemia cell line:K562"


def test_a_papers_name_needs_its_identifier_and_its_index(table, tmp_path):
    moved = changed(table, tmp_path, replaced(5111, "CNhs12336", "CNhs99999"))
    tracks = read_enformer_targets(moved)
    assert "K562" not in list_cell_lines(tracks)
    assert tracks.loc[5111, "cell_line"] == "chronic myelogenous leukemia cell line:K562 ENCODE, biol_"
    moved = changed(moved, tmp_path, replaced(5112, "CNhs25112", "CNhs12336"))
    assert "K562" not in list_cell_lines(read_enformer_targets(moved))


def test_a_description_never_takes_a_papers_name(table, tmp_path):
    tracks = read_enformer_targets(changed(table, tmp_path, replaced(4725, "tissue 50, pool1", "K562")))
    assert tracks.loc[4725, "cell_line"] == "K562 (CNhs24725)"
    assert resolve_readout(tracks, "K562").tolist() == [5111]


def test_a_description_that_is_empty_gives_the_identifier(table, tmp_path):
    tracks = read_enformer_targets(changed(table, tmp_path, replaced(4725, "tissue 50, pool1", " ")))
    assert tracks.loc[4725, "cell_line"] == "(CNhs24725)"


def test_letters_that_look_like_more_are_kept(table, tmp_path):
    odd = 'NA "quoted\x0bNULL'
    text = table.read_text(encoding="utf-8").replace("tissue 50, pool1", odd)
    (tmp_path / "targets.txt").write_bytes(text.replace("\n", "\r\n").encode())
    assert read_enformer_targets(tmp_path / "targets.txt").loc[4725, "cell_line"] == odd


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "has 5,312 tracks but the model predicts 5,313"),
        (lambda lines: [lines[0].replace("identifier", "accession"), *lines[1:]], "columns index, genome, accession"),
        (lambda lines: [lines[0].replace("clip", "limit"), *lines[1:]], "not those of the public table"),
        (lambda lines: lines[1:], "has the columns 0, 0, ENCFF000AAA"),
        (lambda lines: ["<!DOCTYPE html>", "<title>404</title>"], "is a web page, not a track table"),
        (lambda lines: [], "not those of the public table"),
        (lambda lines: [*lines[:9], "8\t0\tENCFF", *lines[10:]], "has a row of 3 columns where there must be 8"),
        (lambda lines: [lines[0], *lines[:0:-1]], "index must run from 0 to 5,312 without a gap"),
        (replaced(7, "7\t", "x\t"), "index must run from 0 to 5,312"),
    ],
)
def test_what_is_not_the_table_is_refused(table, tmp_path, change, message):
    with pytest.raises(ValueError, match=message) as refusal:
        read_enformer_targets(changed(table, tmp_path, change))
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 500


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path):
    (tmp_path / "targets.txt").write_bytes(b"\x1f\x8b\xff\xfe")
    with pytest.raises(ValueError, match="is no track table: it is not text"):
        read_enformer_targets(tmp_path / "targets.txt")
    with pytest.raises(ValueError, match="There is no track table at"):
        read_enformer_targets(tmp_path / "none.txt")


def test_borzois_table_keeps_strands_and_squashing(tmp_path):
    path = tmp_path / "targets_human.txt"
    path.write_text(BORZOI, encoding="utf-8")
    tracks = read_borzoi_targets(path, 4)
    assert tracks["strand"].tolist() == ["+", "-", ".", "."]
    assert tracks["cell_line"].tolist() == ["liver, adult", "liver, adult", "HepG2", "vagina"]
    assert tracks["assay"].tolist() == ["CAGE", "CAGE", "CHIP", "RNA"]
    assert tracks["clip_soft"].tolist() == [384.0, 384.0, 32.0, 384.0]
    assert tracks["scale"].tolist() == [1.0, 1.0, 2.0, 0.01]
    assert tracks["strand_pair"].tolist() == [1, 0, 2, 3]
    assert tracks["sum_stat"].tolist()[3] == "sum_sqrt"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("384\t1.0", "soft\t1.0", "the column clip_soft must hold numbers"),
        ("sum\t1\tCAGE", "sum\t4\tCAGE", "strand_pair must hold track indices from 0 to 3"),
        ("strand_pair", "pair", "not those of the public table"),
    ],
)
def test_a_damaged_borzoi_table_is_refused(tmp_path, old, new, message):
    assert old in BORZOI
    (tmp_path / "targets.txt").write_text(BORZOI.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_borzoi_targets(tmp_path / "targets.txt", 4)


@pytest.mark.skipif(PUBLIC_BORZOI is None, reason="borzoi_pytorch, which brings the public table, is not installed")
def test_the_public_borzoi_table_is_read():
    path = Path(PUBLIC_BORZOI.submodule_search_locations[0]) / "precomputed" / "targets.txt"
    tracks = read_borzoi_targets(path)
    assert Counter(tracks["assay"]) == {"CAGE": 1_276, "DNASE": 674, "ATAC": 232, "CHIP": 3_886, "RNA": 1_543}
    found = {name: resolve_readout(tracks, name).tolist() for name in ("K562", "GM12878", "PC-3")}
    assert found == {"K562": [872, 873], "GM12878": [870, 871], "PC-3": [298, 299]}
    cage = tracks[tracks["assay"] == "CAGE"]
    assert set(Counter(cage["cell_line"]).values()) == {2}
    assert (tracks.loc[cage["strand_pair"], "cell_line"].to_numpy() == cage["cell_line"].to_numpy()).all()
    assert list_cell_lines(tracks)[:3] == ("K562", "GM12878", "PC-3")
