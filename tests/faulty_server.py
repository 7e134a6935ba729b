"""A local HTTP server that serves given bytes, and fails in a given way when told to.

It speaks GET and HEAD, Range with If-Range (206, 416), ETag and redirects, keeps connections open as real servers do,
and notes every request.
"""

import contextlib
import hashlib
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

__all__ = [
    "Cut",
    "Drip",
    "FaultyServer",
    "NoIfRange",
    "NoLength",
    "NoRange",
    "Short",
    "Stall",
    "Status",
    "Truncate",
    "WrongBytes",
    "WrongType",
    "etag",
]


@dataclass(frozen=True)
class Status:
    """Answer with this status instead of the content."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"no luck"


@dataclass(frozen=True)
class Cut:
    """Promise everything, send so many bytes, then reset the connection."""

    bytes_sent: int


@dataclass(frozen=True)
class Truncate:
    """Promise everything, send so many bytes, then close the connection properly."""

    bytes_sent: int


@dataclass(frozen=True)
class Short:
    """Send so many bytes as though they were everything: only a known size or a checksum can tell."""

    bytes_sent: int


@dataclass(frozen=True)
class WrongBytes:
    """Send the right number of bytes with one in the middle changed."""


@dataclass(frozen=True)
class WrongType:
    """Send something else with status 200, such as a login page."""

    content_type: str = "text/html"
    body: bytes = b"<!DOCTYPE html><html><body>Please sign in</body></html>"


@dataclass(frozen=True)
class Drip:
    """Send one byte, wait so many seconds, and so on."""

    seconds: float


@dataclass(frozen=True)
class Stall:
    """Promise everything, send so many bytes, then keep the connection open and send nothing."""

    bytes_sent: int


@dataclass(frozen=True)
class NoIfRange:
    """Answer a Range request with that range whatever its If-Range says."""


@dataclass(frozen=True)
class NoRange:
    """Answer a Range request with the whole content and status 200."""


@dataclass(frozen=True)
class NoLength:
    """Send no Content-Length; the connection's end is the content's end."""


Fault = Status | Cut | Truncate | Short | WrongBytes | WrongType | Drip | Stall | NoIfRange | NoRange | NoLength


@dataclass
class _Served:
    content: bytes
    content_type: str
    headers: dict[str, str]


class FaultyServer:
    """Serve on a free port of this machine for as long as the `with` block lasts.

    Attributes:
        url: "http://127.0.0.1:PORT".
        requests: (method, path with query, headers) of every request so far, in the order they came.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self._served: dict[str, _Served] = {}
        self._redirects: dict[str, tuple[str, int, dict[str, str]]] = {}
        self._faults: dict[tuple[str, str], list[Fault]] = {}
        self._always: dict[tuple[str, str], Fault] = {}
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def add(
        self,
        path: str,
        content: bytes,
        content_type: str = "application/octet-stream",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Serve content at a path, replacing what was there. A path without query answers whatever the query."""
        self._served[path] = _Served(content, content_type, headers or {})

    def redirect(self, path: str, target: str, status: int = 307, headers: dict[str, str] | None = None) -> None:
        """Send those who ask for `path` to `target`, a path of this server or a whole URL."""
        self._redirects[path] = (target, status, headers or {})

    def fault(self, path: str, *faults: Fault, always: bool = False, method: str = "GET") -> None:
        """Fail at a path: one fault a request in this order and good answers after them; always: every request."""
        if always:
            (self._always[method, path],) = faults
        else:
            self._faults.setdefault((method, path), []).extend(faults)

    def heal(self, path: str, method: str = "GET") -> None:
        """Forget the faults of a path."""
        self._faults.pop((method, path), None)
        self._always.pop((method, path), None)

    def asked(self, path: str, method: str = "GET") -> list[dict[str, str]]:
        """Headers of the requests for a path so far."""
        return [headers for verb, asked, headers in self.requests if verb == method and path in _names(asked)]

    def __enter__(self) -> "FaultyServer":
        # A short poll interval, because shutdown() waits for it.
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()

    def take_fault(self, method: str, path: str) -> Fault | None:
        """For the handler: the fault of this request."""
        with self._lock:
            for name in _names(path):
                if self._faults.get((method, name)):
                    return self._faults[method, name].pop(0)
                if (method, name) in self._always:
                    return self._always[method, name]
        return None

    def find(self, path: str) -> _Served | tuple[str, int, dict[str, str]] | None:
        """For the handler: what stands at a path, a redirect before content."""
        for name in _names(path):
            found = self._redirects.get(name) or self._served.get(name)
            if found is not None:
                return found
        return None


def _names(path: str) -> tuple[str, ...]:
    """A requested path as it came, without its query, and without percent signs."""
    bare = urlsplit(path).path
    return path, bare, unquote(bare)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: object) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def get_request(self):
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is no error here."""

    def hang_up(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *arguments: object) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            server.requests.append((self.command, self.path, dict(self.headers)))
            fault = server.take_fault(self.command, self.path)
            if isinstance(fault, Status):
                self._answer(fault.status, fault.body, {"Content-Type": "text/plain", **fault.headers})
                return
            found = server.find(self.path)
            if found is None:
                self._answer(404, b"not here", {"Content-Type": "text/plain"})
            elif isinstance(found, tuple):
                self._answer(found[1], b"", {"Location": found[0], **found[2]})
            elif isinstance(fault, WrongType):
                self._answer(200, fault.body, {"Content-Type": fault.content_type})
            else:
                self._content(found, fault)

        do_HEAD = do_GET

        def _content(self, served: _Served, fault: Fault | None) -> None:
            content = served.content
            headers = {"Content-Type": served.content_type, "Accept-Ranges": "bytes", "ETag": etag(content)}
            headers |= served.headers
            asked = None if isinstance(fault, NoRange) else self.headers.get("Range")
            if not isinstance(fault, NoIfRange) and self.headers.get("If-Range") not in (None, headers["ETag"]):
                asked = None
            if asked is None:
                self._answer(200, content, headers, fault)
                return
            start, end = _range(asked, len(content))
            if start >= end:
                self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
            self._answer(206, content[start:end], headers, fault)

        def _answer(self, status: int, body: bytes, headers: dict[str, str], fault: Fault | None = None) -> None:
            if isinstance(fault, Short):
                body = body[: fault.bytes_sent]
            if isinstance(fault, WrongBytes) and body:
                middle = len(body) // 2
                body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if isinstance(fault, NoLength):
                self.close_connection = True
            elif "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if isinstance(fault, Drip):
                for place in range(len(body)):
                    self.wfile.write(body[place : place + 1])
                    if server.stopping.wait(fault.seconds):
                        return
            elif isinstance(fault, Cut | Truncate | Stall):
                self.wfile.write(body[: fault.bytes_sent])
                self.wfile.flush()
                self.close_connection = True
                if isinstance(fault, Stall):
                    server.stopping.wait()
                if isinstance(fault, Cut):
                    time.sleep(0.02)  # a reset overtakes what was sent just before it
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
            else:
                self.wfile.write(body)

    return Handler


def etag(content: bytes) -> str:
    """The ETag that goes with content, unless its headers have another."""
    return f'"{hashlib.md5(content).hexdigest()}"'


def _range(text: str, size: int) -> tuple[int, int]:
    """The half-open interval of a Range header with one range."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    first, last = match.groups() if match else ("0", "")
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
