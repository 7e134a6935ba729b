"""The desk: worklists, decisions, their history, and finding the next element."""

import math
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creme_core.vetting import versions
from creme_core.vetting.decisions import Desk, Progress
from creme_core.vetting.desk_file import vetting_path
from creme_core.vetting.element import Element, element_table
from creme_core.vetting.versions import Decision

ELEMENTS = [Element("chr1", 1000 * i, 1000 * i + 500, f"G{i % 3}", "K562", "enhancer", i / 10) for i in range(6)]
IDS = [element.element_id for element in ELEMENTS]


@pytest.fixture
def desk(tmp_path):
    with Desk(tmp_path / "vetting.sqlite") as desk:
        yield desk


@pytest.fixture
def worklist(desk):
    return desk.add_worklist("List", ELEMENTS)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is moved: clock(seconds)."""
    times = [datetime(2025, 3, 1, 12, tzinfo=UTC)]
    monkeypatch.setattr(versions, "now", lambda: times[-1])
    return lambda seconds: times.append(times[-1] + timedelta(seconds=seconds))


def test_a_worklist_keeps_its_elements_in_order(desk, worklist):
    table = desk.elements(worklist)
    assert table["element_id"].tolist() == IDS
    assert table[["decision", "reason", "updated"]].eq("").all(axis=None)
    assert desk.element(worklist, IDS[3]) == ELEMENTS[3]
    assert [desk.position(worklist, name) for name in IDS] == list(range(6))
    overview = desk.worklists().iloc[0]
    assert overview[["worklist_id", "name", "elements", "decisions"]].tolist() == [worklist, "List", 6, 0]


def test_texts_and_missing_scores_come_back_as_they_were(desk):
    odd = [
        Element("chr1", 0, 5, "=1+1", "<b>K562</b>", "", math.nan, "a\tb", "line\nend \0 'x' \u2028 é 漢"),
        Element(" chr 2", 2**31 - 2, 2**31 - 1, name='"; DROP TABLE vetting_elements; --'),
    ]
    worklist = desk.add_worklist("<script>", odd, {"source": "x", "deep": [1, None, {"a": 2.5}]})
    assert [repr(desk.element(worklist, element.element_id)) for element in odd] == list(map(repr, odd))
    assert desk.provenance(worklist)["provenance"]["deep"] == [1, None, {"a": 2.5}]


def test_equal_elements_are_kept_once(desk):
    twice = [ELEMENTS[0], Element("chr1", 0, 500, "G0", "K562", "silencer", 9.0)]
    table = desk.elements(desk.add_worklist("Twice", twice))
    assert table[["kind", "score"]].values.tolist() == [["enhancer", 0.0]]


def test_decisions_are_of_each_reviewer(desk, worklist):
    saved = desk.decide(worklist, IDS[0], " Ann ", "enhancer", "strong")
    assert desk.decision(worklist, IDS[0], "Ann") == saved
    desk.decide(worklist, IDS[0], "Bo", "neither")
    assert desk.elements(worklist, "Ann")["decision"].tolist() == ["enhancer", "", "", "", "", ""]
    assert desk.elements(worklist, "Bo")["decision"].tolist() == ["neither", "", "", "", "", ""]
    assert desk.reviewers(worklist) == ["Ann", "Bo"]
    assert desk.progress(worklist, "Ann") == Progress(1, 6)
    assert desk.progress(worklist, "Nobody") == Progress(0, 6)
    assert desk.agreement(worklist, "Ann", "Bo").n == 1


def test_a_reason_before_a_decision_is_kept_and_is_not_progress(desk, worklist):
    desk.decide(worklist, IDS[0], "Ann", "", "thinking")
    assert desk.decision(worklist, IDS[0], "Ann")[:2] == ("", "thinking")
    assert desk.progress(worklist, "Ann").done == 0
    assert desk.next_undecided(worklist, "Ann") == IDS[0]


def test_history_keeps_every_version(desk, worklist):
    for reason in ("", "s", "st", "str"):
        desk.decide(worklist, IDS[0], "Ann", "enhancer", reason)
    desk.decide(worklist, IDS[0], "Ann", "enhancer", "str")  # the same again is no version
    desk.decide(worklist, IDS[0], "Ann", "silencer", "str")
    history = desk.history(worklist, IDS[0], "Ann")
    assert history["reason"].tolist() == ["", "s", "st", "str", "str"]
    assert history["decision"].tolist() == ["enhancer"] * 4 + ["silencer"]
    assert history["updated"].is_monotonic_increasing
    assert history["updated"].is_unique
    assert desk.history(worklist, IDS[1]).empty


def test_a_clock_that_goes_back_does_not_bring_back_old_decisions(desk, worklist, clock):
    first = desk.decide(worklist, IDS[0], "Ann", "enhancer")
    clock(-3600)
    second = desk.decide(worklist, IDS[0], "Ann", "silencer")
    assert second.updated > first.updated
    assert desk.decision(worklist, IDS[0], "Ann").decision == "silencer"


def test_undo_takes_back_decisions_wherever_they_were(desk, worklist, clock):
    desk.decide(worklist, IDS[0], "Ann", "enhancer")
    clock(5)
    desk.decide(worklist, IDS[1], "Ann", "silencer", "low")
    clock(5)
    desk.decide(worklist, IDS[0], "Bo", "neither")
    undone = desk.undo(worklist, "Ann")
    assert (undone.element_id, undone.decision[:2]) == (IDS[1], ("", ""))
    assert desk.undo(worklist, "Ann").element_id == IDS[0]
    assert desk.undo(worklist, "Ann") is None
    assert desk.progress(worklist, "Ann").done == 0
    assert desk.progress(worklist, "Bo").done == 1
    steps = desk.history(worklist, reviewer="Ann")
    assert sorted(steps["step"]) == ["undo", "undo", "undone", "undone"]
    clock(5)
    desk.decide(worklist, IDS[1], "Ann", "unsure")
    assert desk.undo(worklist, "Ann", IDS[1]).decision.decision == ""
    assert desk.undo(worklist, "Ann", IDS[1]) is None


def test_typing_without_a_pause_is_one_step_to_undo(desk, worklist, clock):
    desk.decide(worklist, IDS[0], "Ann", "enhancer")
    for pause, reason in ((0.3, "w"), (0.3, "we"), (9, "we a"), (0.3, "we ag"), (0.3, "we agree")):
        clock(pause)
        desk.decide(worklist, IDS[0], "Ann", "enhancer", reason)
    left = []
    while (undone := desk.undo(worklist, "Ann")) is not None:
        left.append(undone.decision[:2])
    assert left == [("enhancer", "we"), ("enhancer", ""), ("", "")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(st.sampled_from(["enhancer", "silencer", "unsure", "undo"]), max_size=12))
def test_undo_walks_back_what_was_decided(desk, actions):
    worklist = desk.add_worklist("List", ELEMENTS[:1])
    stack = [""]
    for action in actions:
        if action == "undo":
            undone = desk.undo(worklist, "Ann")
            assert (undone is None) == (len(stack) == 1)
            stack = stack[: max(len(stack) - 1, 1)]
        elif stack[-1] != action:
            desk.decide(worklist, IDS[0], "Ann", action)
            stack.append(action)
        assert desk.decision(worklist, IDS[0], "Ann").decision == stack[-1]


def test_next_undecided_goes_round(desk, worklist):
    for place in (0, 2, 3):
        desk.decide(worklist, IDS[place], "Ann", "neither")
    assert desk.next_undecided(worklist, "Ann") == IDS[1]
    assert desk.next_undecided(worklist, "Ann", after=IDS[1]) == IDS[4]
    assert desk.next_undecided(worklist, "Ann", after=IDS[5]) == IDS[1]
    assert desk.next_undecided(worklist, "Ann", after=IDS[4], backwards=True) == IDS[1]
    assert desk.next_undecided(worklist, "Ann", after=IDS[1], backwards=True) == IDS[5]
    assert desk.next_undecided(worklist, "Bo", after=IDS[0]) == IDS[1]
    for place in (1, 4):
        desk.decide(worklist, IDS[place], "Ann", "unsure")
    assert desk.next_undecided(worklist, "Ann", after=IDS[5]) == IDS[5]  # only that is left
    desk.decide(worklist, IDS[5], "Ann", "enhancer")
    assert desk.next_undecided(worklist, "Ann") is None


def test_steps_stop_at_the_ends(desk, worklist):
    assert desk.step(worklist, IDS[2]) == IDS[3]
    assert desk.step(worklist, IDS[0], -1) == IDS[0]
    assert desk.step(worklist, IDS[4], 10) == IDS[5]


def test_names_of_worklists(desk, worklist):
    second = desk.add_worklist("List", ELEMENTS[:1])
    assert desk.worklists()["name"].tolist() == ["List", "List (2)"]
    with pytest.raises(ValueError, match="a worklist named 'List' already"):
        desk.rename_worklist(second, "List")
    desk.rename_worklist(second, "Other")
    desk.rename_worklist(second, "Other")
    assert desk.worklists()["name"].tolist() == ["List", "Other"]


def test_deletion_says_what_goes_and_leaves_the_rest(desk, worklist):
    other = desk.add_worklist("Other", ELEMENTS)
    for target in (worklist, other):
        desk.decide(target, IDS[0], "Ann", "enhancer")
    desk.decide(worklist, IDS[1], "Bo", "", "only a reason")
    sentence = "The worklist 'List' has 6 elements and 2 decisions by 2 reviewers."
    assert desk.deletion(worklist) == sentence
    assert desk.delete_worklist(worklist) == sentence
    assert desk.worklists()["worklist_id"].tolist() == [other]
    assert desk.progress(other, "Ann").done == 1
    with pytest.raises(ValueError, match="no worklist"):
        desk.decide(worklist, IDS[0], "Ann", "enhancer")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing", IDS[0], "Ann", "enhancer"), "no worklist 'nothing'"),
        ((None, "el-0", "Ann", "enhancer"), "no element 'el-0'"),
        ((None, IDS[0], "  ", "enhancer"), "reviewer's name is empty"),
        ((None, IDS[0], "x" * 201, "enhancer"), "has 201 letters"),
        ((None, IDS[0], "Ann", "maybe"), "'maybe'; it can be enhancer, silencer, neither, unsure, or empty"),
        ((None, IDS[0], "Ann", ["enhancer"]), "it can be enhancer"),
        ((None, IDS[0], "Ann", "enhancer", "x" * 20_001), "20,001 letters"),
        ((None, IDS[0], "Ann", "enhancer", 3), "must be text"),
    ],
)
def test_what_is_no_decision_is_refused(desk, worklist, arguments, words):
    target, *rest = arguments
    with pytest.raises(ValueError, match=words):
        desk.decide(target or worklist, *rest)
    assert desk.history(worklist).empty


def test_lists_that_are_none_are_refused(desk):
    with pytest.raises(ValueError, match="holds no element"):
        desk.add_worklist("Empty", [])
    with pytest.raises(ValueError, match="no column score"):
        desk.add_worklist("Part", element_table(ELEMENTS).drop(columns="score"))
    with pytest.raises(ValueError, match="plain JSON types"):
        desk.add_worklist("Odd", ELEMENTS, {"model": math.nan})
    assert desk.worklists().empty


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "\0", "a\udc80b", "é" * 99, "\ufffe", "' OR 1=1 --"])
def test_any_reason_comes_back(desk, worklist, text):
    desk.decide(worklist, IDS[0], "Ann", "enhancer", text)
    assert desk.decision(worklist, IDS[0], "Ann").reason == text.replace("\udc80", "\ufffd")


def test_reviewers_names_are_composed(desk, worklist):
    desk.decide(worklist, IDS[0], "Jose\u0301", "enhancer")
    desk.decide(worklist, IDS[1], "Jos\u00e9", "enhancer")
    assert desk.reviewers(worklist) == ["Jos\u00e9"]


def test_threads_share_a_desk(desk, worklist):
    def work(name):
        for reason in range(25):
            desk.decide(worklist, IDS[reason % 6], name, "enhancer", str(reason))

    threads = [threading.Thread(target=work, args=(f"R{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.history(worklist)) == 100


def test_the_usual_file_is_in_the_home_folder(home):
    assert vetting_path() == home / "vetting.sqlite"
    assert Decision() == ("", "", "")


def test_a_keystroke_and_the_next_element_are_quick_in_a_long_list(desk):
    table = element_table([Element("chr1", i, i + 9) for i in range(20_000)])
    worklist = desk.add_worklist("Long", table)
    name = table["element_id"].iloc[-1]
    seconds = []
    for number in range(50):
        start = time.perf_counter()
        desk.decide(worklist, name, "Ann", "enhancer", "x" * number)
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[25] < 0.005
    start = time.perf_counter()
    desk.next_undecided(worklist, "Ann", name)
    desk.element(worklist, name)
    desk.progress(worklist, "Ann")
    assert time.perf_counter() - start < 0.5
