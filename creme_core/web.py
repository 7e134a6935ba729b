"""Small answers from other people's servers: one place that speaks HTTP, politely.

CREME_OFFLINE=1 refuses every request. CREME_MIRROR=http://host/ asks http://host/X/Y wherever https://X/Y is meant, for
a lab whose machines see nothing but a mirror. The usual proxy variables are respected.
"""

import contextlib
import email.utils
import hashlib
import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from creme_core.home import home, write_whole

if TYPE_CHECKING:
    import requests

__all__ = [
    "HTTPStatus",
    "Offline",
    "address",
    "fetch",
    "fetch_headers",
    "fetch_json",
    "is_offline",
    "is_temporary",
    "reason",
    "session",
    "wait_seconds",
]

USER_AGENT = "creme-dashboard"
CONNECT_SECONDS = 15.0
# Wait this long before the second attempt, twice as long before the third, and so on.
BACKOFF_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
# Seconds between two requests to a host, as its owners ask: UCSC one a second, Ensembl 55,000 an hour, ENCODE 10 a
# second.
PAUSES = {"api.genome.ucsc.edu": 1.0, "rest.ensembl.org": 1 / 15, "www.encodeproject.org": 1 / 10}
PIECE = 2**16

T = TypeVar("T")
_turns: dict[str, float] = {}
_turns_lock = threading.Lock()


class Offline(OSError):
    """Nothing can be asked: the offline switch is on, or the host did not answer in any attempt."""


class HTTPStatus(ValueError):
    """The server answered, and the answer is no success.

    Attributes:
        status: the HTTP status.
        body: what came with it.
        retry_after: the server's Retry-After, if it sent one.
    """

    def __init__(self, url: str, status: int, body: bytes = b"", retry_after: str | None = None):
        self.status, self.body, self.retry_after = status, body, retry_after
        super().__init__(f"{_place(url)} answered with HTTP status {status}: {_meaning(status)}.")


def is_offline() -> bool:
    """Whether CREME_OFFLINE is set to anything but nothing or 0."""
    return os.environ.get("CREME_OFFLINE", "") not in ("", "0")


def address(url: str) -> str:
    """The URL to ask for a public URL: itself, or its place on the mirror that CREME_MIRROR names."""
    mirror = os.environ.get("CREME_MIRROR", "").rstrip("/")
    parts = urlsplit(url)
    if not mirror or parts.scheme not in ("http", "https") or url == mirror or url.startswith(f"{mirror}/"):
        return url
    return f"{mirror}/{url.partition('://')[2]}"


def session() -> "requests.Session":
    """A session with our name on it that goes by the mirror after a redirect too; close it after use."""
    import requests

    class Session(requests.Session):
        def get_redirect_target(self, resp: "requests.Response") -> str | None:
            target = super().get_redirect_target(resp)
            return target and address(target)

    made = Session()
    made.headers["User-Agent"] = USER_AGENT
    return made


def fetch(
    url: str,
    *,
    accept: str | None = None,
    limit: int = 64 * 2**20,
    timeout: float = 60.0,
    attempts: int = 4,
    fresh_seconds: float | None = None,
) -> bytes:
    """The body of a GET, whole.

    Asked again, after a growing wait, when the server is busy (408, 425, 429 with its Retry-After) or broken (5xx),
    and when the connection fails, ends early or is too slow.

    Args:
        url: the public address.
        accept: content of the Accept header.
        limit: most bytes to take.
        timeout: seconds for one attempt, from its start to the last byte.
        attempts: how often to ask.
        fresh_seconds: take an earlier answer, kept under `home()`, when it is younger than this.

    Raises:
        Offline: CREME_OFFLINE is set, or no attempt brought a whole answer.
        HTTPStatus: an answer that is no success; at once for 4xx.
        ValueError: an answer larger than `limit`.
    """
    kept = _kept_path(url, accept)
    if fresh_seconds is not None and (body := _kept(kept, fresh_seconds)) is not None:
        return body
    body = _patiently(url, attempts, lambda: _ask(url, accept, limit, timeout))
    if fresh_seconds is not None:
        _keep(kept, body)
    return body


def fetch_json(url: str, **options: Any) -> Any:
    """The parsed JSON body of a GET; arguments and errors as `fetch`, and ValueError when the body is no JSON."""
    options = {"accept": "application/json", **options}
    body = fetch(url, **options)
    try:
        return json.loads(body)
    except ValueError:
        # What a login page answered must not stand in for the server as long as an answer is fresh.
        with contextlib.suppress(OSError):
            _kept_path(url, options["accept"]).unlink()
        start = body[:60].decode("utf-8", "replace").strip()
        raise ValueError(
            f"{_place(url)} did not answer with JSON but with {start!r}; a proxy or a login page may stand in between."
        ) from None


def fetch_headers(
    url: str, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0, attempts: int = 4
) -> Mapping[str, str]:
    """Headers of the answer to a HEAD, of the host itself: a redirect to another host is not followed, one within is.

    Returns:
        Name to value; names in any case.

    Raises:
        Offline, HTTPStatus: as `fetch`.
    """

    def ask() -> Mapping[str, str]:
        place, wait = address(url), (min(CONNECT_SECONDS, timeout), timeout)
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        _take_turn(urlsplit(url).hostname or "")
        with session() as asking:
            for _ in range(5):
                with asking.head(place, headers=sent, timeout=wait, allow_redirects=False) as response:
                    target = response.headers.get("Location", "")
                    if response.is_redirect and not urlsplit(target).netloc:
                        place = urljoin(place, target)
                        continue
                    if response.status_code >= 400:
                        raise HTTPStatus(url, response.status_code, b"", response.headers.get("Retry-After"))
                    return response.headers
        raise ConnectionError("TooManyRedirects")

    return _patiently(url, attempts, ask)


def is_temporary(status: int) -> bool:
    """Whether asking again later may help."""
    return status in (408, 425, 429) or status >= 500


def wait_seconds(attempt: int, retry_after: str | None = None) -> float:
    """Seconds to wait after a failed attempt (1, 2, ...): what the server asks for in Retry-After, else back-off."""
    if retry_after:
        try:
            asked = float(retry_after)
        except ValueError:
            try:
                asked = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
            except ValueError:
                asked = 0.0
        return min(asked, LONGEST_WAIT_SECONDS) if asked > 0 else 0.0
    # Random, so that clients that failed together do not come back together.
    return min(BACKOFF_SECONDS * 2 ** (attempt - 1) * random.uniform(0.75, 1.25), LONGEST_WAIT_SECONDS)


def reason(error: BaseException) -> str:
    """What went wrong with a connection, in a few plain words."""
    text = f"{type(error).__name__} {error}"
    for sign, words in (
        ("NameResolution", "the host's name is not known here"),
        ("ProxyError", "the proxy refused the connection"),
        ("SSL", "the encrypted connection failed, a proxy or a wrong clock may be the cause"),
        ("refused", "the connection was refused"),
        ("ConnectTimeout", "the host does not answer"),
        ("timed out", "the host is too slow"),
        ("IncompleteRead", "the connection ended early"),
        ("reset", "the connection was cut"),
        ("TooManyRedirects", "it redirects in a circle"),
        ("unreachable", "the network can't be reached"),
    ):
        if sign in text:
            return words
    return str(error) if isinstance(error, TimeoutError | EOFError) else "the connection failed"


def _patiently(url: str, attempts: int, ask: Callable[[], T]) -> T:
    """What `ask` returns, asked again after a wait when it fails in a way that may pass."""
    if is_offline():
        raise Offline(f"{_place(url)} was not asked, because CREME_OFFLINE is set; unset it to use the network.")
    for attempt in range(1, attempts + 1):
        try:
            return ask()
        except HTTPStatus as error:
            if attempt == attempts or not is_temporary(error.status):
                raise
            wait = wait_seconds(attempt, error.retry_after)
        except OSError as error:  # requests' errors are OSErrors
            if attempt == attempts:
                tried = f"{attempts} attempts" if attempts > 1 else "one attempt"
                raise Offline(
                    f"{_place(url)} can't be read after {tried}: {reason(error)}. Check the connection, or go on "
                    "with what is here."
                ) from error
            wait = wait_seconds(attempt)
        time.sleep(wait)
    raise AssertionError("attempts is at least 1")


def _ask(url: str, accept: str | None, limit: int, timeout: float) -> bytes:
    _take_turn(urlsplit(url).hostname or "")
    deadline = time.monotonic() + timeout
    headers = {} if accept is None else {"Accept": accept}
    wait = (min(CONNECT_SECONDS, timeout), timeout)
    with session() as asking, asking.get(address(url), headers=headers, timeout=wait, stream=True) as response:
        if not response.ok:
            body = _body(response, url, 2**16, deadline, strict=False)
            raise HTTPStatus(url, response.status_code, body, response.headers.get("Retry-After"))
        return _body(response, url, limit, deadline)


def _body(response: "requests.Response", url: str, limit: int, deadline: float, strict: bool = True) -> bytes:
    import urllib3

    pieces, size = [], 0
    try:
        # read1 gives what is there: read would wait for a full piece, and a drip would never be noticed.
        while piece := response.raw.read1(PIECE, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                if not strict:
                    break
                raise ValueError(f"{_place(url)} sends more than the {limit:,} bytes expected at most; it is not read.")
            if time.monotonic() > deadline:
                raise TimeoutError("the answer timed out")
    except urllib3.exceptions.HTTPError as error:  # an early end among them: urllib3 compares with Content-Length
        if strict:
            raise ConnectionError(f"{type(error).__name__} {error}") from error
    return b"".join(pieces)


def _take_turn(host: str) -> None:
    """Wait until this host may be asked again; threads get their turns one after another."""
    pause = PAUSES.get(host)
    if not pause:
        return
    with _turns_lock:
        turn = max(time.monotonic(), _turns.get(host, 0.0))
        _turns[host] = turn + pause
    time.sleep(max(0.0, turn - time.monotonic()))


def _kept(path: Path, fresh_seconds: float) -> bytes | None:
    """An earlier answer, when it is young enough and undamaged."""
    try:
        if time.time() - path.stat().st_mtime > fresh_seconds:
            return None
        digest, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return body if hashlib.sha256(body).hexdigest().encode() == digest else None


def _kept_path(url: str, accept: str | None) -> Path:
    return home() / "web" / hashlib.sha256(f"{accept}\n{url}".encode()).hexdigest()


def _keep(path: Path, body: bytes) -> None:
    with contextlib.suppress(OSError):  # not kept, only slower next time
        write_whole(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def _place(url: str) -> str:
    """Host and path of a URL; the query may hold a signature."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def _meaning(status: int) -> str:
    if status in (401, 403):
        return "access is not allowed"
    if status in (404, 410):
        return "it is not there, or not under this address any more"
    if status == 429:
        return "it asks for fewer requests; try again later"
    return "the server has a problem; try again later" if status >= 500 else "it refuses the request"
