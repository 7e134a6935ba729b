"""One file from its source to its final name, whatever the network does in between.

What comes is written to NAME.part and goes on from there (Range) after a cut, a stall, a kill or a restart.
NAME.part.json says which file the part is of, so that parts of two versions are never joined. Only bytes that pass
their checks get the final name.
"""

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from creme_core import web
from creme_core.downloads.catalogue import RemoteFile
from creme_core.downloads.disk import DiskError, check_disk, in_words, writing
from creme_core.downloads.origin import hub_headers
from creme_core.downloads.verify import checksum_of, form_problem, head_problem

if TYPE_CHECKING:
    import requests

__all__ = ["Cancel", "Cancelled", "Facts", "part_of", "pause", "stop_if", "transfer"]

# Give up after so many attempts in a row that brought the file no further; a cut of a large file that goes on is none.
ATTEMPTS = 6
FURTHER_BYTES = 2**18
# A connection that brings fewer bytes than this in so many seconds is taken for stalled and asked again.
STALL_SECONDS = 20.0
STALL_BYTES = 2**13
PIECE = 2**18


class Cancel(Protocol):
    """Anything that says whether to stop, such as a threading.Event."""

    def is_set(self) -> bool:
        """Whether to stop."""


class Cancelled(Exception):
    """The download was stopped on request; what had come is kept and the next one goes on from there."""


class _WrongError(ValueError):
    """What came is not the file; asking once more may help. `keep`: the part that is here is none of it."""

    def __init__(self, problem: str, keep: bool = False):
        super().__init__(problem)
        self.keep = keep


@dataclass(frozen=True)
class Facts:
    """What is known of a file that was fetched and passed its checks."""

    url: str
    size: int
    sha256: str
    checksum: str | None


def part_of(target: Path) -> tuple[Path, Path]:
    """The file that what has come is in, and the note that says what it is of."""
    return target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")


def stop_if(cancel: Cancel | None) -> None:
    """Raise Cancelled when cancel is set."""
    if cancel is not None and cancel.is_set():
        raise Cancelled("The download was cancelled; what had come is kept, and the next one goes on from there.")


def transfer(
    session: "requests.Session",
    remote: RemoteFile,
    target: Path,
    *,
    on_bytes: Callable[[int, int | None], None],
    accept: Callable[[Facts], None],
    cancel: Cancel | None = None,
) -> Facts:
    """Fetch a file, resuming what an earlier attempt left, and give it its name once it has passed its checks.

    Args:
        session: from `web.session()`.
        remote: the file, as `resolve` returns it.
        target: its final name; the folder is made.
        on_bytes: told the file's bytes so far and in all (None where the server does not say).
        accept: told the facts just before the file gets its name.
        cancel: looked at after each piece.

    Raises:
        Cancelled: cancel was set; what came stays as a part.
        web.Offline: no attempt brought the file further; what came stays as a part.
        web.HTTPStatus: a refusal that will not pass by itself.
        ValueError: what came is not the file, twice; nothing of it is kept.
        OSError: the disk is full or can't be written.
    """
    part, note = part_of(target)
    fruitless, wrong, best = 0, 0, _size(part)
    while True:
        stop_if(cancel)
        retry_after = None
        try:
            _attempt(session, remote, target, on_bytes, cancel)
            facts = _verified(remote, part)
            break
        except (DiskError, Cancelled):
            raise
        except _WrongError as error:
            if not error.keep:
                _discard(part, note)
                best = 0
            wrong += 1
            if wrong == 2:
                raise ValueError(
                    f"{remote.name} from {urlsplit(remote.url).netloc} {error}, also when asked again; try later or "
                    f"from another network, or put the file into {target.parent} yourself."
                ) from None
        except web.HTTPStatus as error:
            if not web.is_temporary(error.status) or fruitless + 1 >= ATTEMPTS:
                raise
            fruitless, retry_after = fruitless + 1, error.retry_after
        except _network_errors() as error:
            size = _size(part)
            fruitless = 0 if size >= best + FURTHER_BYTES else fruitless + 1
            best = max(best, size)
            if fruitless >= ATTEMPTS:
                raise web.Offline(
                    f"{remote.name} can't be fetched from {urlsplit(remote.url).netloc} after {ATTEMPTS} attempts: "
                    f"{web.reason(error)}. {in_words(size)} of it are kept, and the same command goes on from there."
                ) from error
        pause(web.wait_seconds(max(fruitless, 1), retry_after), cancel)
    accept(facts)
    with writing(target):
        os.replace(part, target)
        note.unlink(missing_ok=True)
    return facts


def _attempt(
    session: "requests.Session",
    remote: RemoteFile,
    target: Path,
    on_bytes: Callable[[int, int | None], None],
    cancel: Cancel | None,
) -> None:
    """One request; returns when the part is as long as it is to be."""
    part, note = part_of(target)
    have, known = _kept(remote, part, note)
    if have and have == remote.size:
        return
    # Nothing may be packed for the way: sizes and ranges are those of the file.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if remote.checksum is None:  # with a checksum, servers that disagree on ETags don't cost the part
            headers["If-Range"] = known["validator"]
    if remote.on_hub:
        headers |= hub_headers()
    waits = (web.CONNECT_SECONDS, STALL_SECONDS)
    with session.get(web.address(remote.url), headers=headers, timeout=waits, stream=True) as response:
        if response.status_code == 416 and have:
            # There is nothing after what is here: it is whole, or it is not of this file.
            if response.headers.get("Content-Range") == f"bytes */{have}":
                return
            raise _WrongError("has another length than before")
        if not response.ok:
            raise web.HTTPStatus(remote.url, response.status_code, retry_after=response.headers.get("Retry-After"))
        start, total = _place(response)
        if start not in (0, have) or (start and _other(known, response)):
            raise _WrongError("was answered with another part than asked for")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise _WrongError("is a web page (a login page, a proxy or an error page stands in between)", keep=True)
        if remote.size is not None and total not in (None, remote.size):
            raise _WrongError(f"has {total:,} bytes where {remote.size:,} are expected", keep=True)
        total = remote.size if total is None else total
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if total is not None:
                check_disk(target.parent, total - start)
            if not start:
                part.unlink(missing_ok=True)  # before the note: never an old part under a new note
                note.write_text(json.dumps(_identity(remote, response)), encoding="utf-8")
        _receive(response, remote, part, start, total, on_bytes, cancel)


def _receive(
    response: "requests.Response",
    remote: RemoteFile,
    part: Path,
    done: int,
    total: int | None,
    on_bytes: Callable[[int, int | None], None],
    cancel: Cancel | None,
) -> None:
    with writing(part):
        file = part.open("ab" if done else "wb")
    with file:
        head = b"" if not done else None
        window, since = done, time.monotonic()
        on_bytes(done, total)
        # read1 gives what is there, so that a stall is seen and a cut keeps all that came.
        while piece := response.raw.read1(PIECE, decode_content=False):
            if head is not None:
                head += piece[:512]
                if problem := head_problem(remote.content, head):
                    raise _WrongError(problem)
                if len(head) >= 512:
                    head = None
            with writing(part):
                file.write(piece)
                file.flush()  # a kill loses nothing that came
            done += len(piece)
            if total is not None and done > total:
                raise _WrongError(f"is longer than the {total:,} bytes expected")
            on_bytes(done, total)
            stop_if(cancel)
            if time.monotonic() > since + STALL_SECONDS:
                if done < window + STALL_BYTES:
                    raise TimeoutError("the host timed out")
                window, since = done, time.monotonic()
        with writing(part):
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise EOFError("the connection ended early")


def _verified(remote: RemoteFile, part: Path) -> Facts:
    """What is known of a complete part; raises _WrongError when it is not the file."""
    size = _size(part)
    if remote.size is not None and size != remote.size:
        raise _WrongError(f"has {size:,} bytes where {remote.size:,} are expected")
    if remote.checksum is not None:
        kind = remote.checksum.partition(":")[0]
        found = checksum_of(part, kind)
        if found != remote.checksum:
            raise _WrongError(f"has the checksum {found} where {remote.checksum} is expected")
    elif problem := form_problem(part, remote.content, remote.lines):
        raise _WrongError(problem)
    sha256 = remote.checksum if (remote.checksum or "").startswith("sha256:") else checksum_of(part, "sha256")
    return Facts(remote.url, size, sha256.partition(":")[2], remote.checksum)


def _kept(remote: RemoteFile, part: Path, note: Path) -> tuple[int, dict[str, Any]]:
    """Bytes of this very file that are here already, and what was noted of it; 0 when it can't be told."""
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        size = part.stat().st_size
        same = known["checksum"] == remote.checksum and (remote.checksum or known["url"] == remote.url)
        usable = same and (remote.checksum or known["validator"]) and size <= (remote.size or size)
    except (OSError, ValueError, KeyError, TypeError):
        return 0, {}
    return (size, known) if usable else (0, {})


def _identity(remote: RemoteFile, response: "requests.Response") -> dict[str, Any]:
    """What tells this version of a file from another."""
    etag = response.headers.get("ETag", "")
    # A weak ETag does not promise equal bytes, and If-Range must not have one.
    validator = response.headers.get("Last-Modified") if etag.startswith("W/") or not etag else etag
    return {"url": remote.url, "checksum": remote.checksum, "validator": validator, "etag": etag}


def _other(known: dict[str, Any], response: "requests.Response") -> bool:
    """Whether a range is of another version than the part, as far as ETags tell and no checksum will."""
    etag = response.headers.get("ETag")
    return known["checksum"] is None and bool(etag and known["etag"]) and etag != known["etag"]


def _place(response: "requests.Response") -> tuple[int, int | None]:
    """Where the answer's bytes begin in the file, and the file's size."""
    if response.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None:
            raise _WrongError("was answered with a part of unknown place")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    packed = response.headers.get("Content-Encoding", "identity") != "identity"
    return 0, int(length) if length.isdigit() and not packed else None


def _discard(part: Path, note: Path) -> None:
    with writing(part):
        part.unlink(missing_ok=True)
        note.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def pause(seconds: float, cancel: Cancel | None) -> None:
    """Wait, unless cancelled meanwhile."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        stop_if(cancel)
        time.sleep(min(left, 0.1))


def _network_errors() -> tuple[type[BaseException], ...]:
    import requests
    import urllib3

    return (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError, EOFError)
