"""Decisions that come from elsewhere join those that are here; nothing of either is lost."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from creme_core.vetting.decisions import Desk
from creme_core.vetting.element import counted
from creme_core.vetting.versions import insert_elements, insert_worklist, worklist_number

__all__ = ["Imported", "Version", "merge"]

NAMED_CONFLICTS = 5


class Version(NamedTuple):
    """One version of a decision: the columns of `Desk.history` but the last."""

    element_id: str
    reviewer: str
    decision: str
    reason: str
    updated: str
    step: str = ""

    @property
    def order(self) -> tuple[str, str, str]:
        """The greatest counts: the newest, and of two of one time always the same one, wherever they meet."""
        return (self.updated, self.decision, self.reason)


class Imported(NamedTuple):
    """The worklist that an import went to, and plain sentences on what it did."""

    worklist_id: str
    notes: tuple[str, ...]


def merge(
    desk: Desk,
    worklist_id: str,
    name: str,
    elements: pd.DataFrame,
    versions: Iterable[Version],
    provenance: Mapping[str, Any] | None = None,
    origin: str = "an imported file",
) -> Imported:
    """Bring elements and versions into the worklist of that id; it is made when it is not here.

    For each element and reviewer the newest version counts; all others are in the history. Versions that are here
    already are not added twice. Where both sides changed a decision without knowing of each other, the notes say so.

    Args:
        elements: rows of ELEMENT_COLUMNS; those that the worklist lacks are added at its end.
        versions: of these elements, or of elements that the worklist has.
        origin: what `Desk.history` shows as their origin.

    Raises:
        ValueError: a version of an element that neither has; nothing is changed then.
        DeskError: the file can't be used.
    """
    incoming: dict[tuple[str, str], dict[tuple[str, str, str], Version]] = {}
    for version in versions:
        group = incoming.setdefault((version.element_id, version.reviewer), {})
        known = group.setdefault(version.order, version)
        if not known.step:
            group[version.order] = version

    def join(connection) -> Imported:
        here = connection.execute("SELECT 1 FROM vetting_worklists WHERE uid = ?", (worklist_id,)).fetchone()
        if here:
            number = worklist_number(connection, worklist_id)
            added = insert_elements(connection, number, elements)
        else:
            insert_worklist(connection, worklist_id, name, elements, provenance)
            number, added = worklist_number(connection, worklist_id), 0
        ids = {
            element
            for (element,) in connection.execute(
                "SELECT element_id FROM vetting_elements WHERE worklist = ?", (number,)
            )
        }
        strangers = {element for element, _ in incoming} - ids
        if strangers:
            raise ValueError(
                f"The file decides on {len(strangers):,} elements that are not on its list, such as"
                f" {min(strangers)!r}; nothing was imported. Export it again."
            )
        notes = _join_versions(connection, number, incoming, origin)
        if here and added:
            notes.insert(0, f"Added at the worklist's end, which lacked them: {counted(added, 'element')}.")
        return Imported(worklist_id, tuple(notes))

    return desk.write(join)


def _join_versions(connection, number: int, incoming: dict, origin: str) -> list[str]:
    ours: dict[tuple[str, str], dict[tuple[str, str, str], str]] = {}
    for element, reviewer, decision, reason, updated, step in connection.execute(
        "SELECT element_id, reviewer, decision, reason, updated, step FROM vetting_versions WHERE worklist = ?",
        (number,),
    ):
        ours.setdefault((element, reviewer), {})[updated, decision, reason] = step
    new, marked, newest, conflicts, newer = [], [], [], [], 0
    for (element, reviewer), theirs in incoming.items():
        known = ours.get((element, reviewer), {})
        for order, version in theirs.items():
            updated, decision, reason = order
            if order not in known:
                new.append((number, element, reviewer, decision, reason, updated, version.step, origin))
            elif version.step != known[order] and not known[order]:
                marked.append((version.step, number, element, reviewer, updated, decision, reason))
        last_theirs = max(theirs)
        last_ours = max(known) if known else None
        if last_ours is None or last_theirs > last_ours:
            newest.append((number, reviewer, element, *last_theirs[1:], last_theirs[0]))
            newer += last_ours is not None
        both_changed = last_ours is not None and last_ours not in theirs and last_theirs not in known
        if both_changed and last_ours[1:] != last_theirs[1:]:
            conflicts.append((element, reviewer, last_ours, last_theirs))
    connection.executemany(
        "INSERT INTO vetting_versions (worklist, element_id, reviewer, decision, reason, updated, step, origin)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        new,
    )
    connection.executemany(
        "UPDATE vetting_versions SET step = ? WHERE worklist = ? AND element_id = ? AND reviewer = ? AND updated = ?"
        " AND decision = ? AND reason = ?",
        marked,
    )
    connection.executemany(
        "INSERT OR REPLACE INTO vetting_decisions"
        " (worklist, reviewer, element_id, decision, reason, updated) VALUES (?, ?, ?, ?, ?, ?)",
        newest,
    )
    notes = [
        f"From the file came {counted(len(newest), 'decision')}, {newer:,} of which in place of an older one here;"
        f" already here, or older than what is here: {len(incoming) - len(newest):,}."
    ]
    if conflicts:
        notes.append(_conflict_note(conflicts))
    return notes


def _conflict_note(conflicts: list) -> str:
    named = [
        f"{element} by {reviewer}: {_said(ours)} here, {_said(theirs)} in the file"
        for element, reviewer, ours, theirs in conflicts[:NAMED_CONFLICTS]
    ]
    rest = len(conflicts) - len(named)
    return (
        f"Changed both here and in the file: {counted(len(conflicts), 'decision')}; the newer counts, the other is in"
        f" the history ({'; '.join(named)}{f'; and {rest:,} more' if rest else ''})."
    )


def _said(order: tuple[str, str, str]) -> str:
    updated, decision, _ = order
    return f"{decision or 'undecided'} ({updated[:16].replace('T', ' ')})"
