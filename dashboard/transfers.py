"""Downloads in the background of the process, followed by every page. No Streamlit in here."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from creme_core import downloads

__all__ = ["Standing", "Transfers"]

logger = logging.getLogger(__name__)

AT_ONCE = 2  # downloads that share the line


@dataclass(frozen=True)
class Standing:
    """How a download stands.

    Attributes:
        state: of the download as a whole.
        done, total: bytes; total is None where nobody says.
        file: the one under way.
        rate: bytes a second since it was started; 0 before that is known.
        error: what went wrong, one sentence.
        stopping: somebody cancelled it; it ends when the host sends the next bytes, or is given up.
    """

    state: Literal["waiting", "running", "done", "cancelled", "failed"] = "waiting"
    done: int = 0
    total: int | None = None
    file: str = ""
    rate: float = 0.0
    error: str = ""
    stopping: bool = False

    @property
    def unfinished(self) -> bool:
        """Whether it goes on."""
        return self.state in ("waiting", "running")

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far."""
        if not self.rate or self.total is None:
            return None
        return max(self.total - self.done, 0) / self.rate


class Transfers:
    """At most one download of a name at a time, each in a thread of its own.

    Args:
        on_change: called when a download ended, however it did: some of its files may have come, so what was read from
            others is read anew.
        get: as `downloads.get`.
    """

    def __init__(self, on_change: Callable[[], None], get: Callable = downloads.get):
        self._on_change = on_change
        self._get = get
        self._standings: dict[str, Standing] = {}
        self._cancels: dict[str, threading.Event] = {}
        self._room = threading.Semaphore(AT_ONCE)
        self._lock = threading.Lock()

    def start(self, name: str) -> None:
        """Begin, or go on with, a download; nothing happens where it is under way."""
        with self._lock:
            standing = self._standings.get(name)
            if standing is not None and standing.unfinished:
                return
            self._standings[name] = Standing()
            cancel = self._cancels[name] = threading.Event()
        threading.Thread(target=self._work, args=(name, cancel), name=f"download {name}", daemon=True).start()

    def cancel(self, name: str) -> None:
        """Stop a download; what came so far is kept, and starting it again goes on from there."""
        with self._lock:
            if name in self._cancels:
                self._cancels[name].set()
                self._standings[name] = replace(self._standings[name], stopping=True)

    def standing(self, name: str) -> Standing | None:
        """How a download stands; None for one that nobody has started."""
        with self._lock:
            return self._standings.get(name)

    @property
    def unfinished(self) -> bool:
        """Whether any goes on."""
        with self._lock:
            return any(standing.unfinished for standing in self._standings.values())

    def _work(self, name: str, cancel: threading.Event) -> None:
        with self._room:
            begun: list[float | int] = []

            def follow(done: int, total: int | None, file: str) -> None:
                now = time.monotonic()
                if not begun:
                    begun.extend((now, done))  # what was here already says nothing about the rate
                seconds = now - begun[0]
                rate = (done - begun[1]) / seconds if seconds > 0.5 else 0.0
                self._put(name, state="running", done=done, total=total, file=file, rate=rate)

            ended, told = "done", ""
            try:
                if not cancel.is_set():
                    self._get(name, on_progress=follow, cancel=cancel)
            except BaseException as error:  # the page has to be told, whatever it was
                if not cancel.is_set():
                    ended, told = "failed", str(error) or type(error).__name__
                    if not isinstance(error, (ValueError, OSError)):
                        logger.exception("The download %s failed.", name)
        try:
            self._on_change()  # before the page is told that it ended, so that it finds what came
        finally:
            self._put(name, state="cancelled" if cancel.is_set() else ended, error=told)

    def _put(self, name: str, **values) -> None:
        with self._lock:
            self._standings[name] = replace(self._standings[name], **values)
