"""Damaged files are renamed and rebuilt and never serve a wrong number; other people's databases are not touched."""

import contextlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from creme_core.store import Store

DIGESTS = [f"{number:032x}" for number in range(40)]
VALUES = np.random.default_rng(1).normal(size=(40, 700)).astype(np.float32)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("healthy") / "store.sqlite"
    with Store(path) as store:
        store.save("model", "float32", DIGESTS[:25], VALUES[:25])
        store.save("model", "float32", DIGESTS[25:], VALUES[25:])
    return path.read_bytes()


def use(path: Path) -> tuple[int, list[str]]:
    """Read and write the store at `path`; return how many entries it still had, and its notes."""
    with Store(path) as store:
        found = store.load("model", "float32", DIGESTS)
        for digest, vector in found.items():
            np.testing.assert_array_equal(vector, VALUES[DIGESTS.index(digest)])
        store.save("model", "float32", DIGESTS, VALUES)
        assert len(store.load("model", "float32", DIGESTS)) == 40
        notes = store.notes
    with Store(path) as store:
        assert len(store.load("model", "float32", DIGESTS)) == 40
        assert store.notes == []
    return len(found), notes


def damage(content: bytes, offset: int, length: int, value: int = 0xA5) -> bytes:
    return content[:offset] + bytes([value]) * min(length, len(content) - offset) + content[offset + length :]


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 16), (0, 4096), (16, 84), (60, 12), (100, 12), (100, 3996), (4096, 4096), (4096 * 3, 4096 * 4)],
)
@pytest.mark.parametrize("value", [0x00, 0xA5])
def test_damage_to_the_bookkeeping_sets_the_file_aside(tmp_path, healthy, offset, length, value):
    path = tmp_path / "store.sqlite"
    damaged = damage(healthy, offset, length, value)
    path.write_bytes(damaged)
    found, notes = use(path)
    aside = sorted(tmp_path.glob("store.sqlite.damaged-*"))
    if offset == 60:  # the application's mark and version: the tables' names still tell that it is ours
        assert (found, aside, notes) == (40, [], [])
        return
    assert [file.read_bytes() for file in aside] == [damaged]
    assert "was damaged" in notes[0]
    assert aside[0].name in notes[0]


@pytest.mark.parametrize("size", [2, 10, 100, 1000, 4096, 20_000, 100_000])
def test_truncated_file_is_set_aside(tmp_path, healthy, size):
    path = tmp_path / "store.sqlite"
    path.write_bytes(healthy[:size])
    found, notes = use(path)
    assert found < 40
    assert [file.read_bytes() for file in tmp_path.glob("*.damaged-*")] == [healthy[:size]]
    assert "was damaged" in notes[0]


def test_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "store.sqlite").touch()
    assert use(tmp_path / "store.sqlite") == (0, [])


def test_file_that_is_no_database_is_kept_under_another_name(tmp_path):
    path = tmp_path / "store.sqlite"
    path.write_text("gene\tchrom\tstart\n" * 400)
    found, notes = use(path)
    assert found == 0
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_text() == "gene\tchrom\tstart\n" * 400
    assert aside.name in notes[0]


def test_one_flipped_bit_in_a_value_is_noticed(tmp_path, healthy):
    path = tmp_path / "store.sqlite"
    offset = healthy.index(VALUES[7].tobytes()[:400]) + 200
    path.write_bytes(damage(healthy, offset, 1, healthy[offset] ^ 1))
    found, notes = use(path)
    assert found == 39
    assert "1 damaged entries" in notes[0]
    assert not list(tmp_path.glob("*.damaged-*"))


def test_random_damage_never_gives_a_wrong_number(tmp_path, healthy):
    rng = np.random.default_rng(3)
    for case in range(60):
        folder = tmp_path / str(case)
        folder.mkdir()
        offset, length = rng.integers(len(healthy)), rng.integers(1, 5000)
        damaged = damage(healthy, int(offset), int(length), int(rng.integers(256)))
        if case % 3 == 0:
            damaged = damaged[: int(rng.integers(1, len(damaged)))]
        (folder / "store.sqlite").write_bytes(damaged)
        use(folder / "store.sqlite")


def test_damage_during_use_loses_nothing_that_is_computed_next(tmp_path, healthy):
    path = tmp_path / "store.sqlite"
    path.write_bytes(healthy)
    with Store(path) as store:
        with path.open("r+b") as file:  # the same file, overwritten while it is open
            file.write(b"\xa5" * len(healthy))
        other = VALUES[:3] * 2
        store.save("other model", "float32", DIGESTS[:3], other)
        found = store.load("other model", "float32", DIGESTS[:3])
        np.testing.assert_array_equal([found[digest] for digest in DIGESTS[:3]], other)
        assert "was damaged" in store.notes[0]
    with Store(path) as store:
        assert len(store.load("other model", "float32", DIGESTS)) == 3


def test_deleted_file_is_made_again(tmp_path):
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.save("model", "float32", DIGESTS[:2], VALUES[:2])
        for file in tmp_path.iterdir():
            file.unlink()
        assert store.load("model", "float32", DIGESTS) == {}
        store.save("model", "float32", DIGESTS[2:5], VALUES[2:5])
    with Store(path) as store:
        assert set(store.load("model", "float32", DIGESTS)) == set(DIGESTS[2:5])


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("on_error", ["memory", "raise"])
def test_database_of_another_program_is_refused_and_untouched(tmp_path, journal_mode, on_error):
    path = tmp_path / "photos.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        with connection:
            connection.execute("CREATE TABLE photos (name TEXT)")
            connection.execute("INSERT INTO photos VALUES ('cat')")
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        with pytest.raises(ValueError, match="database of another program"):
            Store(path, on_error=on_error)
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="choose another path"):
        Store(path, on_error=on_error)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_store_of_a_newer_version_is_refused_and_untouched(tmp_path):
    path = tmp_path / "store.sqlite"
    Store(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="has format 99"):
        Store(path)
    assert path.read_bytes() == before


def test_tables_that_are_missing_count_as_damage(tmp_path, healthy):
    path = tmp_path / "store.sqlite"
    path.write_bytes(healthy)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE creme_totals")
    found, notes = use(path)
    assert found == 0
    assert "was damaged (tables are missing)" in notes[0]
