"""The desk's file: shared by processes, killed at any moment, damaged, locked, or not ours."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from creme_core.store import Store
from creme_core.vetting.decisions import Desk
from creme_core.vetting.desk_file import DeskError
from creme_core.vetting.element import Element

REPOSITORY = Path(__file__).parents[2]
ELEMENTS = [Element("chr1", 10 * i, 10 * i + 5) for i in range(40)]
IDS = [element.element_id for element in ELEMENTS]

# Types into the reason of one element after the other and says so only when it is saved.
WRITER = """
    import os, sys
    from creme_core.vetting.decisions import Desk

    path, worklist, reviewer, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    with Desk(path) as desk:
        names = desk.elements(worklist)["element_id"].tolist()
        for number in range(count):
            desk.decide(worklist, names[number % len(names)], reviewer, "enhancer", str(number))
            os.write(1, b"%d\\n" % number)
"""


def start(path, worklist, reviewer, count):
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path), worklist, reviewer, str(count)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def reasons(path, worklist, reviewer):
    with Desk(path) as desk:
        assert desk.notes == []
        return [int(reason) for reason in desk.history(worklist, reviewer=reviewer)["reason"]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vetting.sqlite"


@pytest.fixture
def worklist(path):
    with Desk(path) as desk:
        worklist = desk.add_worklist("List", ELEMENTS)
        desk.decide(worklist, IDS[0], "Ann", "enhancer", "kept")
        return worklist


def test_a_killed_process_loses_nothing_that_it_saved(path, worklist):
    delays = random.Random(5)
    for attempt in range(2):
        reviewer = f"R{attempt}"
        with start(path, worklist, reviewer, 100_000) as process:
            first = process.stdout.readline()
            time.sleep(delays.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            saved = len((first + process.stdout.read()).splitlines())
        found = reasons(path, worklist, reviewer)
        assert saved > 0
        assert found[:saved] == list(range(saved))
        assert len(found) <= saved + 1  # saved, and killed before it could say so
        with Desk(path) as desk:  # what counts is the newest version
            last = found[-1]
            assert desk.decision(worklist, IDS[last % 40], reviewer).reason == str(last)


def test_processes_share_a_desk(path, worklist):
    writers = [start(path, worklist, f"R{number % 2}", 60) for number in range(3)]  # two of them under one name
    for writer in writers:
        writer.stdout.read()
        assert writer.wait(60) == 0
        writer.stdout.close()
    assert reasons(path, worklist, "R1") == list(range(60))
    assert set(reasons(path, worklist, "R0")) == set(range(60))


def test_two_open_desks_see_each_others_decisions(path, worklist):
    with Desk(path) as first, Desk(path) as second:
        first.decide(worklist, IDS[1], "Ann", "silencer")
        assert second.decision(worklist, IDS[1], "Ann").decision == "silencer"
        second.delete_worklist(worklist)
        with pytest.raises(ValueError, match="may have been deleted"):
            first.decide(worklist, IDS[1], "Ann", "enhancer")


@pytest.mark.parametrize("size", [2, 50, 100, 4096, 9000])
def test_a_truncated_file_is_set_aside(path, worklist, size):
    content = path.read_bytes()[:size]
    path.write_bytes(content)
    with Desk(path) as desk:
        desk.worklists()
        assert "The vetting desk" in desk.notes[0]
        assert "was damaged" in desk.notes[0]
        (aside,) = path.parent.glob("*.damaged-*")
        assert aside.name in desk.notes[0]
        assert aside.read_bytes() == content
        again = desk.add_worklist("List", ELEMENTS)
        desk.decide(again, IDS[0], "Ann", "enhancer")
    with Desk(path) as desk:
        assert desk.notes == []
        assert desk.progress(again, "Ann").done == 1


def test_a_file_overwritten_during_use_is_set_aside(path, worklist):
    with Desk(path) as desk:
        with path.open("r+b") as file:
            file.write(b"\xa5" * path.stat().st_size)
        with pytest.raises(ValueError, match="no worklist"):
            desk.decide(worklist, IDS[0], "Ann", "silencer")
        assert "was damaged" in desk.notes[0]
        desk.add_worklist("New", ELEMENTS)


def test_random_damage_never_stops_the_desk(path, worklist):
    rng = random.Random(3)
    content = path.read_bytes()
    for case in range(25):
        damaged = bytearray(content)
        first = rng.randrange(len(content))
        damaged[first : first + rng.randrange(1, 5000)] = bytes([rng.randrange(256)]) * 50
        copy = path.with_name(f"{case}.sqlite")
        copy.write_bytes(bytes(damaged))
        # Either it goes on, with what is left or a new file, or it says in a sentence why not.
        with contextlib.suppress(DeskError, ValueError), Desk(copy) as desk:
            desk.worklists()
            new = desk.add_worklist("New", ELEMENTS)
            desk.decide(new, IDS[0], "Ann", "enhancer")
            assert desk.progress(new, "Ann").done == 1


def test_databases_of_others_are_left_alone(tmp_path):
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.close()
    store = tmp_path / "store.sqlite"
    Store(store).close()
    for path in (other, store):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="another program, and was left as it is"):
            Desk(path)
        assert path.read_bytes() == before
    desk = tmp_path / "desk.sqlite"
    Desk(desk).close()
    with pytest.raises(ValueError, match="another program"):
        Store(desk)


def test_a_newer_format_is_refused(path, worklist):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(ValueError, match="has format 9, this version reads up to 1"):
        Desk(path)


def test_a_locked_file_is_told_and_nothing_is_half_saved(path, worklist):
    with Desk(path, lock_seconds=0.1) as desk:
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DeskError, match=r"stayed locked by another process for 0\.1 seconds, so nothing was saved"):
            desk.decide(worklist, IDS[1], "Ann", "enhancer")
        assert desk.decision(worklist, IDS[0], "Ann").reason == "kept"  # reading goes on
        blocker.execute("ROLLBACK")
        blocker.close()
        desk.decide(worklist, IDS[1], "Ann", "enhancer")
        assert desk.progress(worklist, "Ann").done == 2


def test_a_folder_in_place_of_the_file_is_told(tmp_path):
    with pytest.raises(DeskError, match="can't be written"):
        Desk(tmp_path)


def test_a_closed_desk_says_so(path):
    desk = Desk(path)
    desk.close()
    desk.close()
    with pytest.raises(ValueError, match="is closed"):
        desk.worklists()
