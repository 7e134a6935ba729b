"""A full disk, a read-only folder, a lock that stays: one plain sentence, and nothing that was computed is lost."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest

from creme_core import store as store_module
from creme_core.store import Store, StoreError

REPOSITORY = Path(__file__).parents[2]
DIGESTS = [f"{number:032x}" for number in range(12)]
VALUES = np.random.default_rng(2).normal(size=(12, 4000)).astype(np.float32)


@pytest.fixture
def full_disk(monkeypatch):
    """Make SQLite believe that the disk takes no more than 40 pages; returns a way to free it."""
    limits = [40]
    connect = sqlite3.connect

    def connect_to_small_disk(*arguments, **settings):
        connection = connect(*arguments, **settings)
        connection.execute(f"PRAGMA max_page_count = {limits[-1]}")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_to_small_disk)
    return lambda: limits.append(100_000)


def test_full_disk_goes_on_in_memory(tmp_path, full_disk):
    with Store(tmp_path / "store.sqlite") as store:
        store.save("model", "float32", DIGESTS[:3], VALUES[:3])
        store.save("model", "float32", DIGESTS[3:], VALUES[3:])  # does not fit
        found = store.load("model", "float32", DIGESTS)
        np.testing.assert_array_equal([found[digest] for digest in DIGESTS], VALUES)
        assert store.stats().entries == 12
        assert len(store.notes) == 1
        assert "is on a full disk: new predictions are held in memory" in store.notes[0]
    with Store(tmp_path / "store.sqlite") as store:
        assert set(store.load("model", "float32", DIGESTS)) == set(DIGESTS[:3])  # a batch is written whole or not


def test_what_was_held_is_written_once_there_is_room(tmp_path, full_disk, monkeypatch):
    monkeypatch.setattr(store_module, "RETRY_SECONDS", 0.0)
    with Store(tmp_path / "store.sqlite") as store:
        store.save("model", "float32", DIGESTS[:11], VALUES[:11])
        assert "full disk" in store.notes[0]
        full_disk()
        for file in tmp_path.iterdir():  # makes the store connect again, now with room
            file.unlink()
        store.save("model", "float32", DIGESTS[11:], VALUES[11:])
    with Store(tmp_path / "store.sqlite") as store:
        assert len(store.load("model", "float32", DIGESTS)) == 12


def test_failed_file_is_left_alone_for_a_while(tmp_path, full_disk, monkeypatch):
    with Store(tmp_path / "store.sqlite") as store:
        store.save("model", "float32", DIGESTS[:11], VALUES[:11])
        monkeypatch.setattr(store, "_write_held", lambda connection: pytest.fail("tried again at once"))
        store.save("model", "float32", DIGESTS[11:], VALUES[11:])
        assert len(store.load("model", "float32", DIGESTS)) == 12
        monkeypatch.undo()


def test_full_disk_can_stop_the_run(tmp_path, full_disk):
    store = Store(tmp_path / "store.sqlite", on_error="raise")
    with pytest.raises(StoreError, match="is on a full disk: free some space, or choose another path"):
        store.save("model", "float32", DIGESTS, VALUES)
    assert len(store.load("model", "float32", DIGESTS)) == 12
    with pytest.raises(StoreError, match="full disk"):
        store.close()  # what is still held is tried a last time


def test_locked_store_goes_on_in_memory_and_still_reads(tmp_path):
    path = tmp_path / "store.sqlite"
    with Store(path, lock_seconds=0.05) as store:
        store.save("model", "float32", DIGESTS[:3], VALUES[:3])
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            store.save("model", "float32", DIGESTS[3:], VALUES[3:])
            found = store.load("model", "float32", DIGESTS)
            np.testing.assert_array_equal([found[digest] for digest in DIGESTS], VALUES)
            assert "stayed locked by another process for 0.05 seconds" in store.notes[0]
    with Store(path) as store:  # closing wrote what was held
        assert len(store.load("model", "float32", DIGESTS)) == 12


def test_locked_store_can_stop_the_run(tmp_path):
    path = tmp_path / "store.sqlite"
    with (
        Store(path, on_error="raise", lock_seconds=0.05) as store,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="stayed locked"):
            store.save("model", "float32", DIGESTS, VALUES)
        other.execute("ROLLBACK")


@pytest.mark.parametrize("in_the_way", ["folder at the path", "file as the folder"])
def test_path_that_cannot_be_a_file_goes_on_in_memory(tmp_path, in_the_way):
    path = tmp_path / "taken" / "store.sqlite"
    if in_the_way == "folder at the path":
        path.mkdir(parents=True)
    else:
        path.parent.write_text("a file")
    with Store(path) as store:
        assert "cannot be written" in store.notes[0]
        store.save("model", "float32", DIGESTS, VALUES)
        assert len(store.load("model", "float32", DIGESTS)) == 12
        assert len(store.notes) == 1
    with pytest.raises(StoreError, match="choose another path"):
        Store(path, on_error="raise")


READ_ONLY = """
    import os, sys
    import numpy as np
    from creme_core.store import Store, StoreError

    # Imports whatever it needs while this process may still read Python's own files.
    with Store(sys.argv[3]) as elsewhere:
        elsewhere.save("model", "float32", ["a"], np.zeros((1, 5), np.float32))
    if os.geteuid() == 0:  # permissions do not bind root: become nobody
        os.setgroups([])
        os.setegid(65534)
        os.seteuid(65534)
    path = sys.argv[1]
    values = np.arange(10, dtype=np.float32).reshape(2, 5)
    with Store(path) as store:
        assert len(store.load("model", "float32", ["a", "b"])) == int(sys.argv[2]), store.notes
        store.save("model", "float32", ["c", "d"], values)
        assert (store.load("model", "float32", ["d"])["d"] == values[1]).all()
    assert len(store.notes) == 1, store.notes
    print(store.notes[0])
    try:
        Store(path, on_error="raise").save("model", "float32", ["c", "d"], values)
    except StoreError as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions are needed")
@pytest.mark.parametrize("what", ["file", "folder with a store", "folder without a store"])
def test_read_only_store_is_read_and_new_predictions_stay_in_memory(tmp_path, what):
    with tempfile.TemporaryDirectory() as name:  # pytest's own temporary folders are closed to other users
        folder = Path(name)
        path = folder / "store.sqlite"
        if what != "folder without a store":
            with Store(path) as store:
                store.save("model", "float32", ["a", "b"], VALUES[:2])
            path.chmod(0o444)
        folder.chmod(0o777 if what == "file" else 0o555)
        before = path.read_bytes() if path.exists() else None
        run = subprocess.run(
            [
                *(sys.executable, "-W", "error", "-c", textwrap.dedent(READ_ONLY)),
                *(str(path), "02"[path.exists()], str(tmp_path / "elsewhere.sqlite")),
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        if "Operation not permitted" in run.stderr:
            pytest.skip("root cannot become another user here")
        assert run.returncode == 0, run.stderr
        note, error = run.stdout.splitlines()
        assert "cannot be written" in note
        assert "held in memory" in note
        assert "make the file and its folder writable, or choose another path" in error
        assert (path.read_bytes() if path.exists() else None) == before
        assert not list(folder.glob("*damaged*"))
        folder.chmod(0o755)
