"""What is exported comes back exactly, and merges without loss."""

import copy
import csv
import io
import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creme_core.vetting import exchange, versions
from creme_core.vetting.decisions import Desk
from creme_core.vetting.element import ELEMENT_COLUMNS, Element
from creme_core.vetting.exchange import export_json, export_tsv, import_json, import_tsv
from creme_core.vetting.spreadsheet import read_rows, write_rows

ELEMENTS = [
    Element("chr2", 100, 600, "GENE1", "K562", "enhancer", -0.35, "sufficiency", "=cmd|' /C calc'!A0"),
    Element("chr1", 50, 70, "GENE2", "K562", "", math.nan, "list.bed", '<img src=x onerror="alert(1)"> two words'),
    Element("chr1", 10, 20, "GENE2", "PC-3", "silencer", 2.5, "", "tab\tline\nend"),
]
IDS = [element.element_id for element in ELEMENTS]
STATES = ["element_id", "reviewer", "decision", "reason", "updated"]


@pytest.fixture
def desks(tmp_path):
    with Desk(tmp_path / "here.sqlite") as here, Desk(tmp_path / "there.sqlite") as there:
        yield here, there


@pytest.fixture
def worklist(desks):
    here, _ = desks
    worklist = here.add_worklist("My list", ELEMENTS, {"source": "test"})
    here.decide(worklist, IDS[0], "Ann", "enhancer", "+ strong\n- near")
    here.decide(worklist, IDS[1], "Ann", "neither", "'quoted'")
    here.decide(worklist, IDS[0], "Bo", "silencer")
    return worklist


@pytest.fixture
def clock(monkeypatch):
    times = [datetime(2025, 3, 1, 12, tzinfo=UTC)]
    for module in (versions, exchange):
        monkeypatch.setattr(module, "now", lambda: times[-1])
    return lambda seconds: times.append(times[-1] + timedelta(seconds=seconds))


def refusal(action):
    """The sentence with which something was refused; None when it was done."""
    try:
        action()
    except ValueError as error:
        return str(error)
    return None


def states(desk, worklist):
    """What counts now, of everybody."""
    tables = [desk.elements(worklist, name).assign(reviewer=name) for name in desk.reviewers(worklist)]
    return sorted(tuple(row) for table in tables for row in table.loc[table["updated"] != "", STATES].values.tolist())


def history(desk, worklist):
    return sorted(map(tuple, desk.history(worklist).drop(columns="origin").values.tolist()))


# -- TSV and JSON --


def test_tsv_has_a_row_for_each_element_and_reviewer(desks, worklist):
    here, _ = desks
    rows = list(csv.reader(io.StringIO(export_tsv(here, worklist).decode(), newline=""), delimiter="\t"))
    assert rows[0] == [*ELEMENT_COLUMNS, "reviewer", "decision", "reason", "updated"]
    assert [(row[0], row[10], row[11]) for row in rows[1:]] == [
        (IDS[0], "Ann", "enhancer"),
        (IDS[0], "Bo", "silencer"),
        (IDS[1], "Ann", "neither"),
        (IDS[2], "", ""),
    ]
    assert rows[1][7] == "-0.35"  # a number
    assert rows[1][9] == "'=cmd|' /C calc'!A0"  # not a formula
    assert rows[1][12] == "'+ strong\n- near"
    only = read_rows(export_tsv(here, worklist, "Bo"))
    assert [(row[0], row[10]) for row in only[1:]] == [(IDS[0], "Bo"), (IDS[1], ""), (IDS[2], "")]


@pytest.mark.parametrize("kind", ["json", "tsv"])
def test_a_desk_comes_back_elsewhere(desks, worklist, kind):
    here, there = desks
    if kind == "json":
        imported = import_json(there, export_json(here, worklist))
        assert imported.worklist_id == worklist
        assert history(there, worklist) == history(here, worklist)
        assert set(there.history(worklist)["origin"].str[:4]) == {"JSON"}
    else:
        imported = import_tsv(there, export_tsv(here, worklist))
    target = imported.worklist_id
    assert there.elements(target)[list(ELEMENT_COLUMNS)].equals(here.elements(worklist)[list(ELEMENT_COLUMNS)])
    assert states(there, target) == states(here, worklist)
    assert "came 3 decisions" in imported.notes[0]
    again = import_json(there, export_json(here, worklist), target)
    assert len(history(there, target)) == 3
    assert "came 0 decisions" in again.notes[0]


texts = st.text(max_size=20)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=texts, reason=texts, gene=texts, reviewer=texts.filter(str.strip), score=st.floats(allow_infinity=False))
def test_any_text_comes_back_by_json_and_tsv(desks, name, reason, gene, reviewer, score):
    here, there = desks
    element = Element("chr1", 0, 5, gene, score=score, name=name)
    worklist = here.add_worklist("List", [element])
    here.decide(worklist, element.element_id, reviewer, "unsure", reason)
    for imported in (import_json(there, export_json(here, worklist)), import_tsv(there, export_tsv(here, worklist))):
        assert repr(there.element(imported.worklist_id, element.element_id)) == repr(element)
        assert states(there, imported.worklist_id) == states(here, worklist)
        there.delete_worklist(imported.worklist_id)
    here.delete_worklist(worklist)


def test_json_says_where_it_comes_from(desks, worklist):
    here, _ = desks
    data = json.loads(
        export_json(here, worklist, model={"name": "enformer", "fingerprint": "abc"}, provenance={"x": 1})
    )
    assert data["model"] == {"name": "enformer", "fingerprint": "abc"}
    assert data["versions"].keys() == {"creme_core", "python"}
    assert data["worklist"]["provenance"] == {"source": "test"}
    assert data["coordinates"] == "0-based half-open"
    assert data["elements"][1]["score"] is None
    assert {record["reviewer"] for record in data["decisions"]} == {"Ann", "Bo"}
    only = json.loads(export_json(here, worklist, "Bo"))
    assert {record["reviewer"] for record in only["decisions"]} == {"Bo"}


# -- merging --


def test_the_newer_decision_wins_and_a_conflict_is_told(desks, clock, worklist):
    here, there = desks
    import_json(there, export_json(here, worklist))
    clock(60)
    here.decide(worklist, IDS[0], "Ann", "unsure", "here")
    clock(60)
    there.decide(worklist, IDS[0], "Ann", "silencer", "there")
    there.decide(worklist, IDS[2], "Cy", "enhancer")
    back = import_json(here, export_json(there, worklist))
    assert here.decision(worklist, IDS[0], "Ann")[:2] == ("silencer", "there")
    assert here.decision(worklist, IDS[0], "Bo").decision == "silencer"
    assert here.reviewers(worklist) == ["Ann", "Bo", "Cy"]
    assert back.notes[0].startswith("From the file came 2 decisions, 1 of which in place of an older one here;")
    assert "Changed both here and in the file: 1 decision; the newer counts" in back.notes[1]
    assert f"{IDS[0]} by Ann: unsure (" in back.notes[1]
    assert "here" in here.history(worklist, IDS[0], "Ann")["reason"].tolist()
    forth = import_json(there, export_json(here, worklist))
    assert states(there, worklist) == states(here, worklist)
    assert history(there, worklist) == history(here, worklist)
    assert len(forth.notes) == 1  # it knew of both


def test_going_on_elsewhere_is_no_conflict(desks, worklist):
    here, there = desks
    old = export_json(here, worklist)
    import_json(there, old)
    there.decide(worklist, IDS[0], "Ann", "unsure")
    import_json(here, export_json(there, worklist))
    assert here.decision(worklist, IDS[0], "Ann").decision == "unsure"
    assert len(import_json(here, old).notes) == 1  # what it says is in the history: no conflict
    there.undo(worklist, "Ann", IDS[0])
    notes = import_json(here, export_json(there, worklist)).notes
    assert len(notes) == 1
    assert states(here, worklist) == states(there, worklist)
    notes = import_json(here, old).notes  # an old file brings nothing back
    assert len(notes) == 1
    assert states(here, worklist) == states(there, worklist)
    # What was taken back there counts as taken back here, so the next step back is the one before.
    assert history(here, worklist) == history(there, worklist)
    assert here.undo(worklist, "Ann", IDS[0]).decision.decision == ""


decided = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from([0, 1]), st.sampled_from(["enhancer", "unsure", "undo"]), st.integers(0, 3)
    ),
    max_size=8,
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(actions=decided)
def test_two_desks_agree_after_they_exchange_whatever_was_done(desks, clock, actions):
    here, there = desks
    worklist = here.add_worklist("List", ELEMENTS)
    import_json(there, export_json(here, worklist))
    for at_here, place, action, pause in actions:
        clock(pause)  # 0: both at one time
        desk = here if at_here else there
        if action == "undo":
            desk.undo(worklist, "Ann", IDS[place])
        else:
            desk.decide(worklist, IDS[place], "Ann", action)
    files = export_json(here, worklist), export_json(there, worklist)
    import_json(here, files[1])
    import_json(there, files[0])
    assert states(here, worklist) == states(there, worklist)
    assert [row[:5] for row in history(here, worklist)] == [row[:5] for row in history(there, worklist)]
    for desk in desks:
        desk.delete_worklist(worklist)


def test_a_table_without_ids_times_or_all_elements_is_read(desks, worklist):
    here, _ = desks
    rows = read_rows(export_tsv(here, worklist))
    rows[3] = [*rows[3][:10], "Dee", "enhancer", "added", ""]
    rows.append(["", "chr9", 5, 9, "", "", "", "", "", "", "", "", "", ""])
    imported = import_tsv(here, write_rows(rows), worklist)
    assert here.decision(worklist, IDS[1], "Dee")[:2] == ("enhancer", "added")
    assert len(here.elements(worklist)) == 4
    assert "which lacked them: 1 element." in "".join(imported.notes)
    assert "An id of another element stands in 1 row" in imported.notes[0]


# -- what is no export --


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(format="other"), "not of the vetting desk"),
        (lambda data: data.update(format_version=2), "format version 2, this version reads 1: update"),
        (lambda data: data.pop("elements"), "not whole"),
        (lambda data: data.update(decisions={"a": 1}), "not whole"),
        (lambda data: data["elements"][0].pop("chrom"), "not whole"),
        (lambda data: data["elements"][0].update(start=7), "was changed by hand"),
        (lambda data: data["elements"][0].update(start="7"), "whole number"),
        (lambda data: data["elements"][0].update(score=10**400), "finite number"),
        (lambda data: data["decisions"][0].update(decision="maybe"), "it can be enhancer"),
        (lambda data: data["decisions"][0].update(element_id="el-0"), "not on its list"),
        (lambda data: data["decisions"][0].update(updated="yesterday"), "must be like 2025"),
        (lambda data: data["decisions"][0].update(updated="9999-12-31T23:59:59+00:00"), "in the future"),
        (lambda data: data["decisions"][0].update(reviewer=" "), "is empty"),
        (lambda data: data["decisions"][0].update(reason=["x"]), "must be text"),
        (lambda data: data["decisions"][0].update(step="x"), "step 'x'"),
        (lambda data: data["worklist"].update(worklist_id="\ud800"), "not whole"),
    ],
)
def test_a_changed_file_is_refused_and_changes_nothing(desks, worklist, change, words):
    here, there = desks
    data = json.loads(export_json(here, worklist))
    change(data)
    with pytest.raises(ValueError, match=words) as caught:
        import_json(there, json.dumps(data).encode())
    assert "\n" not in str(caught.value)
    assert there.worklists().empty


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"\xff", b"1" * 10_000, b'"creme-vetting"'])
def test_what_is_no_json_of_the_desk_is_refused(desks, content):
    with pytest.raises(ValueError, match="JSON"):
        import_json(desks[1], content)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_json_with_anything_in_any_place_is_told_or_taken(desks, data):
    here, there = desks
    name = here.add_worklist("List", ELEMENTS[:1])
    here.decide(name, IDS[0], "Ann", "enhancer")
    whole = json.loads(export_json(here, name))
    here.delete_worklist(name)
    changed = copy.deepcopy(whole)
    part = data.draw(st.sampled_from([changed, changed["worklist"], changed["elements"][0], changed["decisions"][0]]))
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(anything)
    content = json.dumps(changed).encode()
    refused = refusal(lambda: import_json(there, content))
    assert refused != ""
    for worklist in there.worklists()["worklist_id"]:
        assert refused is None
        export_json(there, worklist)
        there.delete_worklist(worklist)


@pytest.mark.parametrize("content", [b"", b"a\tb\n1\t2\n", b"\x00\x01", b"<html>"])
def test_what_is_no_table_of_the_desk_is_refused(desks, content):
    with pytest.raises(ValueError, match="first line must name"):
        import_tsv(desks[1], content)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("start", "x", "Row 2 of the table: Its start, end or score is no number"),
        ("score", "inf", "Row 2 .* finite"),
        ("end", "0", "Row 2 .* is no interval"),
        ("reviewer", "", "Row 2 .* has no reviewer"),
        ("decision", "yes", "Row 2 .* it can be enhancer"),
        ("updated", "3/1/2025", "Row 2 .* must be like 2025"),
    ],
)
def test_a_wrong_cell_is_named(desks, worklist, column, value, words):
    here, there = desks
    rows = read_rows(export_tsv(here, worklist))
    rows[1][rows[0].index(column)] = value
    with pytest.raises(ValueError, match=words):
        import_tsv(there, write_rows(rows))
    assert there.worklists().empty


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.lists(texts, min_size=10, max_size=16), max_size=3), header=st.booleans())
def test_any_table_is_told_or_taken(desks, cells, header):
    rows = ([[*ELEMENT_COLUMNS, "reviewer", "decision", "reason", "updated"]] if header else []) + cells
    assert refusal(lambda: import_tsv(desks[1], write_rows(rows))) != ""
