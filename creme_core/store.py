"""Where predictions are kept, so that no sequence is given to the same model twice.

`MemoryStore` and `Store` (one SQLite file, shared by any number of processes and threads) answer the same calls. A
prediction is filed under the model's fingerprint, the precision and the digest of the sequence: entries of another
model or precision are never returned.
"""

import contextlib
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import numpy as np

from creme_core.database import Database, error_code, transaction

__all__ = ["MemoryStore", "Store", "StoreError", "StoreStats"]

# What an entry costs besides its vector (keys, two index entries, row headers), as measured on a full file.
ENTRY_OVERHEAD = 200
# Share of the cap freed by one eviction, so that a full store does not evict on every save.
EVICTED_SHARE = 0.02
# SQLite takes at most 999 parameters in its oldest builds.
DIGESTS_PER_QUERY = 500
# After a failed write the file is left alone for this long, so that a locked file does not delay every batch.
RETRY_SECONDS = 60.0
# Times of last use are written with the next save, or by a load once they are this old.
USE_SECONDS = 60.0

T = TypeVar("T")


class StoreError(Exception):
    """The store's file cannot be used, and the caller asked to be told (`on_error="raise"`)."""


class StoreStats(NamedTuple):
    """What a store holds: number of predictions, and their bytes with the bookkeeping."""

    entries: int
    bytes: int


class MemoryStore:
    """Predictions kept for the life of this object. Safe to share between threads.

    Attributes:
        notes: plain sentences about what went wrong; always empty here, present because `Store` has them.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._vectors: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        self._lock = threading.Lock()

    def load(self, fingerprint: str, precision: str, digests: Iterable[str]) -> dict[str, np.ndarray]:
        """Return the stored predictions among `digests`.

        Returns:
            digest -> float32 (tracks,), read-only; digests that are not stored are absent.
        """
        with self._lock:
            vectors = self._vectors.get((fingerprint, precision), {})
            return {digest: vectors[digest] for digest in digests if digest in vectors}

    def save(self, fingerprint: str, precision: str, digests: Sequence[str], activity: np.ndarray) -> None:
        """Keep a copy of `activity`, (len(digests), tracks), as float32; what is stored already stays as it is.

        Raises:
            ValueError: the number of rows is not the number of digests.
        """
        rows = _rows(digests, activity)
        with self._lock:
            vectors = self._vectors.setdefault((fingerprint, precision), {})
            for digest, row in zip(digests, rows, strict=True):
                vectors.setdefault(digest, row)

    def stats(self) -> StoreStats:
        """Count predictions and bytes."""
        with self._lock:
            vectors = [vector for group in self._vectors.values() for vector in group.values()]
        return StoreStats(len(vectors), sum(vector.nbytes + ENTRY_OVERHEAD for vector in vectors))

    def close(self) -> None:
        """Do nothing; `Store` has it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _groups(self) -> dict[tuple[str, str], dict[str, np.ndarray]]:
        """(fingerprint, precision) -> digest -> vector; for `Store`, which holds here what is not written yet."""
        return self._vectors


class Store:
    """Predictions in one SQLite file (write-ahead log), raw little-endian float32, shared by processes and threads.

    A `save` is one transaction: a killed process loses at most the batch it was writing. Above `max_bytes` the
    predictions used longest ago are dropped; the cap counts vectors and their bookkeeping, the file itself may be
    some percent larger and never shrinks (freed pages are used again). A damaged file is renamed, never deleted, and
    a new one is started. Where the file cannot be used (full disk, read-only folder, locked for `lock_seconds`), what
    was computed is held in memory, still found by `load`, and written when the file can be used again.

    Args:
        path: the file; it and its folder are made when missing.
        max_bytes: cap on stored bytes.
        on_error: "memory" goes on in memory and says so in `notes`; "raise" raises `StoreError` instead.
        lock_seconds: how long to wait for another process's transaction.

    Attributes:
        notes: plain sentences about what went wrong, each once.

    Raises:
        ValueError: an argument is out of range, or `path` is a database of another program or of a newer version of
            this one, which is left untouched.
        StoreError: the file cannot be used, with `on_error="raise"`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        max_bytes: int = 10_000_000_000,
        *,
        on_error: str = "memory",
        lock_seconds: float = 10.0,
    ) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes is {max_bytes}; give the store's size in bytes, 1 or more.")
        if on_error not in ("memory", "raise"):
            raise ValueError(f'on_error is {on_error!r}; it can be "memory" or "raise".')
        self.path = Path(path).expanduser().absolute()
        self.max_bytes = int(max_bytes)
        self.notes: list[str] = []
        self._on_error = on_error
        self._lock_seconds = lock_seconds
        self._lock = threading.RLock()
        self._held = MemoryStore()  # computed, not written yet
        self._used: dict[int, int] = {}  # entry id -> time of last use in ns, not written yet
        self._use_written = time.monotonic()
        self._retry_at = 0.0
        self._closed = False
        self._database = Database(self.path, lock_seconds, self._say)
        self.stats()  # opens the file, so that what is wrong with it is known before anything is computed

    def load(self, fingerprint: str, precision: str, digests: Iterable[str]) -> dict[str, np.ndarray]:
        """Return the stored predictions among `digests`.

        Returns:
            digest -> float32 (tracks,), read-only; digests that are not stored are absent.
        """
        wanted = list(dict.fromkeys(digests))
        with self._lock:
            found = self._held.load(fingerprint, precision, wanted)
            missing = [digest for digest in wanted if digest not in found]
            if missing:
                read = self._attempt(lambda connection: self._read(connection, fingerprint, precision, missing))
                found |= read or {}
            return found

    def save(self, fingerprint: str, precision: str, digests: Sequence[str], activity: np.ndarray) -> None:
        """Write `activity`, (len(digests), tracks), as float32, in one transaction; what is stored already stays.

        Raises:
            ValueError: the number of rows is not the number of digests.
            StoreError: it cannot be written, with `on_error="raise"`; `load` finds it all the same.
        """
        with self._lock:
            self._held.save(fingerprint, precision, digests, activity)
            self._write()

    def stats(self) -> StoreStats:
        """Count predictions and bytes, those waiting in memory included."""
        with self._lock:
            row = self._attempt(
                lambda connection: connection.execute("SELECT entries, bytes FROM creme_totals").fetchone()
            )
            held = self._held.stats()
        entries, stored = row or (0, 0)
        return StoreStats(entries + held.entries, stored + held.bytes)

    def close(self) -> None:
        """Try once more to write what is held in memory, then close the file. Closing twice does nothing."""
        with self._lock:
            if self._closed:
                return
            try:
                self._retry_at = 0.0
                if self._used or self._held.stats().entries:
                    self._write()
            finally:
                self._closed = True
                self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # -- reading and writing, with an open connection --

    def _read(
        self, connection: sqlite3.Connection, fingerprint: str, precision: str, digests: list[str]
    ) -> dict[str, np.ndarray]:
        model = connection.execute(
            "SELECT id FROM creme_models WHERE fingerprint = ? AND precision = ?", (fingerprint, precision)
        ).fetchone()
        if model is None:
            return {}
        found, damaged, now = {}, [], time.time_ns()
        keys = {digest.encode(): digest for digest in digests}
        for first in range(0, len(digests), DIGESTS_PER_QUERY):
            chunk = digests[first : first + DIGESTS_PER_QUERY]
            rows = connection.execute(
                "SELECT id, CAST(digest AS BLOB), checksum, value FROM creme_entries"
                f" LEFT JOIN creme_vectors USING (id) WHERE model = ? AND digest IN ({','.join('?' * len(chunk))})",
                (*model, *chunk),
            )
            for entry, key, checksum, value in rows:
                digest = keys.get(key)
                # SQLite does not notice a flipped bit inside a value; a wrong prediction must never be served.
                if not isinstance(value, bytes) or checksum != _checksum(fingerprint, precision, digest, value):
                    damaged.append((entry,))
                    continue
                found[digest] = np.frombuffer(value, "<f4").astype(np.float32, copy=False)
                self._used[entry] = now
        if damaged:
            self._say(
                f"The store {self.path} has {len(damaged)} damaged entries, which are dropped and computed again."
            )
        if damaged or time.monotonic() - self._use_written > USE_SECONDS:
            # A store that is busy or cannot be written still serves what it has.
            with contextlib.suppress(sqlite3.OperationalError), transaction(connection):
                connection.executemany("DELETE FROM creme_entries WHERE id = ?", damaged)
                self._write_use(connection)
        return found

    def _write(self) -> None:
        """Write everything that is held in memory, unless a write failed a moment ago."""
        if self._on_error == "memory" and time.monotonic() < self._retry_at:
            return
        if self._attempt(self._write_held, writing=True):
            self._held = MemoryStore()

    def _write_held(self, connection: sqlite3.Connection) -> bool:
        with transaction(connection):
            self._write_use(connection)
            for (fingerprint, precision), vectors in self._held._groups().items():
                key = (fingerprint, precision)
                connection.execute("INSERT OR IGNORE INTO creme_models (fingerprint, precision) VALUES (?, ?)", key)
                (model,) = connection.execute(
                    "SELECT id FROM creme_models WHERE fingerprint = ? AND precision = ?", key
                ).fetchone()
                for digest, vector in vectors.items():
                    value = vector.astype("<f4", copy=False).tobytes()
                    checksum = _checksum(fingerprint, precision, digest, value)
                    added = connection.execute(
                        "INSERT OR IGNORE INTO creme_entries (model, digest, used, bytes, checksum)"
                        " VALUES (?, ?, ?, ?, ?)",
                        (model, digest, time.time_ns(), len(value) + ENTRY_OVERHEAD, checksum),
                    )
                    if added.rowcount:
                        connection.execute(
                            "INSERT OR REPLACE INTO creme_vectors VALUES (?, ?)", (added.lastrowid, value)
                        )
            self._evict(connection)
        return True

    def _write_use(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "UPDATE creme_entries SET used = max(used, ?) WHERE id = ?",
            [(used, entry) for entry, used in self._used.items()],
        )
        self._used = {}
        self._use_written = time.monotonic()

    def _evict(self, connection: sqlite3.Connection) -> None:
        """Drop what was used longest ago until the store is a little under its cap."""
        (stored,) = connection.execute("SELECT bytes FROM creme_totals").fetchone()
        if stored <= self.max_bytes:
            return
        surplus = stored - int(self.max_bytes * (1 - EVICTED_SHARE))
        dropped = []
        for entry, size in connection.execute("SELECT id, bytes FROM creme_entries ORDER BY used, id"):
            if surplus <= 0:
                break
            dropped.append((entry,))
            surplus -= size
        connection.executemany("DELETE FROM creme_entries WHERE id = ?", dropped)

    # -- when the file cannot be used --

    def _attempt(self, action: Callable[[sqlite3.Connection], T], writing: bool = False) -> T | None:
        """Return `action(connection)`; None, with a note, where the file cannot be used."""
        if self._closed:
            raise ValueError(f"The store {self.path} is closed; open it again with Store(path).")
        if self._on_error == "memory" and not self._database.is_open and time.monotonic() < self._retry_at:
            return None
        try:
            return self._database.run(action)
        except sqlite3.ProgrammingError:  # a mistake of ours, not a trouble with the file
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            if not writing:  # after a failed write, on a full disk say, what is stored can still be read
                self._database.close()
            return self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._retry_at = time.monotonic() + RETRY_SECONDS
        code = error_code(error)
        if code == sqlite3.SQLITE_FULL:
            problem, remedy = "is on a full disk", "free some space"
        elif code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            problem = f"stayed locked by another process for {self._lock_seconds:g} seconds"
            remedy = "end that process"
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM) or code is None:
            problem, remedy = f"cannot be written ({error})", "make the file and its folder writable"
        else:
            problem, remedy = f"cannot be used ({error})", "check the disk"
        if self._on_error == "raise":
            raise StoreError(f"The store {self.path} {problem}: {remedy}, or choose another path.") from error
        self._say(
            f"The store {self.path} {problem}: new predictions are held in memory and written when that is over;"
            f" to keep them, {remedy} or choose another path."
        )

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def _rows(digests: Sequence[str], activity: np.ndarray) -> list[np.ndarray]:
    """Return one read-only float32 (tracks,) copy a digest."""
    if activity.ndim != 2 or len(activity) != len(digests):
        raise ValueError(
            f"Got {len(digests)} digests and activity of shape {activity.shape}; give one row of tracks a digest."
        )
    rows = [np.array(row, dtype=np.float32) for row in activity]
    for row in rows:
        row.flags.writeable = False
    return rows


def _checksum(fingerprint: str, precision: str, digest: str | None, value: bytes) -> int:
    """Return the CRC-32 of a vector and its key, so that damage to either is noticed."""
    return zlib.crc32(value, zlib.crc32(f"{fingerprint}\0{precision}\0{digest}".encode()))
