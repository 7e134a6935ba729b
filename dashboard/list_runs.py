"""Work on one thing of a list after another, for the whole process: it goes on whoever looks. No Streamlit in here."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from dashboard.jobs import UNEXPECTED

__all__ = ["ListRun", "ListRuns"]

logger = logging.getLogger(__name__)

KEPT = 32
MOST_PROBLEMS = 1000  # that are kept in words


class ListRun:
    """One thing after another, in a thread of its own.

    Args:
        total: how many things there are.
        things: gives them; asked in the thread.
        run: does the work for one of them; may raise ValueError or OSError where it can't, looks at the event that it
            is given, and may return something to keep.
        name: of a thing, for people.

    Attributes:
        done: things that were dealt with, failed ones counted.
        failed: how many could not be.
        problems: a sentence for each of those.
        found: what run returned, but None.
        error: a sentence, where the whole came to an unexpected end.
    """

    def __init__(
        self,
        total: int,
        things: Callable[[], Iterable[Any]],
        run: Callable[[Any, threading.Event], Any],
        name: Callable[[Any], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.total = total
        self.done = self.failed = 0
        self.problems: list[str] = []
        self.found: list[Any] = []
        self.error = ""
        self._things, self._run, self._name, self._clock = things, run, name, clock
        self._cancel = threading.Event()
        self._ended = threading.Event()
        self._started = clock()
        self._thread = threading.Thread(target=self._work, name="tests of a list", daemon=True)
        self._thread.start()

    @property
    def unfinished(self) -> bool:
        """Whether it goes on."""
        return not self._ended.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._cancel.is_set()

    @property
    def seconds_left(self) -> float | None:
        """By the pace so far; None before there is one."""
        spent = self._clock() - self._started
        return spent / self.done * (self.total - self.done) if self.done else None

    def cancel(self) -> None:
        """Stop after the sequence that is being predicted; what was computed is kept."""
        self._cancel.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it has ended, for scripts and tests; whether it has."""
        return self._ended.wait(timeout)

    def _work(self) -> None:
        try:
            for thing in self._things():
                if self._cancel.is_set():
                    return
                self._one(thing)
        except (ValueError, OSError) as error:
            self.error = str(error)
        except Exception:
            logger.exception("The tests of a list ended")
            self.error = UNEXPECTED
        finally:
            self._ended.set()

    def _one(self, thing: Any) -> None:
        problem = ""
        try:
            found = self._run(thing, self._cancel)
        except (ValueError, OSError) as error:
            problem = str(error)
        except Exception:  # the others are still to be had
            logger.exception("The tests of %s failed", self._name(thing))
            problem = UNEXPECTED
        if self._cancel.is_set():
            return  # it was broken off
        if problem:
            self.failed += 1
            if len(self.problems) < MOST_PROBLEMS:
                self.problems.append(f"{self._name(thing)}: {problem}")
        elif found is not None:
            self.found.append(found)
        self.done += 1


class ListRuns:
    """Every such work of the process, by what it is about."""

    def __init__(self):
        self._lock = threading.Lock()
        self._runs: OrderedDict[Hashable, ListRun] = OrderedDict()

    def get(self, key: Hashable) -> ListRun | None:
        """The work under that key that goes on or ended last."""
        with self._lock:
            return self._runs.get(key)

    def start(self, key: Hashable, make: Callable[[], ListRun]) -> ListRun:
        """Begin, or join what goes on under that key."""
        with self._lock:
            run = self._runs.get(key)
            if run is None or not run.unfinished or run.cancelled:
                run = self._runs[key] = make()
            self._runs.move_to_end(key)
            for old in [key for key, kept in self._runs.items() if not kept.unfinished][:-KEPT]:
                del self._runs[old]
            return run

    def cancel(self, match: Callable[[Hashable], bool]) -> None:
        """Stop all whose key matches."""
        with self._lock:
            for key, run in self._runs.items():
                if match(key):
                    run.cancel()
