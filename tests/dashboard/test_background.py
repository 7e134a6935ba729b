"""What pages must not wait for: answered once, newest first, failures kept for a while."""

import threading
import time

import pytest

from dashboard.background import FAILED_SECONDS, Background, settled

PATIENCE = 10


def test_an_answer_is_kept_and_asked_for_once():
    calls = []
    background = Background(threads=2)
    for _ in range(2):
        (future,) = background.ask({"key": lambda: calls.append(1) or "answer"})
        assert future.result(PATIENCE) == "answer"
    assert len(calls) == 1
    background.forget("key")
    background.ask({"key": lambda: calls.append(1)})[0].result(PATIENCE)
    assert len(calls) == 2


def test_a_failure_is_kept_for_a_while_and_then_tried_again():
    now = [0.0]
    background = Background(threads=1, clock=lambda: now[0])
    calls = []

    def fail():
        calls.append(1)
        raise OSError("The server is away.")

    for seconds, expected in ((0, 1), (FAILED_SECONDS - 1, 1), (1, 2)):
        now[0] += seconds
        (future,) = background.ask({"key": fail})
        with pytest.raises(OSError, match="away"):
            future.result(PATIENCE)
        assert len(calls) == expected


def test_the_newest_questions_are_answered_first():
    background = Background(threads=1)
    gate, order = threading.Event(), []
    first = background.ask({"hold": lambda: gate.wait(PATIENCE)})
    time.sleep(0.05)
    old = background.ask({n: lambda n=n: order.append(n) for n in (1, 2)})
    new = background.ask({n: lambda n=n: order.append(n) for n in (3, 4)})
    gate.set()
    assert settled([*first, *old, *new], PATIENCE)
    assert order == [3, 4, 1, 2]


def test_waiting_ends_in_time_and_others_are_not_held_up():
    background = Background(threads=2)
    gate = threading.Event()
    slow = background.ask({"slow": lambda: gate.wait(PATIENCE)})
    start = time.monotonic()
    assert not settled(slow, 0.05)
    assert time.monotonic() - start < 2
    assert background.ask({"fast": lambda: 1})[0].result(PATIENCE) == 1
    gate.set()
    assert settled(slow, PATIENCE)


def test_old_answers_are_dropped_and_what_is_under_way_is_not():
    background = Background(threads=1, keep=2)
    gate = threading.Event()
    (slow,) = background.ask({"slow": lambda: gate.wait(PATIENCE)})
    for n in range(5):
        background.ask({n: lambda: 1})
    assert background.ask({"slow": lambda: 2})[0] is slow
    gate.set()
    assert settled([slow], PATIENCE)


def test_an_unexpected_error_is_logged_and_the_thread_goes_on(caplog):
    background = Background(threads=1)
    (future,) = background.ask({"bad": lambda: 1 / 0})
    with pytest.raises(ZeroDivisionError):
        future.result(PATIENCE)
    assert background.ask({"good": lambda: 1})[0].result(PATIENCE) == 1
    assert "A question of a page failed" in caplog.text
