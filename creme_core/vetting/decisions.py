"""The vetting desk: worklists of putative elements and what each reviewer decided on each, in one SQLite file.

Every change is one transaction that is on the disk before the call returns. Nothing that a reviewer decided or wrote
is overwritten: the newest version counts, the earlier ones stay in the history.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from creme_core.vetting.agreement import Agreement, agreement
from creme_core.vetting.desk_file import SharedFile
from creme_core.vetting.element import ELEMENT_COLUMNS, Element, counted, element_from_row, element_table
from creme_core.vetting.versions import (
    HISTORY_COLUMNS,
    Decision,
    append_version,
    check_decision,
    clean_name,
    clean_reason,
    count_elements,
    current_decision,
    element_position,
    insert_worklist,
    last_step,
    worklist_number,
)

__all__ = ["Desk", "Progress", "Undone"]

_COLUMNS = ", ".join(f'"{column}"' for column in ELEMENT_COLUMNS)
_PREFIXED = ", ".join(f'e."{column}"' for column in ELEMENT_COLUMNS)


class Progress(NamedTuple):
    """Elements of a worklist that a reviewer decided, and all."""

    done: int
    total: int


class Undone(NamedTuple):
    """What `undo` took back: of which element, and what counts there now."""

    element_id: str
    decision: Decision


class Desk(SharedFile):
    """Worklists and decisions in one file; arguments, attributes and errors are those of `SharedFile`.

    Every method raises ValueError for a worklist, element, reviewer or decision that is none.
    """

    # -- worklists --

    def add_worklist(
        self, name: str, elements: pd.DataFrame | Iterable[Element], provenance: Mapping[str, Any] | None = None
    ) -> str:
        """Keep a list of elements to vet, in its order; elements of equal id are kept once, the first.

        Args:
            name: for people; a name that is taken gets a number after it.
            elements: Elements, or a table with ELEMENT_COLUMNS (ids are worked out by whoever made it; see
                `element_table`).
            provenance: plain JSON types on where the list comes from: source, notes, model fingerprint, versions.

        Returns:
            The worklist's id, the same on every machine that it is exported to.
        """
        name = clean_name(name, "The worklist's name")
        table = elements if isinstance(elements, pd.DataFrame) else element_table(elements)
        missing = [column for column in ELEMENT_COLUMNS if column not in table.columns]
        if missing:
            raise ValueError(
                f"The elements have no column {', '.join(missing)}; they need {', '.join(ELEMENT_COLUMNS)}."
            )
        if table.empty:
            raise ValueError("The list holds no element; there is nothing to vet.")
        return self.write(
            lambda connection: insert_worklist(connection, uuid.uuid4().hex[:16], name, table, provenance)
        )

    def worklists(self) -> pd.DataFrame:
        """One row a worklist, oldest first: worklist_id, name, created, elements, decisions (of all), reviewers."""
        columns = ["worklist_id", "name", "created", "elements", "decisions", "reviewers"]
        rows = self.run(
            lambda connection: connection.execute(
                """SELECT uid, name, created,
                    (SELECT count(*) FROM vetting_elements e WHERE e.worklist = w.id),
                    (SELECT count(*) FROM vetting_decisions d WHERE d.worklist = w.id AND decision <> ''),
                    (SELECT count(DISTINCT reviewer) FROM vetting_decisions d WHERE d.worklist = w.id)
                    FROM vetting_worklists w ORDER BY id"""
            ).fetchall()
        )
        return pd.DataFrame(rows, columns=columns)

    def provenance(self, worklist_id: str) -> dict[str, Any]:
        """The worklist's name, when it was made, and what `add_worklist` was given on its origin."""

        def read(connection: sqlite3.Connection) -> dict[str, Any]:
            number = worklist_number(connection, worklist_id)
            name, created, text = connection.execute(
                "SELECT name, created, provenance FROM vetting_worklists WHERE id = ?", (number,)
            ).fetchone()
            return {"worklist_id": worklist_id, "name": name, "created": created, "provenance": json.loads(text)}

        return self.run(read)

    def rename_worklist(self, worklist_id: str, name: str) -> None:
        """Give a worklist another name; ValueError when another has it."""
        name = clean_name(name, "The worklist's name")

        def rename(connection: sqlite3.Connection) -> None:
            number = worklist_number(connection, worklist_id)
            taken = connection.execute("SELECT id FROM vetting_worklists WHERE name = ?", (name,)).fetchone()
            if taken and taken[0] != number:
                raise ValueError(f"There is a worklist named {name!r} already; choose another name.")
            connection.execute("UPDATE vetting_worklists SET name = ? WHERE id = ?", (name, number))

        self.write(rename)

    def deletion(self, worklist_id: str) -> str:
        """What `delete_worklist` would remove, in a sentence to ask with."""
        return self.run(lambda connection: _deletion(connection, worklist_number(connection, worklist_id)))

    def delete_worklist(self, worklist_id: str) -> str:
        """Remove a worklist with its decisions and their history for good; returns the sentence of what went."""

        def delete(connection: sqlite3.Connection) -> str:
            number = worklist_number(connection, worklist_id)
            gone = _deletion(connection, number)
            for table in ("elements", "versions", "decisions"):
                connection.execute(f"DELETE FROM vetting_{table} WHERE worklist = ?", (number,))
            connection.execute("DELETE FROM vetting_worklists WHERE id = ?", (number,))
            return gone

        return self.write(delete)

    # -- elements --

    def elements(self, worklist_id: str, reviewer: str = "", first: int = 0, count: int | None = None) -> pd.DataFrame:
        """Elements of a worklist in its order: ELEMENT_COLUMNS, then decision, reason, updated of the reviewer.

        The last three are "" where the reviewer, or nobody when none is named, has not decided.

        Args:
            first, count: from which place, from 0, and how many; None is to the end.
        """

        def read(connection: sqlite3.Connection) -> list[tuple]:
            number = worklist_number(connection, worklist_id)
            return connection.execute(
                f"""SELECT {_PREFIXED}, coalesce(d.decision, ''), coalesce(d.reason, ''), coalesce(d.updated, '')
                    FROM vetting_elements e LEFT JOIN vetting_decisions d
                    ON d.worklist = e.worklist AND d.reviewer = ? AND d.element_id = e.element_id
                    WHERE e.worklist = ? AND e.position >= ? ORDER BY e.position LIMIT ?""",
                (reviewer.strip(), number, first, -1 if count is None else count),
            ).fetchall()

        table = pd.DataFrame(self.run(read), columns=[*ELEMENT_COLUMNS, *Decision._fields])
        return table.astype({"start": "int64", "end": "int64", "score": "float64"})

    def element(self, worklist_id: str, element_id: str) -> Element:
        """One element."""

        def read(connection: sqlite3.Connection) -> Element:
            number = worklist_number(connection, worklist_id)
            position = element_position(connection, number, element_id)
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM vetting_elements WHERE worklist = ? AND position = ?", (number, position)
            ).fetchone()
            values = dict(zip(ELEMENT_COLUMNS, row, strict=True))
            return element_from_row(values | {"score": float("nan") if values["score"] is None else values["score"]})

        return self.run(read)

    def position(self, worklist_id: str, element_id: str) -> int:
        """The element's place in its worklist, from 0."""
        return self.run(
            lambda connection: element_position(connection, worklist_number(connection, worklist_id), element_id)
        )

    def step(self, worklist_id: str, element_id: str, by: int = 1) -> str:
        """The id of the element `by` places further (negative: back), stopping at the ends of the list."""

        def read(connection: sqlite3.Connection) -> str:
            number = worklist_number(connection, worklist_id)
            place = min(
                max(element_position(connection, number, element_id) + by, 0), count_elements(connection, number) - 1
            )
            return connection.execute(
                "SELECT element_id FROM vetting_elements WHERE worklist = ? AND position = ?", (number, place)
            ).fetchone()[0]

        return self.run(read)

    def next_undecided(
        self, worklist_id: str, reviewer: str, after: str | None = None, backwards: bool = False
    ) -> str | None:
        """The id of the next element that the reviewer has not decided, from the list's other end once at its end.

        Args:
            after: the element to start beyond; None starts at the beginning (at the end when backwards).

        Returns:
            None when all are decided; `after` itself when only that is left.
        """
        reviewer = clean_name(reviewer, "The reviewer's name")

        def read(connection: sqlite3.Connection) -> str | None:
            number = worklist_number(connection, worklist_id)
            sign, order = ("<", "DESC") if backwards else (">", "ASC")
            start = None if after is None else element_position(connection, number, after)
            for condition in ([f"e.position {sign} {start}"] if start is not None else []) + ["1"]:
                row = connection.execute(
                    f"""SELECT e.element_id FROM vetting_elements e LEFT JOIN vetting_decisions d
                        ON d.worklist = e.worklist AND d.reviewer = ? AND d.element_id = e.element_id
                        WHERE e.worklist = ? AND {condition} AND coalesce(d.decision, '') = ''
                        ORDER BY e.position {order} LIMIT 1""",
                    (reviewer, number),
                ).fetchone()
                if row:
                    return row[0]
            return None

        return self.run(read)

    # -- decisions --

    def decide(self, worklist_id: str, element_id: str, reviewer: str, decision: str, reason: str = "") -> Decision:
        """Save a reviewer's decision and reason; what was there stays in the history. Saving the same is no change.

        Args:
            decision: one of DECISIONS, or "" for undecided (a reason may come first).
            reason: free text of up to 20,000 characters.
        """
        reviewer = clean_name(reviewer, "The reviewer's name")
        reason = clean_reason(reason)
        check_decision(decision)

        def save(connection: sqlite3.Connection) -> Decision:
            number = worklist_number(connection, worklist_id)
            element_position(connection, number, element_id)
            current = current_decision(connection, number, element_id, reviewer)
            if (decision, reason) == current[:2]:
                return current
            return append_version(connection, number, element_id, reviewer, decision, reason, "")

        return self.write(save)

    def decision(self, worklist_id: str, element_id: str, reviewer: str) -> Decision:
        """What a reviewer says on an element now."""
        return self.run(
            lambda connection: current_decision(
                connection, worklist_number(connection, worklist_id), element_id, reviewer.strip()
            )
        )

    def undo(self, worklist_id: str, reviewer: str, element_id: str | None = None) -> Undone | None:
        """Take back a reviewer's last step, on one element or (None) wherever it was; again takes back the one before.

        A step is one decision, or the edits of a reason with no pause of PAUSE_SECONDS between them. Nothing is
        erased: the history shows what was taken back.

        Returns:
            None when there is nothing to take back.
        """
        reviewer = clean_name(reviewer, "The reviewer's name")

        def take_back(connection: sqlite3.Connection) -> Undone | None:
            number = worklist_number(connection, worklist_id)
            query = "SELECT element_id FROM vetting_versions WHERE worklist = ? AND reviewer = ? AND step = ''"
            values: tuple = (number, reviewer)
            if element_id is not None:
                query, values = f"{query} AND element_id = ?", (*values, element_id)
            last = connection.execute(f"{query} ORDER BY updated DESC, id DESC LIMIT 1", values).fetchone()
            if last is None:
                return None
            steps = connection.execute(
                """SELECT id, decision, reason, updated FROM vetting_versions
                    WHERE worklist = ? AND reviewer = ? AND element_id = ? AND step = '' ORDER BY updated, id""",
                (number, reviewer, *last),
            ).fetchall()
            length = last_step(steps)
            connection.executemany(
                "UPDATE vetting_versions SET step = 'undone' WHERE id = ?", [row[:1] for row in steps[-length:]]
            )
            decision, reason = steps[-length - 1][1:3] if length < len(steps) else ("", "")
            return Undone(*last, append_version(connection, number, *last, reviewer, decision, reason, "undo"))

        return self.write(take_back)

    def history(self, worklist_id: str, element_id: str | None = None, reviewer: str | None = None) -> pd.DataFrame:
        """Every version, oldest first: element_id, reviewer, decision, reason, updated (UTC), step, origin.

        step is "" for a decision, "undone" for one that was taken back, "undo" for what taking back restored; origin
        is "" for this desk, else what it was imported from.
        """
        conditions = [("element_id", element_id), ("reviewer", reviewer)]
        chosen = [(column, value) for column, value in conditions if value is not None]
        rows = self.run(
            lambda connection: connection.execute(
                f"SELECT {', '.join(HISTORY_COLUMNS)} FROM vetting_versions WHERE worklist = ?"
                + "".join(f" AND {column} = ?" for column, _ in chosen)
                + " ORDER BY updated, id",
                (worklist_number(connection, worklist_id), *(value for _, value in chosen)),
            ).fetchall()
        )
        return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))

    def reviewers(self, worklist_id: str) -> list[str]:
        """Who decided or wrote something on this list, by name."""
        rows = self.run(
            lambda connection: connection.execute(
                "SELECT DISTINCT reviewer FROM vetting_decisions WHERE worklist = ? ORDER BY reviewer",
                (worklist_number(connection, worklist_id),),
            ).fetchall()
        )
        return [reviewer for (reviewer,) in rows]

    def progress(self, worklist_id: str, reviewer: str) -> Progress:
        """How many elements the reviewer has decided, of how many."""

        def read(connection: sqlite3.Connection) -> Progress:
            number = worklist_number(connection, worklist_id)
            (done,) = connection.execute(
                "SELECT count(*) FROM vetting_decisions WHERE worklist = ? AND reviewer = ? AND decision <> ''",
                (number, reviewer.strip()),
            ).fetchone()
            return Progress(done, count_elements(connection, number))

        return self.run(read)

    def agreement(self, worklist_id: str, first: str, second: str, leave_out: tuple[str, ...] = ()) -> Agreement:
        """Cohen's kappa of two reviewers over this list; see `agreement.agreement`."""

        def read(connection: sqlite3.Connection, reviewer: str) -> dict[str, str]:
            return dict(
                connection.execute(
                    "SELECT element_id, decision FROM vetting_decisions WHERE worklist = ? AND reviewer = ?",
                    (worklist_number(connection, worklist_id), reviewer.strip()),
                ).fetchall()
            )

        said = {reviewer: self.run(partial(read, reviewer=reviewer)) for reviewer in (first, second)}
        return agreement(first, said[first], second, said[second], leave_out)


def _deletion(connection: sqlite3.Connection, number: int) -> str:
    (name,) = connection.execute("SELECT name FROM vetting_worklists WHERE id = ?", (number,)).fetchone()
    elements = count_elements(connection, number)
    decisions, reviewers = connection.execute(
        """SELECT count(*), count(DISTINCT reviewer) FROM vetting_decisions
            WHERE worklist = ? AND (decision <> '' OR reason <> '')""",
        (number,),
    ).fetchone()
    return (
        f"The worklist {name!r} has {counted(elements, 'element')} and {counted(decisions, 'decision')} by"
        f" {counted(reviewers, 'reviewer')}."
    )
