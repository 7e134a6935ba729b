import threading
from contextlib import contextmanager

import numpy as np
import pytest

from creme_core.predictor import Cancelled, Progress
from dashboard.jobs import UNEXPECTED, Jobs, Turns

PATIENCE = 20  # seconds that only a broken queue would take


class Steps:
    """A run of several batches, each of which waits until the test lets it go; `log` holds who had the device."""

    def __init__(self, name, batches, log=None, result="result"):
        self.name, self.batches, self.result = name, batches, result
        self.log = [] if log is None else log
        self.go = threading.Semaphore(0)
        self.entered = threading.Semaphore(0)
        self.runs = 0

    def __call__(self, controls):
        self.runs += 1
        for batch in range(self.batches):
            with controls.turn():
                if controls.cancel.is_set():
                    raise Cancelled
                self.log.append(self.name)
                self.entered.release()
                assert self.go.acquire(timeout=PATIENCE)
            done = 2 * (batch + 1)
            activity = np.zeros((2 * self.batches, 1))
            controls.on_progress(Progress(done, 2 * self.batches, 1, activity, f"partial {self.name} {batch}"))
        return self.result

    def let(self, batches):
        for _ in range(batches):
            self.go.release()

    def await_batch(self):
        assert self.entered.acquire(timeout=PATIENCE)


def until(condition, turns):
    """Block on the queue's own condition variable, not on a clock."""
    with turns._changed:
        assert turns._changed.wait_for(condition, PATIENCE)


def test_a_run_goes_from_queued_to_done_and_keeps_its_result():
    jobs = Jobs()
    steps = Steps("a", 2)
    jobs.submit("key", steps, "alice", "label")
    steps.await_batch()
    running = jobs.snapshot("key", "alice")
    assert (running.state, running.done, running.label, running.place) == ("running", 0, "label", None)
    steps.let(2)
    done = jobs.wait("key", PATIENCE)
    assert (done.state, done.done, done.total, done.reused, done.result) == ("done", 4, 4, 1, "result")
    assert jobs.snapshot("unknown") is None


def test_a_partial_result_can_be_read_while_the_run_goes_on():
    jobs = Jobs()
    steps = Steps("a", 2)
    jobs.submit("key", steps, "alice")
    steps.await_batch()
    steps.let(1)
    steps.await_batch()  # the second batch starts after the first was reported
    seen = jobs.snapshot("key")
    assert (seen.state, seen.done, seen.result) == ("running", 2, "partial a 0")
    steps.let(1)
    jobs.wait("key", PATIENCE)


def test_sessions_take_turns_batch_by_batch():
    jobs, log = Jobs(), []
    runs = {name: Steps(name, 3, log) for name in ("a", "b", "c")}
    runs["a"].let(0)
    jobs.submit("a", runs["a"], "alice")
    runs["a"].await_batch()
    for waiting, name in enumerate(("b", "c"), start=1):
        jobs.submit(name, runs[name], name)
        until(lambda expected=waiting: len(jobs.turns._waiting) == expected, jobs.turns)
    # Everybody asks again before the holder lets go, so the order is the queue's decision alone.
    for expected in ("a", "b", "c", "a", "b", "c", "a", "b", "c"):
        assert log[-1] == expected
        before = len(log)
        runs[expected].let(1)
        if before < 9:
            until(lambda count=before: len(log) > count, jobs.turns)
            still = sum(log.count(name) < 3 for name in runs if name != log[-1])
            until(lambda count=still: len(jobs.turns._waiting) == count, jobs.turns)
    for name in runs:
        assert jobs.wait(name, PATIENCE).state == "done"
    assert log == ["a", "b", "c"] * 3


def test_one_session_has_one_run_at_a_time_and_the_other_does_not_wait_for_both():
    jobs = Jobs()
    first, second, other = Steps("a1", 1), Steps("a2", 1), Steps("b", 1)
    jobs.submit("a1", first, "alice")
    first.await_batch()
    jobs.submit("a2", second, "alice")
    jobs.submit("b", other, "bob")
    assert (jobs.snapshot("a2").state, jobs.snapshot("a2").place) == ("queued", 1)
    assert jobs.snapshot("b").state == "running"
    assert jobs.snapshot("a1").others == 2
    for steps in (first, second, other):
        steps.let(1)
    assert [jobs.wait(key, PATIENCE).state for key in ("a1", "a2", "b")] == ["done"] * 3


def test_places_in_the_queue_count_from_the_oldest():
    jobs = Jobs(at_once=1)
    steps = [Steps(str(number), 1) for number in range(3)]
    for number, run in enumerate(steps):
        jobs.submit(number, run, f"session {number}")
    assert [jobs.snapshot(number).place for number in range(3)] == [None, 1, 2]
    for run in steps:
        run.let(1)
    assert [jobs.wait(number, PATIENCE).state for number in range(3)] == ["done"] * 3


def test_background_work_waits_for_a_pause_of_all_foreground_runs():
    jobs, log = Jobs(), []
    front, back = Steps("front", 3, log), Steps("back", 1, log)
    jobs.submit("front", front, "alice")
    front.await_batch()
    jobs.submit("back", back, "nobody", background=True)
    until(lambda: len(jobs.turns._waiting) == 1, jobs.turns)
    front.let(3)
    back.let(1)
    assert jobs.wait("back", PATIENCE).state == "done"
    assert log == ["front", "front", "front", "back"]


def test_equal_runs_are_one_run():
    jobs = Jobs()
    steps, never = Steps("a", 1), Steps("never", 1)
    jobs.submit("key", steps, "alice")
    steps.await_batch()
    jobs.submit("key", never, "bob")
    steps.let(1)
    assert jobs.wait("key", PATIENCE).result == "result"
    jobs.submit("key", never, "carol")  # done already: shown, not repeated
    assert jobs.snapshot("key", "carol").state == "done"
    assert (steps.runs, never.runs) == (1, 0)


def test_cancel_stops_within_the_batch_and_keeps_what_there_is():
    jobs = Jobs()
    steps = Steps("a", 5)
    jobs.submit("key", steps, "alice")
    steps.await_batch()
    steps.let(1)
    steps.await_batch()
    jobs.cancel("key", "alice")
    assert jobs.snapshot("key", "alice").state == "cancelled"
    steps.let(1)  # the batch under way ends; no third one starts
    ended = jobs.wait("key", PATIENCE)
    assert (ended.state, ended.done, len(steps.log)) == ("cancelled", 4, 2)
    assert ended.result == "partial a 1"


def test_cancel_frees_a_run_that_waits_for_its_turn():
    jobs = Jobs()
    holder, waiter = Steps("a", 1), Steps("b", 1)
    jobs.submit("a", holder, "alice")
    holder.await_batch()
    jobs.submit("b", waiter, "bob")
    until(lambda: len(jobs.turns._waiting) == 1, jobs.turns)
    jobs.cancel("b", "bob")
    assert jobs.wait("b", PATIENCE).state == "cancelled"  # while alice still holds the device
    assert waiter.log == []
    holder.let(1)
    assert jobs.wait("a", PATIENCE).state == "done"


def test_cancel_of_a_queued_run_never_starts_it():
    jobs = Jobs(at_once=1)
    holder, queued = Steps("a", 1), Steps("b", 1)
    jobs.submit("a", holder, "alice")
    jobs.submit("b", queued, "bob")
    jobs.cancel("b", "bob")
    assert jobs.snapshot("b").state == "cancelled"
    holder.let(1)
    assert jobs.wait("a", PATIENCE).state == "done"
    assert queued.runs == 0


def test_a_shared_run_outlives_the_one_who_leaves():
    jobs = Jobs()
    steps = Steps("a", 2)
    jobs.submit("key", steps, "alice")
    jobs.submit("key", steps, "bob")
    steps.await_batch()
    jobs.cancel("key", "alice")
    assert jobs.snapshot("key", "alice").state == "cancelled"
    assert jobs.snapshot("key", "bob").state == "running"
    jobs.cancel("key", "mallory")  # who never asked for it
    steps.let(2)
    assert jobs.wait("key", PATIENCE).state == "done"
    assert jobs.snapshot("key", "alice").state == "done"


def test_a_run_asked_for_again_while_its_cancelled_self_leaves_starts_anew():
    jobs = Jobs()
    old, new = Steps("old", 2), Steps("new", 1, result="new result")
    jobs.submit("key", old, "alice")
    old.await_batch()
    jobs.cancel("key", "alice")
    jobs.submit("key", new, "alice")
    old.let(1)
    new.await_batch()
    new.let(1)
    ended = jobs.wait("key", PATIENCE)
    assert (ended.state, ended.result) == ("done", "new result")


def test_a_failed_run_says_its_sentence_and_may_be_tried_again():
    def refuse(controls):
        raise ValueError("shuffles is 0; it must be 1 or more.")

    jobs = Jobs()
    jobs.submit("key", refuse, "alice")
    failed = jobs.wait("key", PATIENCE)
    assert (failed.state, failed.error) == ("failed", "shuffles is 0; it must be 1 or more.")
    jobs.submit("key", lambda controls: 7, "alice")
    assert jobs.wait("key", PATIENCE).result == 7


def test_an_unexpected_error_is_logged_and_shown_as_one_sentence(caplog):
    def crash(controls):
        raise KeyError("secret/path")

    jobs = Jobs()
    jobs.submit("key", crash, "alice", "the label")
    failed = jobs.wait("key", PATIENCE)
    assert (failed.state, failed.error) == ("failed", UNEXPECTED)
    assert "secret/path" in caplog.text
    assert "the label" in caplog.text


def test_a_crashed_run_gives_its_turn_back():
    def crash(controls):
        with controls.turn():
            raise ValueError("out of memory")

    jobs = Jobs()
    jobs.submit("crash", crash, "alice")
    assert jobs.wait("crash", PATIENCE).state == "failed"
    steps = Steps("b", 1)
    steps.let(1)
    jobs.submit("b", steps, "bob")
    assert jobs.wait("b", PATIENCE).state == "done"


def test_the_run_looked_at_longest_ago_is_forgotten_first():
    jobs = Jobs(keep=2)
    for key in ("a", "b"):
        jobs.submit(key, lambda controls, key=key: key, "alice")
        jobs.wait(key, PATIENCE)
    assert jobs.snapshot("a").result == "a"
    jobs.submit("c", lambda controls: "c", "alice")
    jobs.wait("c", PATIENCE)
    assert jobs.snapshot("b") is None
    assert [jobs.snapshot(key).result for key in ("a", "c")] == ["a", "c"]


def test_rate_and_time_left_count_what_was_computed_not_what_was_stored():
    now = [100.0]
    jobs = Jobs(clock=lambda: now[0])
    reported, go = threading.Event(), threading.Event()

    def work(controls):
        now[0] = 103.0  # three seconds of planning
        controls.on_progress(Progress(40, 100, 40, np.zeros((100, 1))))  # the look-up in the store
        now[0] = 105.0
        controls.on_progress(Progress(60, 100, 50, np.zeros((100, 1))))
        reported.set()
        assert go.wait(PATIENCE)

    jobs.submit("key", work, "alice")
    assert reported.wait(PATIENCE)
    seen = jobs.snapshot("key")
    assert (seen.rate, seen.seconds_left, seen.seconds, seen.reused) == (5.0, 8.0, 5.0, 50)
    go.set()
    jobs.wait("key", PATIENCE)
    assert jobs.last_rate == 5.0


def test_background_work_does_not_slip_in_between_two_batches_of_a_foreground_run():
    turns, entered = Turns(), threading.Event()

    def background():
        with turns.take(lambda: "nobody", threading.Event(), background=True):
            entered.set()

    thread = threading.Thread(target=background)
    with turns.foreground():
        thread.start()
        until(lambda: len(turns._waiting) == 1, turns)
        with turns._changed:  # nobody holds the device, nobody else asks for it
            assert not turns._is_next(turns._waiting[0])
    assert entered.wait(PATIENCE)
    thread.join(PATIENCE)


def test_a_device_is_held_by_one_at_a_time():
    turns = Turns()
    inside = threading.Event()

    @contextmanager
    def held():
        with turns.take(lambda: "alice", threading.Event()):
            yield

    def second():
        with held():
            inside.set()

    with held():
        thread = threading.Thread(target=second)
        thread.start()
        until(lambda: len(turns._waiting) == 1, turns)
        assert not inside.is_set()
    thread.join(PATIENCE)
    assert inside.is_set()


def test_an_error_inside_a_turn_is_not_swallowed():
    turns = Turns()
    with pytest.raises(ValueError, match="inside"), turns.take(lambda: "alice", threading.Event()):
        raise ValueError("inside")
    with turns.take(lambda: "bob", threading.Event()):
        pass
