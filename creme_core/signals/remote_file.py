"""A file of a web server as a file-like object that asks for the parts it needs, in the child process."""

import os
import re
import time
from collections import OrderedDict
from typing import Any

import requests
import urllib3

from creme_core import web
from creme_core.signals.structure import Unreadable

__all__ = ["RemoteFile", "prepare"]

BLOCK = 2**16
KEPT_BLOCKS = 256
MOST_AHEAD = 8
ATTEMPTS = 3
# A server that knows no ranges may send a small file whole.
WHOLE_BYTES = 2**23

_session: requests.Session | None = None
_deadline = float("inf")


def prepare(request: dict[str, Any]) -> None:
    """Take over from the parent what may have changed since this process started, and the time there is."""
    global _deadline
    _deadline = time.monotonic() + request["seconds"] * 0.9
    for name, value in request["environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    web.BACKOFF_SECONDS = request["backoff"]


class RemoteFile:
    """A URL to read, seek and tell in. Blocks of 64 KiB are asked for, neighbours together, and kept for a while.

    Attributes:
        size: bytes of the file.
        failure: why the last read failed; for those who read through a library that hides it.

    Raises:
        Unreadable: the server does not answer, has no such file, or does not send parts of files.
    """

    def __init__(self, url: str):
        global _session
        _session = _session or web.session()
        self.failure: Unreadable | None = None
        self.size = 0
        self._url = url
        self._direct: str | None = None  # where redirects led
        self._position = 0
        self._whole: bytes | None = None
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next, self._ahead = 0, 1
        self._load(0, 1)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move as files do."""
        self._position = max(0, offset + (0, self._position, self.size)[whence])
        return self._position

    def tell(self) -> int:
        """Where the next read starts."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer at the end of the file."""
        try:
            start = min(self._position, self.size)
            end = self.size if size < 0 else min(start + size, self.size)
            content = self._between(start, end)
        except Unreadable as error:
            self.failure = error
            raise
        self._position = start + len(content)
        return content

    def _between(self, start: int, end: int) -> bytes:
        if self._whole is not None or start == end:
            return (self._whole or b"")[start:end]
        first, last = start // BLOCK, (end - 1) // BLOCK + 1
        if last - first > KEPT_BLOCKS:
            raise Unreadable("it asks for a part that is larger than any part should be")
        missing = [number for number in range(first, last) if number not in self._blocks]
        if missing:
            # Those who read on are given more at a time: every request is a wait.
            self._ahead = min(2 * self._ahead, MOST_AHEAD) if missing[0] == self._next else 1
            self._next = min(max(missing[-1] + 1, missing[0] + self._ahead), (self.size - 1) // BLOCK + 1)
            self._load(missing[0], self._next)
        if self._whole is not None:
            return self._whole[start:end]
        for number in range(first, last):
            self._blocks.move_to_end(number)
        content = b"".join(self._blocks[number] for number in range(first, last))
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return content[start - first * BLOCK : end - first * BLOCK]

    def _load(self, first: int, last: int) -> None:
        """Ask for blocks [first, last), again when the server is busy or the connection fails."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                content = self._ask(first * BLOCK, last * BLOCK)
                break
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, EOFError) as error:
                words = f"{web.reason(error)}, after {attempt} attempts; check the connection"
                wait = web.wait_seconds(attempt)
                last_error = Unreadable(words, network=True)
            except web.HTTPStatus as error:
                if not web.is_temporary(error.status):
                    raise Unreadable(f"the server answered with HTTP status {error.status}") from error
                last_error = Unreadable(f"the server answered with HTTP status {error.status}", network=True)
                wait = web.wait_seconds(attempt, error.retry_after)
            if attempt == ATTEMPTS or time.monotonic() + wait > _deadline:
                raise last_error
            time.sleep(wait)
        for number in range(first, last):
            place = (number - first) * BLOCK
            self._blocks[number] = content[place : place + BLOCK]

    def _ask(self, start: int, end: int) -> bytes:
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        left = max(0.1, _deadline - time.monotonic())
        url = self._direct or self._url
        with _session.get(url, headers=headers, timeout=(min(left, web.CONNECT_SECONDS), left), stream=True) as reply:
            if reply.status_code in (401, 403, 404, 410) and self._direct:
                self._direct = None  # a signed address that has run out
                raise ConnectionError("the connection was cut")
            if reply.status_code == 416:
                raise Unreadable("it is empty (0 bytes), or was exchanged while it was read")
            if not reply.ok:
                raise web.HTTPStatus(url, reply.status_code, retry_after=reply.headers.get("Retry-After"))
            if reply.history:
                self._direct = reply.url
            if reply.status_code != 206:
                return self._all(reply)[start:end]
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", reply.headers.get("Content-Range", ""))
            if match is None or int(match[1]) != start:
                raise Unreadable("the server sends other parts of it than those asked for")
            size = int(match[3])
            if self.size not in (0, size):
                raise Unreadable("it was exchanged on the server while it was read; try again")
            self.size = size
            return _body(reply, min(end, size) - start)

    def _all(self, reply: requests.Response) -> bytes:
        """The whole of a small file, from a server that sends no parts."""
        known = "Content-Length" in reply.headers
        size = int(reply.headers["Content-Length"]) if known else WHOLE_BYTES + 1
        content = _body(reply, min(size, WHOLE_BYTES + 1), exact=known)
        if len(content) > WHOLE_BYTES:
            raise Unreadable(
                f"the server sends only whole files, and this one has more than {WHOLE_BYTES // 2**20} MB; save it and "
                "open it from disk"
            )
        self._whole, self.size = content, len(content)
        return content


def _body(reply: requests.Response, size: int, exact: bool = True) -> bytes:
    pieces, got = [], 0
    while got < size and (piece := reply.raw.read1(min(BLOCK, size - got), decode_content=False)):
        pieces.append(piece)
        got += len(piece)
        if time.monotonic() > _deadline:
            raise TimeoutError("the answer timed out")
    if exact and got < size:
        raise EOFError("the connection ended early")
    return b"".join(pieces)
