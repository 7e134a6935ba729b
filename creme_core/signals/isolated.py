"""Asking child processes to read files that may be damaged or malicious, so that no file can crash or hang this one.

A few children stay, because starting one takes a tenth of a second. One that crashes, or takes too long, is replaced.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["CHILDREN", "ChildFailed", "Pool", "ask", "warm_up"]

CHILDREN = 4
LARGEST_ANSWER = 2**28
ROOT = Path(__file__).parents[2]


class ChildFailed(ValueError):
    """The child crashed, or was stopped for taking too long, over a file.

    Attributes:
        slow: whether it took too long.
    """

    def __init__(self, slow: bool):
        self.slow = slow
        super().__init__("the reading process took too long" if slow else "the reading process crashed")


class _Child:
    """One process, for one request at a time."""

    def __init__(self, command: Sequence[str]):
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        # One thread of linear algebra: more would take memory, and nothing here needs them.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self.sources: set[str] = set()

    def ask(self, request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        """The child's answer; afterwards `alive` says whether it can be asked again."""
        slow = threading.Event()

        def give_up() -> None:
            slow.set()
            self._process.kill()

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            self._process.stdin.write(json.dumps({**request, "seconds": seconds}).encode() + b"\n")
            self._process.stdin.flush()
            head = json.loads(self._process.stdout.readline(2**20))
            size = head.pop("bytes")
            last = head.pop("last")
            body = self._process.stdout.read(size) if 0 <= size <= LARGEST_ANSWER else b""
            if len(body) != size:
                raise EOFError
        except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError) as error:
            self.stop()
            raise ChildFailed(slow.is_set()) from error
        except BaseException:  # an answer left half read would be taken for the next one
            self.stop()
            raise
        finally:
            timer.cancel()
        if last or slow.is_set():
            self.stop()
        self.sources.add(request["source"])
        return head, body

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.wait()


class Pool:
    """Children that wait for requests; at most `size` work at once, and other askers wait for their turn.

    Args:
        command: starts a child.
        size: how many at most.
    """

    def __init__(self, command: Sequence[str], size: int = CHILDREN):
        self._command = tuple(command)
        self._places = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []

    def ask(self, request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        """What a child answers: JSON and raw bytes.

        Args:
            request: JSON-able, with "source", the file in question.
            seconds: how long it may take.

        Raises:
            ChildFailed: two children in a row crashed over it, or it took too long.
        """
        with self._places:
            try:
                return self._ask(request, seconds, fresh=False)
            except ChildFailed as error:
                if error.slow:
                    raise
            # It may have crashed over what another file did to it: a second opinion.
            return self._ask(request, seconds, fresh=True)

    def warm_up(self) -> None:
        """Have a child waiting, without waiting for it."""
        with self._lock:
            if not self._idle:
                self._idle.append(_Child(self._command))

    def close(self) -> None:
        """Stop the children that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.stop()

    def _ask(self, request: dict[str, Any], seconds: float, fresh: bool) -> tuple[dict[str, Any], bytes]:
        child = (None if fresh else self._take(request["source"])) or _Child(self._command)
        answer = child.ask(request, seconds)
        if child.alive:
            with self._lock:
                self._idle.append(child)
        return answer

    def _take(self, source: str) -> _Child | None:
        """A waiting child, one that knows the file if there is one: it may have it open."""
        with self._lock:
            for child in sorted(self._idle, key=lambda child: source in child.sources, reverse=True):
                self._idle.remove(child)
                if child.alive:
                    return child
                child.stop()
        return None


_pools: dict[tuple[int, bool], Pool] = {}
_pools_lock = threading.Lock()


def _shared(remote: bool = False) -> Pool:
    """This process's pool for files of this machine, or of servers: a silent server must not hold up local files.

    A forked process must not talk to its parent's children.
    """
    with _pools_lock:
        key = os.getpid(), remote
        if key not in _pools:
            pool = _pools[key] = Pool([sys.executable, "-P", "-m", "creme_core.signals.child"])
            atexit.register(pool.close)
        return _pools[key]


def ask(request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
    """Ask one of this process's children; see `Pool.ask`."""
    return _shared(bool(request.get("remote"))).ask(request, seconds)


def warm_up() -> None:
    """Start a child in the background, so that the first file is read sooner."""
    _shared().warm_up()
