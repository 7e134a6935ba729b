"""Background runs, shared by every browser session of this process. No Streamlit in here.

A run is a thread that asks for a turn before each call of the model. One turn at a time is granted on a device, to the
session that has waited longest since its last, so a long run never holds up a short one of somebody else by more than a
batch. Equal runs are one run. Nothing is lost when a tab closes: finished runs stay until newer ones push them out.
"""

import itertools
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from creme_core.predictor import Cancelled, Progress

__all__ = ["Controls", "Jobs", "Snapshot", "Turns"]

logger = logging.getLogger(__name__)

RunState = Literal["queued", "running", "done", "failed", "cancelled"]
UNFINISHED = ("queued", "running")
UNEXPECTED = "The run stopped on an unexpected error; the details are in the terminal the dashboard was started from."
RATE_WINDOW = 30  # progress reports that the rate is taken over


@dataclass(eq=False)
class _Ticket:
    """One request for a turn."""

    session: Hashable
    background: bool
    number: int


class Turns:
    """Grants one device to one holder at a time, to the waiting session served longest ago.

    Background tickets wait until no foreground run is under way at all, not only until none asks at this instant.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._holder: _Ticket | None = None
        self._served: dict[Hashable, int] = {}
        self._clock = itertools.count()
        self._foreground_runs = 0

    @contextmanager
    def foreground(self) -> Iterator[None]:
        """Hold background work off for as long as a foreground run lasts."""
        with self._changed:
            self._foreground_runs += 1
        try:
            yield
        finally:
            with self._changed:
                self._foreground_runs -= 1
                self._changed.notify_all()

    @contextmanager
    def take(
        self, session: Callable[[], Hashable], cancel: threading.Event, background: bool = False
    ) -> Iterator[None]:
        """Wait for a turn and hold it inside the with block.

        session is asked when the turn is requested: a shared run changes hands when its first owner leaves.

        Raises:
            Cancelled: when cancel is set before the turn comes.
        """
        with self._changed:
            ticket = _Ticket(session(), background, next(self._clock))
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: cancel.is_set() or self._is_next(ticket))
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
            if cancel.is_set():
                raise Cancelled("The run was cancelled.")
            self._holder = ticket
            self._served[ticket.session] = next(self._clock)
        try:
            yield
        finally:
            with self._changed:
                self._holder = None
                self._changed.notify_all()

    def wake(self) -> None:
        """Let waiting runs look at their cancel event."""
        with self._changed:
            self._changed.notify_all()

    def _is_next(self, ticket: _Ticket) -> bool:
        if self._holder is not None:
            return False
        allowed = [other for other in self._waiting if not (other.background and self._foreground_runs)]
        return bool(allowed) and ticket is min(allowed, key=self._order)

    def _order(self, ticket: _Ticket) -> tuple[bool, int, int]:
        return ticket.background, self._served.get(ticket.session, -1), ticket.number


@dataclass(frozen=True)
class Controls:
    """What a run is handed: pass these on to Predictor(turn=) and to an experiment (on_progress=, cancel=).

    `say` tells what is being done where the counts do not.
    """

    on_progress: Callable[[Progress], None]
    cancel: threading.Event
    turn: Callable[[], AbstractContextManager[None]]
    say: Callable[[str], None]


@dataclass(frozen=True)
class Snapshot:
    """A run at one instant, as one session sees it.

    done, total and reused count sequences; rate is in sequences a second, seconds_left and seconds in seconds;
    place counts from 1 (next to start) and is None once started; others counts other runs on the same device; note is
    what the run said it is doing.
    """

    key: Hashable
    label: str
    state: RunState
    done: int
    total: int
    reused: int
    rate: float | None
    seconds_left: float | None
    seconds: float
    place: int | None
    others: int
    result: Any
    error: str | None
    note: str | None = None

    @property
    def unfinished(self) -> bool:
        """Whether there is more to come."""
        return self.state in UNFINISHED


@dataclass(eq=False)
class _Job:
    key: Hashable
    label: str
    work: Callable[[Controls], Any]
    background: bool
    owners: list[Hashable]  # the sessions that want it; the first one's share of the device pays for it
    left: set[Hashable] = field(default_factory=set)  # sessions that cancelled while another kept it
    state: RunState = "queued"
    cancel: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    done: int = 0
    total: int = 0
    reused: int = 0
    result: Any = None
    error: str | None = None
    note: str | None = None
    started: float | None = None
    ended: float | None = None
    # Time and sequences computed at each report; what the store gave would flatter the rate.
    history: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))


class Jobs:
    """Every run of the process on one device.

    Args:
        at_once: runs that may be under way together, interleaved; others queue. A session has one at a time.
        keep: finished runs kept, the least recently looked at dropped first.
        clock: seconds from a monotonic clock.
    """

    def __init__(self, at_once: int = 8, keep: int = 48, clock: Callable[[], float] = time.monotonic):
        self.turns = Turns()
        self._at_once = at_once
        self._keep = keep
        self._clock = clock
        self._lock = threading.RLock()
        self._last_rate: float | None = None
        self._active: OrderedDict[Hashable, _Job] = OrderedDict()  # queued and running, oldest first
        self._finished: OrderedDict[Hashable, _Job] = OrderedDict()  # least recently looked at first

    def submit(
        self,
        key: Hashable,
        work: Callable[[Controls], Any],
        session: Hashable,
        label: str = "",
        background: bool = False,
    ) -> None:
        """Start a run, join the equal one that is under way, or keep the one that is done.

        work gets Controls and returns the result; a ValueError or OSError it raises is shown as its own sentence.
        """
        with self._lock:
            job = self._active.get(key)
            if job is not None and not job.cancel.is_set():
                job.left.discard(session)
                if session not in job.owners:
                    job.owners.append(session)
                if not background:
                    job.background = False
                return
            if key in self._finished and self._finished[key].state == "done":
                self._finished.move_to_end(key)
                return
            self._finished.pop(key, None)
            if job is not None:
                # The equal run was cancelled and is on its way out: let it leave under another name.
                self._active[(key, object())] = self._active.pop(key)
            self._active[key] = _Job(key, label, work, background, [session])
            self._start_waiting()

    def cancel(self, key: Hashable, session: Hashable) -> None:
        """Give up a run. It stops within a batch, unless another session wants it too."""
        with self._lock:
            job = self._active.get(key)
            if job is None or session not in job.owners:
                return
            job.owners.remove(session)
            job.left.add(session)
            if job.owners:
                return
            job.cancel.set()
            if job.state == "queued":
                self._finish(job, "cancelled")
                self._start_waiting()
        self.turns.wake()

    def snapshot(self, key: Hashable, session: Hashable = None) -> Snapshot | None:
        """The run as this session sees it, or None when there is none (any more)."""
        with self._lock:
            job = self._active.get(key)
            if job is None:
                job = self._finished.get(key)
                if job is None:
                    return None
                self._finished.move_to_end(key)
            return self._view(job, session)

    def done(self, match: Callable[[Hashable], bool]) -> list[Snapshot]:
        """Runs whose key matches and that came to their end, the last one looked at first."""
        with self._lock:
            jobs = [job for key, job in self._finished.items() if job.state == "done" and match(key)]
            return [self._view(job, None) for job in reversed(jobs)]

    @property
    def last_rate(self) -> float | None:
        """Sequences a second of the run that ended last, or None before there was one."""
        with self._lock:
            return self._last_rate

    def wait(self, key: Hashable, timeout: float | None = None) -> Snapshot | None:
        """Block until the run has ended (or timeout seconds have passed), for scripts and tests."""
        with self._lock:
            job = self._active.get(key)
        if job is not None:
            job.finished.wait(timeout)
        return self.snapshot(key)

    def _view(self, job: _Job, session: Hashable) -> Snapshot:
        state: RunState = "cancelled" if session in job.left and job.state in UNFINISHED else job.state
        rate = self._rate(job)
        seconds_left = (job.total - job.done) / rate if rate and job.state == "running" else None
        until = self._clock() if job.ended is None else job.ended
        queue = [other for other in self._active.values() if other.state == "queued" and not other.background]
        return Snapshot(
            key=job.key,
            label=job.label,
            state=state,
            done=job.done,
            total=job.total,
            reused=job.reused,
            rate=rate,
            seconds_left=seconds_left,
            seconds=0.0 if job.started is None else until - job.started,
            place=queue.index(job) + 1 if job in queue else None,
            others=sum(other is not job and not other.background for other in self._active.values()),
            result=job.result,
            error=job.error,
            note=job.note,
        )

    def _rate(self, job: _Job) -> float | None:
        if len(job.history) < 2:
            return None
        (first_time, first_done), (last_time, last_done) = job.history[0], job.history[-1]
        if last_time <= first_time or last_done <= first_done:
            return None
        return (last_done - first_done) / (last_time - first_time)

    def _start_waiting(self) -> None:
        """Start every queued run that may start, oldest first. The lock is held."""
        for job in list(self._active.values()):
            running = [other for other in self._active.values() if other.state == "running"]
            if len(running) >= self._at_once:
                return
            if job.state != "queued" or any(
                other.owners[:1] == job.owners[:1] for other in running if not other.cancel.is_set()
            ):
                continue
            job.state = "running"
            job.started = self._clock()
            threading.Thread(target=self._run, args=(job,), name=f"run {job.label}", daemon=True).start()

    def _run(self, job: _Job) -> None:
        controls = Controls(
            on_progress=lambda progress: self._record(job, progress),
            cancel=job.cancel,
            turn=lambda: self.turns.take(lambda: self._payer(job), job.cancel, job.background),
            say=lambda note: self._note(job, note),
        )
        state: RunState
        result, error = None, None
        try:
            if job.background:
                result = job.work(controls)
            else:
                with self.turns.foreground():
                    result = job.work(controls)
            state = "done"
        except Cancelled:
            state = "cancelled"
        except (ValueError, OSError) as problem:
            state, error = "failed", str(problem)
            logger.info("The run %s failed: %s", job.label, problem)
        except Exception:
            state, error = "failed", UNEXPECTED
            logger.exception("The run %s failed", job.label)
        with self._lock:
            if result is not None:
                job.result = result
            job.error = error
            self._finish(job, state)
            self._start_waiting()

    def _payer(self, job: _Job) -> Hashable:
        with self._lock:
            return job.owners[0] if job.owners else None

    def _record(self, job: _Job, progress: Progress) -> None:
        with self._lock:
            job.done, job.total, job.reused = progress.done, progress.total, progress.reused
            if progress.result is not None:
                job.result = progress.result
            job.history.append((self._clock(), progress.done - progress.reused))

    def _note(self, job: _Job, note: str) -> None:
        with self._lock:
            job.note = note

    def _finish(self, job: _Job, state: RunState) -> None:
        """Move a run from the active to the finished ones. The lock is held."""
        job.state = state
        job.ended = self._clock()
        if not job.background:  # whole sequences one by one say nothing about a test's edits
            self._last_rate = self._rate(job) or self._last_rate
        replaced = self._active.get(job.key) is not job
        name = next(name for name, other in self._active.items() if other is job)
        del self._active[name]
        if not replaced:
            self._finished[job.key] = job
            while len(self._finished) > self._keep:
                self._finished.popitem(last=False)
        job.finished.set()
