"""Worklists and decisions as files: BED9 for genome browsers, TSV for spreadsheets, JSON to go on elsewhere."""

import html
import json
import math
import platform
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from creme_core import __version__
from creme_core.vetting.decisions import Desk
from creme_core.vetting.element import ELEMENT_COLUMNS, Element, counted, element_table, plain_text
from creme_core.vetting.merging import Imported, Version, merge
from creme_core.vetting.spreadsheet import read_rows, write_rows
from creme_core.vetting.versions import check_decision, clean_name, clean_reason, now, utc_text

__all__ = ["COLOURS", "export_bed", "export_json", "export_tsv", "import_json", "import_tsv"]

# Red, green, blue of a decision, told apart by colour-blind readers (Okabe and Ito, Color Universal Design, 2008).
COLOURS = {
    "enhancer": (213, 94, 0),
    "silencer": (0, 114, 178),
    "neither": (138, 151, 163),
    "unsure": (204, 121, 167),
    "": (200, 200, 200),
}
FORMAT = "creme-vetting"
FORMAT_VERSION = 1
LARGEST_FILE = 256 * 2**20
LONGEST_BED_NAME = 255  # of bigBed and the UCSC browser
DECISION_COLUMNS = ("reviewer", "decision", "reason", "updated")


def export_bed(desk: Desk, worklist_id: str, reviewer: str, undecided: bool = True) -> bytes:
    """BED9 with a track line, sorted by place: chrom, start, end (0-based half-open), name, score, ., start, end, RGB.

    The name is gene, decision (or "undecided") and the list's name joined by "|", with white space and control
    characters as "_", characters of HTML escaped, at most 255 characters. The score is |score| * 1000 rounded, at
    most 1000, and 0 where the list has none.

    Args:
        undecided: whether elements without a decision of this reviewer are written, in light grey.
    """
    table = desk.elements(worklist_id, reviewer).sort_values(["chrom", "start", "end"], kind="stable")
    if not undecided:
        table = table[table["decision"] != ""]
    title = _bed_text(f"{desk.provenance(worklist_id)['name']} by {reviewer}", blank=" ")
    lines = [f'track name="{title[:100]}" description="CREME vetting: {title}" itemRgb="On"']
    for row in table.itertuples():
        names = (row.gene, row.decision or "undecided", row.name)
        # A character of HTML that the cut left half of goes too.
        name = re.sub(r"&[^;]*$", "", _bed_text("|".join(filter(None, names)))[:LONGEST_BED_NAME])
        score = 0 if math.isnan(row.score) else min(1000, round(abs(row.score) * 1000))
        colour = ",".join(map(str, COLOURS[row.decision]))
        place = f"{_bed_text(row.chrom)}\t{row.start}\t{row.end}"
        lines.append(f"{place}\t{name}\t{score}\t.\t{row.start}\t{row.end}\t{colour}")
    return ("\n".join(lines) + "\n").encode("utf-8")


def _bed_text(text: str, blank: str = "_") -> str:
    """Text for a BED field or track line: one word (or line), nothing that a browser's page would take for HTML."""
    return html.escape(re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", blank, text))


def export_tsv(desk: Desk, worklist_id: str, reviewer: str | None = None) -> bytes:
    """Tab-separated UTF-8 with a header: ELEMENT_COLUMNS (start 0-based), then reviewer, decision, reason, updated.

    One row an element and reviewer who said something on it; an element on which nobody did has one row. Texts that
    a spreadsheet would take for formulas begin with an apostrophe. `import_tsv` reads it back exactly.

    Args:
        reviewer: only what this reviewer says; None is everybody.
    """
    reviewers = desk.reviewers(worklist_id) if reviewer is None else [reviewer]
    tables = [desk.elements(worklist_id, name).assign(reviewer=name) for name in reviewers]
    order = list(ELEMENT_COLUMNS) + list(DECISION_COLUMNS)
    said = [table.loc[table["updated"] != "", order] for table in tables]
    everything = desk.elements(worklist_id).assign(reviewer="")[order]
    spoken_of = set().union(*(table["element_id"] for table in said)) if said else set()
    silent = everything[~everything["element_id"].isin(spoken_of)]
    place = pd.Series(range(len(everything)), index=everything["element_id"])
    rows = pd.concat([*said, silent]) if said else silent
    rows = rows.iloc[place[rows["element_id"]].to_numpy().argsort(kind="stable")]
    return write_rows([order, *zip(*(rows[column].tolist() for column in order), strict=True)])


def export_json(
    desk: Desk,
    worklist_id: str,
    reviewer: str | None = None,
    model: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> bytes:
    """Everything on a worklist as JSON: where it comes from, its elements, and every version of every decision.

    Args:
        reviewer: only what this reviewer decided; None is everybody.
        model: of the tests that were looked at: name, fingerprint, precision.
        provenance: anything else of plain JSON types.
    """
    worklist = desk.provenance(worklist_id)
    elements = desk.elements(worklist_id)[list(ELEMENT_COLUMNS)]
    scores = [None if math.isnan(score) else score for score in elements["score"]]
    history = desk.history(worklist_id, reviewer=reviewer).drop(columns="origin")
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "coordinates": "0-based half-open",
        "exported": utc_text(now()),
        "versions": {"creme_core": __version__, "python": platform.python_version()},
        "model": dict(model) if model else None,
        "provenance": dict(provenance or {}),
        "worklist": worklist,
        "elements": elements.assign(score=pd.Series(scores, dtype=object, index=elements.index)).to_dict("records"),
        "decisions": history.to_dict("records"),
    }
    return plain_text(json.dumps(content, ensure_ascii=False, allow_nan=False)).encode("utf-8")


def import_json(desk: Desk, content: bytes, worklist_id: str | None = None) -> Imported:
    """Bring a file of `export_json` in: newer decisions win, conflicts are in the notes, other reviewers are kept.

    Args:
        worklist_id: where to; None is the worklist that it was exported from, which is made when it is not here.

    Raises:
        ValueError: no such file, or one of a newer version; nothing is changed then.
        DeskError: the desk's file can't be used.
    """
    _check_size(content)
    try:
        data = json.loads(content.decode("utf-8-sig"), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise ValueError("The file is not JSON text; choose a JSON file that the vetting desk exported.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError("The file is JSON, but not of the vetting desk; choose a JSON file that the desk exported.")
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"The file has format version {str(version)[:20]}, this version reads {FORMAT_VERSION}: update the program."
        )
    try:
        worklist = data["worklist"]
        elements = _json_elements(data["elements"])
        versions = [Version(**_version(record)) for record in data["decisions"]]
        target, name = worklist_id or worklist["worklist_id"], clean_name(worklist["name"], "The worklist's name")
        if not re.fullmatch("[0-9a-f]{1,64}", target):
            raise KeyError("worklist_id")
        origin = clean_name(f"JSON of {data['exported']}"[:200], "The file's date")
        kept = {key: data.get(key) for key in ("exported", "versions", "model", "provenance")}
        kept |= {"worklist": worklist}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"The file is not whole ({str(error)[:80]} is missing or of the wrong type): export it again."
        ) from None
    return merge(desk, target, name, elements, versions, kept, origin)


def _json_elements(records: Any) -> pd.DataFrame:
    elements = []
    for record in records:
        values = {column: record[column] for column in ELEMENT_COLUMNS[1:]}
        elements.append(Element(**values | {"score": math.nan if values["score"] is None else values["score"]}))
        if elements[-1].element_id != record["element_id"]:
            raise ValueError(
                f"The id {str(record['element_id'])[:40]!r} is not that of {elements[-1].label}: the file was changed"
                " by hand. Export it again."
            )
    return element_table(elements)


def _version(record: Mapping[str, Any]) -> dict[str, str]:
    """One version of a decision, checked."""
    check_decision(record["decision"])
    step = record.get("step", "")
    if step not in ("", "undone", "undo"):
        raise ValueError(f"The step {str(step)[:40]!r} of a decision is not known: export the file again.")
    return {
        "element_id": str(record["element_id"]),
        "reviewer": clean_name(record["reviewer"], "A reviewer's name"),
        "decision": record["decision"],
        "reason": clean_reason(record["reason"]),
        "updated": _time(record["updated"]),
        "step": step,
    }


def _time(text: Any) -> str:
    """A time as `utc_text` writes it; ValueError for what is none, or lies more than a day ahead."""
    try:
        time = datetime.fromisoformat(text)
        time = (time.replace(tzinfo=UTC) if time.tzinfo is None else time).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(
            f"The time {str(text)[:40]!r} of a decision is none; it must be like 2025-03-01T12:30:00+00:00."
        ) from None
    if time > now() + timedelta(days=1):
        raise ValueError(f"A decision is dated {text}, which is in the future: set the clock of that computer.")
    return utc_text(time)


def import_tsv(desk: Desk, content: bytes, worklist_id: str | None = None, name: str = "Imported table") -> Imported:
    """Bring a table of `export_tsv` in, also one that a spreadsheet saved; newer decisions win, as in `import_json`.

    A row without a time counts as decided now; columns of other names are left out.

    Args:
        worklist_id: where to; None makes a new worklist of that name.

    Raises:
        ValueError: no such table; nothing is changed then.
        DeskError: the desk's file can't be used.
    """
    _check_size(content)
    rows = read_rows(content)
    wanted = [*ELEMENT_COLUMNS, *DECISION_COLUMNS]
    header = rows[0] if rows else []
    missing = [column for column in wanted if header.count(column) != 1]
    if missing:
        raise ValueError(
            f"The table's first line must name each of its columns once; {', '.join(missing)} is missing or repeated."
            " Choose a TSV file that the vetting desk exported."
        )
    notes = (
        [f"The columns {', '.join(extra)} were left out."] if (extra := [c for c in header if c not in wanted]) else []
    )
    places = [header.index(column) for column in wanted]
    elements, versions, changed = {}, [], 0
    for number, row in enumerate(rows[1:], start=2):
        if len(row) < len(header):
            raise ValueError(
                f"Row {number} of the table has {len(row)} cells for {len(header)} columns: export it again."
            )
        cells = dict(zip(wanted, (row[place] for place in places), strict=True))
        try:
            element = _row_element(cells)
            if cells["reviewer"]:
                values = cells | {"updated": cells["updated"] or utc_text(now()), "element_id": element.element_id}
                versions.append(Version(**_version(values)))
            elif cells["decision"]:
                raise ValueError("The decision has no reviewer; write who decided.")
        except ValueError as error:
            raise ValueError(f"Row {number} of the table: {error}") from None
        changed += cells["element_id"] != element.element_id
        elements.setdefault(element.element_id, element)
    if changed:
        notes.append(
            f"An id of another element stands in {counted(changed, 'row')}; coordinates, gene and cell line count."
        )
    if not elements:
        raise ValueError("The table holds no element; there is nothing to import.")
    target = worklist_id or uuid.uuid4().hex[:16]
    name = clean_name(name, "The worklist's name")
    imported = merge(desk, target, name, element_table(elements.values()), versions, {"source": "TSV"}, "TSV")
    return Imported(imported.worklist_id, (*notes, *imported.notes))


def _row_element(cells: Mapping[str, str]) -> Element:
    try:
        start, end = (int(cells[column]) for column in ("start", "end"))
        score = float(cells["score"]) if cells["score"].strip() else math.nan
    except ValueError:
        raise ValueError("Its start, end or score is no number.") from None
    texts = {column: cells[column] for column in ("chrom", "gene", "cell_line", "kind", "source", "name")}
    return Element(start=start, end=end, score=score, **texts)


def _check_size(content: bytes) -> None:
    if len(content) > LARGEST_FILE:
        raise ValueError(
            f"The file has {len(content) / 2**20:,.0f} MB; an import takes at most {LARGEST_FILE // 2**20} MB."
        )
