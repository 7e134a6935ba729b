"""What takes a while to answer, asked for by pages that must not wait: servers, files, summaries. No Streamlit in here.

Answers are kept, and so are failures for a while, so that a page that is drawn again asks nobody again.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any

__all__ = ["Background", "settled"]

logger = logging.getLogger(__name__)

FAILED_SECONDS = 60.0


class Background:
    """Threads that answer questions, the newest batch of them first: a reader who has moved on waits for nothing old.

    The threads are daemons, so a silent server does not hold up the end of the process.

    Args:
        threads: how many questions are worked on at once.
        keep: answers kept, the least recently asked for dropped first.
        clock: seconds from a monotonic clock.
    """

    def __init__(self, threads: int, keep: int = 512, clock: Callable[[], float] = time.monotonic):
        self._threads = threads
        self._keep = keep
        self._clock = clock
        self._changed = threading.Condition()
        self._batches: list[deque[tuple[Future, Callable[[], Any]]]] = []
        self._kept: OrderedDict[Hashable, Future] = OrderedDict()
        self._failed: dict[Hashable, float] = {}
        self._workers = 0
        self._idle = 0

    def ask(self, questions: Mapping[Hashable, Callable[[], Any]]) -> list[Future]:
        """The answers to questions, under way or there already, in their order.

        Args:
            questions: key -> work; equal keys mean equal answers. What work raises is the future's exception, and is
                kept for FAILED_SECONDS.
        """
        batch: deque[tuple[Future, Callable[[], Any]]] = deque()
        futures = []
        with self._changed:
            for key, work in questions.items():
                future = self._kept.get(key)
                if future is not None and self._clock() - self._failed.get(key, self._clock()) >= FAILED_SECONDS:
                    future = None
                if future is None:
                    self._failed.pop(key, None)
                    future = self._kept[key] = Future()
                    batch.append((future, self._recording(key, future, work)))
                self._kept.move_to_end(key)
                futures.append(future)
            self._forget()
            if batch:
                self._batches.append(batch)
                self._start()
                self._changed.notify_all()
        return futures

    def forget(self, key: Hashable) -> None:
        """Have a question asked anew the next time."""
        with self._changed:
            self._kept.pop(key, None)
            self._failed.pop(key, None)

    def _recording(self, key: Hashable, future: Future, work: Callable[[], Any]) -> Callable[[], Any]:
        def answer() -> Any:
            try:
                return work()
            except BaseException:
                with self._changed:
                    if self._kept.get(key) is future:
                        self._failed[key] = self._clock()
                raise

        return answer

    def _forget(self) -> None:
        """Drop old answers; what is under way stays. The lock is held."""
        for key in list(self._kept)[: max(len(self._kept) - self._keep, 0)]:
            if self._kept[key].done():
                del self._kept[key]
                self._failed.pop(key, None)

    def _start(self) -> None:
        """Start threads where too few wait. The lock is held."""
        wanted = sum(map(len, self._batches)) - self._idle
        for _ in range(min(max(wanted, 0), self._threads - self._workers)):
            self._workers += 1
            threading.Thread(target=self._work, name="background", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._batches:
                    self._changed.wait()
                self._idle -= 1
                future, work = self._batches[-1].popleft()
                if not self._batches[-1]:
                    self._batches.pop()
            try:
                answer = work()
            except BaseException as error:
                if not isinstance(error, ValueError | OSError):
                    logger.exception("A question of a page failed")
                future.set_exception(error)
            else:
                future.set_result(answer)


def settled(futures: list[Future], patience: float) -> bool:
    """Wait up to `patience` seconds; whether all are answered by then."""
    return not wait_for(futures, patience).not_done
