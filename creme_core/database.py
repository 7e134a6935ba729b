"""One SQLite file of ours: made, recognised, opened by many processes, set aside when damaged.

What is in it, and what to do when it cannot be used, is `store`'s.
"""

import contextlib
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

__all__ = ["Database", "error_code", "transaction"]

T = TypeVar("T")

APPLICATION_ID = 0x43524D45  # "CRME" in the SQLite header tells our files from other programs' databases
SCHEMA_VERSION = 1

# Vectors have their own table: recording a time of last use then rewrites 100 bytes, not 21 kB.
SCHEMA = (
    """CREATE TABLE creme_models (
        id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, precision TEXT NOT NULL, UNIQUE (fingerprint, precision))""",
    """CREATE TABLE creme_entries (
        id INTEGER PRIMARY KEY, model INTEGER NOT NULL, digest TEXT NOT NULL, used INTEGER NOT NULL,
        bytes INTEGER NOT NULL, checksum INTEGER NOT NULL, UNIQUE (model, digest))""",
    "CREATE TABLE creme_vectors (id INTEGER PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE creme_totals (entries INTEGER NOT NULL, bytes INTEGER NOT NULL)",
    "INSERT INTO creme_totals VALUES (0, 0)",
    """CREATE TRIGGER creme_added AFTER INSERT ON creme_entries BEGIN
        UPDATE creme_totals SET entries = entries + 1, bytes = bytes + NEW.bytes; END""",
    """CREATE TRIGGER creme_removed AFTER DELETE ON creme_entries BEGIN
        DELETE FROM creme_vectors WHERE id = OLD.id;
        UPDATE creme_totals SET entries = entries - 1, bytes = bytes - OLD.bytes; END""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
TABLES = {"creme_models", "creme_entries", "creme_vectors", "creme_totals"}


class _IncompleteError(sqlite3.DatabaseError):
    """Our file, without all of our tables."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class Database:
    """The file behind a store, opened when first used and again when it was replaced. Not locked between threads.

    Args:
        path: absolute path of the file; it and its folder are made when missing.
        lock_seconds: how long to wait for another process's transaction.
        say: called with a plain sentence when a damaged file was set aside.

    Raises:
        ValueError: `path` is a database of another program or of a newer version of this one; it is left untouched.
    """

    def __init__(self, path: Path, lock_seconds: float, say: Callable[[str], None]) -> None:
        self.path = path
        self._lock_seconds = lock_seconds
        self._say = say
        self._connection: sqlite3.Connection | None = None
        self._disconnect: Callable[[], object] | None = None
        self._identity: tuple[int, int] | None = None
        self._read_only = False
        self._refuse_foreign()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    def run(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Return `action(connection)`; a damaged file is set aside first, and a new one made.

        Raises:
            sqlite3.Error, OSError: the file cannot be used; see `error_code`.
        """
        try:
            return action(self._current_connection())
        except sqlite3.DatabaseError as error:
            if self._read_only or error_code(error) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
            self._set_aside(error)
        return action(self._current_connection())

    def close(self) -> None:
        """Close the connection; the next `run` opens another."""
        if self._disconnect is not None:
            self._disconnect()
        self._connection = None

    def _current_connection(self) -> sqlite3.Connection:
        """Return the connection; open it when there is none, or when the file was replaced under our feet."""
        if self._connection is not None and self._identity != _identity(self.path):
            self.close()
        if self._connection is None:
            self._connection = self._connect()
            # A store that is never closed still closes its connection, when it is collected or at exit.
            self._disconnect = weakref.finalize(self, self._connection.close)
            self._identity = _identity(self.path)
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        self._read_only = False
        if _identity(self.path) is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._open("mode=rwc")
        except sqlite3.OperationalError as error:
            if not self.path.is_file() or error_code(error) not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                raise
        # A log cannot be made in a read-only folder: read the file as it stands.
        self._read_only = True
        return self._open("mode=ro&immutable=1")

    def _open(self, mode: str) -> sqlite3.Connection:
        connection = _sqlite(self.path, mode, self._lock_seconds)
        try:
            if mode == "mode=rwc":
                self._make_tables(connection)
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
            if not names >= TABLES or connection.execute("SELECT entries FROM creme_totals").fetchone() is None:
                raise _IncompleteError("tables are missing")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        """Make the tables in an empty file, in one transaction, and switch to the write-ahead log."""
        if _is_empty(connection):
            with transaction(connection):
                if _is_empty(connection):  # another process may have made them while this one waited for its turn
                    for statement in SCHEMA:
                        connection.execute(statement)
        deadline = time.monotonic() + self._lock_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                # Switching does not wait for a lock by itself.
                if error_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        # In this mode a killed process loses no transaction, a power cut at most the last ones, and neither damages.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 67108864")

    def _refuse_foreign(self) -> None:
        """Raise ValueError for a database that is not ours; the file is read without a lock, log or any change."""
        try:
            with contextlib.closing(_sqlite(self.path, "mode=ro&immutable=1", 0)) as connection:
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                (application,) = connection.execute("PRAGMA application_id").fetchone()
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        except sqlite3.DatabaseError:
            return  # no file, no database, or a damaged one: found out when it is opened for use
        if pages and application != APPLICATION_ID and "creme_entries" not in names:
            raise ValueError(
                f"{self.path} is a database of another program, and was left as it is:"
                " choose another path for the store."
            )
        if application == APPLICATION_ID and version > SCHEMA_VERSION:
            raise ValueError(
                f"The store {self.path} has format {version}, this version reads up to {SCHEMA_VERSION}:"
                " choose another path or update the program."
            )

    def _set_aside(self, error: Exception) -> None:
        """Rename a damaged file and its log, unless another process has done so already."""
        damaged = self._identity if self.is_open else _identity(self.path)
        self.close()
        if _identity(self.path) != damaged:
            return
        name = f"{self.path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.path.rename(self.path.with_name(name))
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).rename(self.path.with_name(name + suffix))
        self._say(f"The store {self.path} was damaged ({error}): it was renamed to {name} and a new one was started.")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all that happens inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # it is not after a full disk, which makes SQLite roll back by itself
            connection.execute("ROLLBACK")


def error_code(error: Exception) -> int | None:
    """Return SQLite's primary error code, None for an error of the operating system."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what stays the same while a path means the same file; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _sqlite(path: Path, mode: str, lock_seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, timeout=lock_seconds, isolation_level=None, check_same_thread=False
    )
