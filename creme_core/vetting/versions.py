"""Rows of the desk's file: worklists, elements and the versions of decisions, within an open transaction."""

import json
import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd

from creme_core.vetting.agreement import CATEGORIES as DECISIONS
from creme_core.vetting.element import ELEMENT_COLUMNS, plain_text

__all__ = [
    "DECISIONS",
    "HISTORY_COLUMNS",
    "PAUSE_SECONDS",
    "Decision",
    "append_version",
    "check_decision",
    "clean_name",
    "clean_reason",
    "count_elements",
    "current_decision",
    "element_position",
    "insert_elements",
    "insert_worklist",
    "last_step",
    "now",
    "utc_text",
    "worklist_number",
]

HISTORY_COLUMNS = ("element_id", "reviewer", "decision", "reason", "updated", "step", "origin")
LONGEST_NAME = 200
LONGEST_REASON = 20_000
# Edits of a reason with shorter pauses than this are one step to take back.
PAUSE_SECONDS = 2.0


class Decision(NamedTuple):
    """What a reviewer says on an element now.

    decision: one of DECISIONS, or "" while undecided; reason: free text; updated: ISO 8601, UTC, "" before the first.
    """

    decision: str = ""
    reason: str = ""
    updated: str = ""


def now() -> datetime:
    """The time in UTC; one place, so that a test can set the clock."""
    return datetime.now(UTC)


def utc_text(time: datetime) -> str:
    """ISO 8601 in UTC with microseconds: of two such texts the later time sorts after the earlier."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def clean_name(text: Any, what: str) -> str:
    """A name without white space around it, in Unicode's composed form (so that one name is one person).

    Raises:
        ValueError: no text, an empty or a too long one; `what` begins the sentence.
    """
    if not isinstance(text, str):
        raise ValueError(f"{what} is {text!r}; it must be text.")
    name = unicodedata.normalize("NFC", plain_text(text)).strip()
    if not name or len(name) > LONGEST_NAME:
        problem = f"has {len(name)} letters" if name else "is empty"
        raise ValueError(f"{what} {problem}; give 1 to {LONGEST_NAME}.")
    return name


def clean_reason(text: Any) -> str:
    """A reason as it may be stored, unchanged but for half surrogates; ValueError when it is no text or too long."""
    if not isinstance(text, str):
        raise ValueError(f"The reason is {text!r}; it must be text.")
    if len(text) > LONGEST_REASON:
        raise ValueError(f"The reason has {len(text):,} letters; at most {LONGEST_REASON:,} fit. Shorten it.")
    return plain_text(text)


def check_decision(decision: Any) -> None:
    """Raise a ValueError that lists what can be decided."""
    if not isinstance(decision, str) or decision not in (*DECISIONS, ""):
        raise ValueError(f"The decision is {decision!r}; it can be {', '.join(DECISIONS)}, or empty for undecided.")


def worklist_number(connection: sqlite3.Connection, worklist_id: str) -> int:
    """The row of a worklist; ValueError when there is none of that id."""
    row = connection.execute("SELECT id FROM vetting_worklists WHERE uid = ?", (str(worklist_id),)).fetchone()
    if row is None:
        raise ValueError(f"There is no worklist {worklist_id!r} here; it may have been deleted. Choose another one.")
    return row[0]


def element_position(connection: sqlite3.Connection, worklist: int, element_id: str) -> int:
    """Place of an element in its worklist, from 0; ValueError when it is not on it."""
    row = connection.execute(
        "SELECT position FROM vetting_elements WHERE worklist = ? AND element_id = ?", (worklist, str(element_id))
    ).fetchone()
    if row is None:
        raise ValueError(f"There is no element {element_id!r} on this worklist; choose one of its list.")
    return row[0]


def count_elements(connection: sqlite3.Connection, worklist: int) -> int:
    """How many elements a worklist has."""
    return connection.execute("SELECT count(*) FROM vetting_elements WHERE worklist = ?", (worklist,)).fetchone()[0]


def insert_worklist(
    connection: sqlite3.Connection, uid: str, name: str, table: pd.DataFrame, provenance: Mapping[str, Any] | None
) -> str:
    """Write a new worklist, under another name when its own is taken; returns its id.

    Raises:
        ValueError: a provenance that JSON can't hold.
    """
    try:
        origin = json.dumps(dict(provenance or {}), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"The worklist's provenance is not made of plain JSON types ({error}).") from None
    taken = {name for (name,) in connection.execute("SELECT name FROM vetting_worklists")}
    numbered = (name, *(f"{name[: LONGEST_NAME - 8]} ({number})" for number in range(2, len(taken) + 3)))
    free = next(candidate for candidate in numbered if candidate not in taken)
    added = connection.execute(
        "INSERT INTO vetting_worklists (uid, name, created, provenance) VALUES (?, ?, ?, ?)",
        (uid, free, utc_text(now()), origin),
    )
    insert_elements(connection, added.lastrowid, table)
    return uid


def insert_elements(connection: sqlite3.Connection, worklist: int, table: pd.DataFrame) -> int:
    """Append the elements, rows of ELEMENT_COLUMNS, that the worklist does not have; returns how many those are."""
    known = {
        element
        for (element,) in connection.execute("SELECT element_id FROM vetting_elements WHERE worklist = ?", (worklist,))
    }
    first = len(known)
    new = table.loc[~table["element_id"].isin(known)].drop_duplicates("element_id")
    columns = [new[column].tolist() for column in ELEMENT_COLUMNS]
    connection.executemany(
        f"INSERT INTO vetting_elements VALUES (?, ?{', ?' * len(ELEMENT_COLUMNS)})",
        [(worklist, first + row, *values) for row, values in enumerate(zip(*columns, strict=True))],
    )
    return len(new)


def current_decision(connection: sqlite3.Connection, worklist: int, element_id: str, reviewer: str) -> Decision:
    """What counts now."""
    row = connection.execute(
        "SELECT decision, reason, updated FROM vetting_decisions"
        " WHERE worklist = ? AND reviewer = ? AND element_id = ?",
        (worklist, reviewer, element_id),
    ).fetchone()
    return Decision(*row) if row else Decision()


def append_version(
    connection: sqlite3.Connection,
    worklist: int,
    element_id: str,
    reviewer: str,
    decision: str,
    reason: str,
    step: str,
) -> Decision:
    """Add the newest version of a decision.

    Its time is later than that of the version before, whatever the clock says, for the newest is what counts.
    """
    before = current_decision(connection, worklist, element_id, reviewer).updated
    updated = utc_text(now())
    if before >= updated:
        updated = utc_text(datetime.fromisoformat(before) + timedelta(microseconds=1))
    connection.execute(
        "INSERT INTO vetting_versions (worklist, element_id, reviewer, decision, reason, updated, step, origin)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, '')",
        (worklist, element_id, reviewer, decision, reason, updated, step),
    )
    connection.execute(
        "INSERT OR REPLACE INTO vetting_decisions VALUES (?, ?, ?, ?, ?, ?)",
        (worklist, reviewer, element_id, decision, reason, updated),
    )
    return Decision(decision, reason, updated)


def last_step(steps: Sequence[tuple[int, str, str, str]]) -> int:
    """How many of the versions (id, decision, reason, updated), oldest first, are the last step to take back.

    One, or as many as edits of one reason follow each other with pauses below PAUSE_SECONDS.
    """
    decisions = [decision for _, decision, _, _ in steps]
    times = [datetime.fromisoformat(updated) for _, _, _, updated in steps]

    def is_edit(index: int) -> bool:
        return decisions[index] == (decisions[index - 1] if index else "")

    first = len(steps) - 1
    while first > 0 and is_edit(first) and is_edit(first - 1):
        if times[first] - times[first - 1] >= timedelta(seconds=PAUSE_SECONDS):
            break
        first -= 1
    return len(steps) - first
