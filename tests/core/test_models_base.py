import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from creme_core.models.base import (
    TRACK_COLUMNS,
    SequenceModel,
    check_tracks,
    list_cell_lines,
    read_tracks,
    resolve_readout,
)


@pytest.fixture
def tracks() -> pd.DataFrame:
    rows = [
        (0, "ENCFF000AAA", "DNASE", "K562", ".", "DNASE:K562"),
        (1, "CNhs11250", "CAGE", "K562", "+", "CAGE:K562 plus"),
        (2, "CNhs12336", "CAGE", "PC-3", ".", "CAGE:PC-3"),
        (3, "CNhs11251", "CAGE", "K562", "-", "CAGE:K562 minus"),
        (4, "ENCFF000BBB", "CHIP", "HepG2", ".", "CHIP:CTCF:HepG2"),
    ]
    return pd.DataFrame(rows, columns=TRACK_COLUMNS)


@pytest.mark.parametrize(
    ("readout", "expected"),
    [("K562", [1, 3]), ("PC-3", [2]), ("ENCFF000AAA", [0]), ("CNhs11251", [3]), (4, [4]), (np.int32(0), [0])],
)
def test_a_readout_is_a_cell_lines_cage_a_track_or_an_index(tracks, readout, expected):
    found = resolve_readout(tracks, readout)
    assert found.dtype == np.int64
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("readout", "message"),
    [
        ("K563", "nearest known ones are K562"),
        ("cnhs12336", "nearest known ones are CNhs12336"),
        ("", "no cell line or track named ''; none is near"),
        ("HepG2", r"'HepG2' has no CAGE track in this model, only others \(ENCFF000BBB\)"),
        (5, "There is no track 5; track indices run from 0 to 4"),
        (-1, "There is no track -1"),
        (True, "True is no readout"),
        (np.bool_(False), "is no readout"),
        (1.0, "1.0 is no readout; give a cell line, a track identifier or a track index"),
        (None, "None is no readout"),
    ],
)
def test_an_unknown_readout_is_refused_with_what_is_known(tracks, readout, message):
    with pytest.raises(ValueError, match=message):
        resolve_readout(tracks, readout)


def test_a_track_table_is_put_in_order_and_the_callers_is_left_alone(tracks):
    given = tracks.iloc[::-1].assign(extra=range(5))
    given.loc[4, "cell_line"] = None
    before = given.copy()
    checked = check_tracks(given, 5)
    assert checked.columns.tolist() == [*TRACK_COLUMNS, "extra"]
    assert checked["index"].tolist() == [0, 1, 2, 3, 4]
    assert checked["extra"].tolist() == [4, 3, 2, 1, 0]
    assert checked["cell_line"].tolist() == ["K562", "K562", "PC-3", "K562", ""]
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns=["assay", "strand"]), "no column assay, strand; it needs index"),
        (lambda table: table.head(4), "4 rows but the model predicts 5"),
        (lambda table: table.assign(index=[0, 1, 2, 3, 3]), "must hold 0 to 4, each once"),
        (lambda table: table.assign(index=["0", "1", "2", "3", "x"]), "must hold 0 to 4, each once"),
    ],
)
def test_a_track_table_that_does_not_fit_is_refused(tracks, change, message):
    with pytest.raises(ValueError, match=message):
        check_tracks(change(tracks), 5)


def test_a_track_file_keeps_names_that_look_like_missing_values(tracks, tmp_path):
    named = tracks.assign(cell_line=["NA", "K562", "None", "K562", ""])
    named.to_csv(tmp_path / "tracks.tsv", sep="\t", index=False)
    pd.testing.assert_frame_equal(read_tracks(tmp_path / "tracks.tsv", 5), check_tracks(named, 5))
    with pytest.raises(ValueError, match=r"no track table at .*other\.tsv"):
        read_tracks(tmp_path / "other.tsv", 5)


def test_cell_lines_are_offered_with_the_papers_three_first(tracks):
    assert list_cell_lines(tracks) == ("K562", "PC-3")
    lines = tracks.assign(assay="CAGE", cell_line=["liver", "PC-3", "", "GM12878", "liver"])
    assert list_cell_lines(lines) == ("GM12878", "PC-3", "liver")
    assert list_cell_lines(tracks.assign(assay="DNASE")) == ()


def test_the_protocol_knows_a_model_when_it_sees_one(toy_model):
    toy_model.profile = toy_model.gradient = toy_model.tss_activity
    assert isinstance(toy_model, SequenceModel)
    assert not isinstance(object(), SequenceModel)


def test_the_protocol_does_not_import_torch():
    script = "import sys, creme_core.models.base; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
