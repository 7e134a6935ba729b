"""The desk's SQLite file: its tables, how it is recognised, and what is said when it can't be used."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from creme_core.database import Database, error_code, transaction
from creme_core.home import home

__all__ = ["DeskError", "DeskFile", "SharedFile", "vetting_path"]

T = TypeVar("T")

APPLICATION_ID = 0x43525654  # "CRVT"
FORMAT = 1

# A version is never changed or removed while its worklist is there, save for its mark in `step` ("" for a decision,
# "undone" for one that was taken back, "undo" for what taking back restored). `vetting_decisions` repeats the newest.
SCHEMA = (
    """CREATE TABLE vetting_worklists (
        id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
        created TEXT NOT NULL, provenance TEXT NOT NULL)""",
    """CREATE TABLE vetting_elements (
        worklist INTEGER NOT NULL, position INTEGER NOT NULL, element_id TEXT NOT NULL, chrom TEXT NOT NULL,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL, gene TEXT NOT NULL, cell_line TEXT NOT NULL,
        kind TEXT NOT NULL, score REAL, source TEXT NOT NULL, name TEXT NOT NULL,
        PRIMARY KEY (worklist, position), UNIQUE (worklist, element_id)) WITHOUT ROWID""",
    """CREATE TABLE vetting_versions (
        id INTEGER PRIMARY KEY, worklist INTEGER NOT NULL, element_id TEXT NOT NULL, reviewer TEXT NOT NULL,
        decision TEXT NOT NULL, reason TEXT NOT NULL, updated TEXT NOT NULL, step TEXT NOT NULL, origin TEXT NOT NULL,
        UNIQUE (worklist, element_id, reviewer, updated, decision, reason))""",
    "CREATE INDEX vetting_versions_by_time ON vetting_versions (worklist, reviewer, updated)",
    """CREATE TABLE vetting_decisions (
        worklist INTEGER NOT NULL, reviewer TEXT NOT NULL, element_id TEXT NOT NULL, decision TEXT NOT NULL,
        reason TEXT NOT NULL, updated TEXT NOT NULL, PRIMARY KEY (worklist, reviewer, element_id)) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)
TABLES = {"vetting_worklists", "vetting_elements", "vetting_versions", "vetting_decisions"}


def vetting_path() -> Path:
    """The file of worklists and decisions that the dashboard uses unless told otherwise."""
    return home() / "vetting.sqlite"


class DeskError(OSError):
    """The desk's file can't be used now (locked, full disk, read-only); nothing was saved."""


class _IncompleteError(sqlite3.DatabaseError):
    """Our file, without all of our tables."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class DeskFile(Database):
    """A `Database` with the desk's tables; arguments and errors are those of `Database`."""

    def _open(self, mode: str) -> sqlite3.Connection:
        connection = _connect(self.path, mode, self._lock_seconds)
        try:
            if mode == "mode=rwc":
                self._make_tables(connection)
            if not _tables(connection) >= TABLES:
                raise _IncompleteError("tables are missing")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        if not _tables(connection):
            with transaction(connection):
                if not _tables(connection):  # another process may have made them meanwhile
                    for statement in SCHEMA:
                        connection.execute(statement)
        super()._make_tables(connection)  # finds the tables made, and switches to the write-ahead log
        # A prediction can be computed again, a decision can't: each one reaches the disk before it counts as saved.
        connection.execute("PRAGMA synchronous = FULL")

    def _refuse_foreign(self) -> None:
        try:
            with contextlib.closing(_connect(self.path, "mode=ro&immutable=1", 0)) as connection:
                (application,) = connection.execute("PRAGMA application_id").fetchone()
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                names = _tables(connection)
        except sqlite3.DatabaseError:
            return  # no file, no database, or a damaged one: found out when it is opened for use
        if names and application != APPLICATION_ID and not names & TABLES:
            raise ValueError(
                f"{self.path} is a database of another program, and was left as it is:"
                " choose another path for the vetting desk."
            )
        if application == APPLICATION_ID and version > FORMAT:
            raise ValueError(
                f"The vetting desk {self.path} has format {version}, this version reads up to {FORMAT}:"
                " choose another path or update the program."
            )


class SharedFile:
    """A desk's file, used by one thread of this process at a time and by any number of processes.

    Args:
        path: the file; None is `vetting_path()`. It and its folder are made when missing.
        lock_seconds: how long to wait for another process's transaction.

    Attributes:
        notes: plain sentences about what went wrong, such as a damaged file that was set aside.

    Raises:
        ValueError: `path` is a database of another program or of a newer version, which is left untouched.
        DeskError: the file can't be used; also in every method.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, lock_seconds: float = 5.0) -> None:
        self.path = (vetting_path() if path is None else Path(path)).expanduser().absolute()
        self.notes: list[str] = []
        self._lock_seconds = lock_seconds
        self._lock = threading.RLock()
        self._closed = False
        self._file = DeskFile(self.path, lock_seconds, self._say)
        self.run(lambda _connection: None)  # what is wrong with the file is known before anything is decided

    def run(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Return `action(connection)`, which only reads."""
        with self._lock:
            if self._closed:
                raise ValueError(f"The vetting desk {self.path} is closed; open it again with Desk(path).")
            try:
                return self._file.run(action)
            except sqlite3.ProgrammingError:  # a mistake of ours, not a trouble with the file
                raise
            except (sqlite3.DatabaseError, OSError) as error:
                raise self._cannot(error) from error

    def write(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Return `action(connection)`, all of whose changes are saved, or none when it raises."""

        def whole(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return action(connection)

        return self.run(whole)

    def close(self) -> None:
        """Close the file; everything is saved already. Closing twice does nothing."""
        with self._lock:
            self._closed = True
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _cannot(self, error: Exception) -> DeskError:
        code = error_code(error)
        if code == sqlite3.SQLITE_FULL:
            problem, remedy = "is on a full disk", "free some space"
        elif code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            problem = f"stayed locked by another process for {self._lock_seconds:g} seconds"
            remedy = "end that process"
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM) or code is None:
            problem, remedy = f"can't be written ({error})", "make the file and its folder writable"
        else:
            problem, remedy = f"can't be used ({error})", "check the disk"
        return DeskError(f"The vetting desk {self.path} {problem}, so nothing was saved: {remedy}, then try again.")

    def _say(self, note: str) -> None:
        note = note.replace("The store", "The vetting desk", 1)
        if note not in self.notes:
            self.notes.append(note)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


def _connect(path: Path, mode: str, lock_seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, timeout=lock_seconds, isolation_level=None, check_same_thread=False
    )
