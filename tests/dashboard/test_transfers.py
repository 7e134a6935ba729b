"""Downloads in the background, with a stand-in for what fetches."""

import threading
import time

from dashboard.transfers import AT_ONCE, Standing, Transfers

PATIENCE = 10


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Line:
    """A download that goes on when it is told to."""

    def __init__(self, error=None):
        self.go, self.error, self.calls, self.busy, self.most_busy = threading.Event(), error, [], 0, 0
        self._lock = threading.Lock()

    def get(self, name, on_progress, cancel):
        with self._lock:
            self.calls.append(name)
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        on_progress(40, 100, "weights")
        while not self.go.wait(0.005):
            if cancel.is_set():
                with self._lock:
                    self.busy -= 1
                raise RuntimeError("stopped")
        with self._lock:
            self.busy -= 1
        if self.error:
            raise self.error
        on_progress(100, 100, "weights")


def make(line):
    changes = []
    return Transfers(on_change=lambda: changes.append(1), get=line.get), changes


def test_a_download_is_followed_to_its_end_and_what_was_open_is_read_anew():
    line = Line()
    transfers, changes = make(line)
    assert transfers.standing("a") is None
    transfers.start("a")
    wait_for(lambda: transfers.standing("a").done == 40)
    assert transfers.unfinished
    assert transfers.standing("a").total == 100
    line.go.set()
    wait_for(lambda: changes)
    assert transfers.standing("a").state == "done"
    assert transfers.standing("a").done == 100
    assert not transfers.unfinished


def test_a_second_start_joins_the_first():
    line = Line()
    transfers, changes = make(line)
    transfers.start("a")
    transfers.start("a")
    wait_for(lambda: line.calls)
    line.go.set()
    wait_for(lambda: changes)
    assert line.calls == ["a"]


def test_a_cancelled_download_can_be_started_again():
    line = Line()
    transfers, changes = make(line)
    transfers.start("a")
    wait_for(lambda: line.busy)
    transfers.cancel("a")
    assert transfers.standing("a").stopping
    wait_for(lambda: transfers.standing("a").state == "cancelled")
    assert len(changes) == 1  # some of its files may have come
    line.go.set()
    transfers.start("a")
    wait_for(lambda: transfers.standing("a").state == "done")
    assert len(changes) == 2


def test_one_that_fails_says_why():
    line = Line(OSError("The disk is full."))
    transfers, changes = make(line)
    line.go.set()
    transfers.start("a")
    wait_for(lambda: transfers.standing("a").state == "failed")
    assert transfers.standing("a").error == "The disk is full."
    assert len(changes) == 1


def test_no_more_than_a_few_share_the_line():
    line = Line()
    transfers, changes = make(line)
    for name in "abcd":
        transfers.start(name)
    wait_for(lambda: line.busy == AT_ONCE)
    assert [transfers.standing(name).state for name in "abcd"].count("waiting") == 4 - AT_ONCE
    line.go.set()
    wait_for(lambda: len(changes) == 4)
    assert line.most_busy == AT_ONCE


def test_the_time_left_follows_the_rate():
    assert Standing(done=25, total=100, rate=5).seconds_left == 15
    assert Standing(done=25, total=None, rate=5).seconds_left is None
    assert Standing(done=25, total=100).seconds_left is None
