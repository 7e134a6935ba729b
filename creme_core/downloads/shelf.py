"""What is here of the catalogue, getting the rest, checking it, and removing it.

Each download has a folder, `home()/data/NAME`, with its files under their public names, and `.manifest.json`: what each
was when it came (address, size, SHA-256, the source's own checksum), so that later damage can be found even where the
source publishes no checksum. Locks stand in `home()/data/.locks`.
"""

import difflib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from creme_core import web
from creme_core.downloads.catalogue import CATALOGUE, Download, RemoteFile
from creme_core.downloads.disk import check_disk, in_words, writing
from creme_core.downloads.origin import resolve
from creme_core.downloads.transfer import Cancel, Facts, part_of, stop_if, transfer
from creme_core.downloads.verify import checksum_of, form_problem
from creme_core.home import home, write_whole

__all__ = ["OnProgress", "State", "check", "find", "folder", "get", "remove", "require", "state"]

MANIFEST = ".manifest.json"
# How often those who wait for another process look, and how often progress is told.
POLL_SECONDS = 0.2
REPORT_SECONDS = 0.1

OnProgress = Callable[[int, int | None, str], None]


@dataclass(frozen=True)
class State:
    """What is here of a download, by names and sizes; `check` reads the contents.

    Attributes:
        present, missing: names of the files that are here, and that are not (or have another size than they came with).
        bytes_here: bytes of those present.
        partial_bytes: bytes of files that are on their way or were left half-way.
    """

    present: tuple[str, ...]
    missing: tuple[str, ...]
    bytes_here: int
    partial_bytes: int

    @property
    def complete(self) -> bool:
        """Whether every file is here."""
        return not self.missing


def find(name: str) -> Download:
    """The catalogue's entry.

    Raises:
        ValueError: there is none; the sentence names the nearest.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, n=1, cutoff=0.5)
    meant = f"; do you mean {near[0]!r}?" if near else "."
    raise ValueError(f"There is no download {name!r}; there are {', '.join(CATALOGUE)}{meant}")


def folder(name: str) -> Path:
    """Where a download's files stand; it may not exist yet.

    Raises:
        ValueError: the catalogue has no such name.
    """
    return home() / "data" / find(name).name


def state(name: str) -> State:
    """What is here of a download; looks at names and sizes only, so that a page may ask often."""
    base, manifest = folder(name), _manifest(name)
    present, missing, here, partial = [], [], 0, 0
    for file in find(name).files:
        size = _size(base / file.name)
        if size is None or size != manifest.get(file.name, {}).get("size", size if file.size is None else file.size):
            missing.append(file.name)
            partial += _size(part_of(base / file.name)[0]) or 0
        else:
            present.append(file.name)
            here += size
    return State(tuple(present), tuple(missing), here, partial)


def require(name: str) -> Path:
    """The folder of a download that is here whole.

    Raises:
        ValueError: it is not; the sentence says how to get it.
    """
    if state(name).complete:
        return folder(name)
    raise ValueError(_absent(name))


def get(name: str, on_progress: OnProgress | None = None, cancel: Cancel | None = None) -> Path:
    """Fetch what is missing of a download; where another process is at it, wait for that.

    A file that its source does not give does not keep the others from coming.

    Args:
        name: a name of the catalogue.
        on_progress: told bytes so far, bytes in all (roughly, where the catalogue does not know; None when it has no
            idea) and the file at hand; also while another process fetches.
        cancel: looked at all along, such as a threading.Event.

    Returns:
        The folder.

    Raises:
        Cancelled: cancel was set. What came is kept.
        web.Offline: no network, or CREME_OFFLINE is set. What came is kept.
        ValueError: an unknown name, or files whose source refuses them or sends something else.
        OSError: no room on the disk, or it can't be written.
    """
    download = find(name)
    base = folder(name)
    if _settled(name):
        return base
    progress = _Progress(download, on_progress)
    with _locked(name, cancel, progress):
        _adopt(name)
        missing = [file for file in download.files if file.name in state(name).missing]
        if not missing:
            return base
        if web.is_offline():
            raise web.Offline(
                f"{download.title} ({name}) is not here and CREME_OFFLINE is set; unset it, or copy the files "
                f"to {base}."
            )
        _check_room(download, base)
        failures = _fetch(name, missing, progress, cancel)
    if failures:
        file, error = next(iter(failures.items()))
        raise ValueError(_failure(download, file, error, len(failures)))
    return base


def check(name: str) -> list[str]:
    """Read every file that is here and compare it with its checksum, or with what it was when it came.

    A damaged file is set aside as NAME.damaged, so that nothing reads it and the next `get` replaces it.

    Returns:
        A sentence for each file that is missing or damaged; empty when all is well.
    """
    base, problems = folder(name), []
    with _locked(name, None, None):
        manifest = _manifest(name)
        if not any((base / file.name).is_file() for file in find(name).files):
            return [_absent(name)]
        for file in find(name).files:
            target = base / file.name
            if not target.is_file():
                problems.append(
                    f"{file.name} of {name} is missing; get it with `python -m creme_core data get {name}`."
                )
            elif problem := _damage(file, target, manifest.get(file.name, {})):
                aside = _set_aside(target)
                problems.append(f"{file.name} of {name} {problem}; it was set aside as {aside.name}: {_how(name)}.")
    return problems


def remove(name: str) -> None:
    """Delete a download's files, half-way ones included.

    Raises:
        ValueError: the catalogue has no such name.
        OSError: they can't be deleted.
    """
    base = folder(name)
    with _locked(name, None, None), writing(base):
        if base.exists():
            shutil.rmtree(base)


class _Progress:
    """Adds up files to a whole download's progress, and keeps from telling it too often."""

    def __init__(self, download: Download, tell: OnProgress | None):
        self._tell, self._download, self._told = tell, download, 0.0
        self._before = 0
        self._sizes = {file.name: file.size if file.size is not None else file.about for file in download.files}

    def start(self, sizes: dict[str, int | None]) -> None:
        """Take sizes that a source has told."""
        self._sizes.update({name: size for name, size in sizes.items() if size is not None})
        self._before = state(self._download.name).bytes_here

    def show(self, file: str, done: int, total: int | None) -> None:
        """Tell that `done` bytes of a file are here."""
        if self._tell is None:
            return
        if total is not None:
            self._sizes[file] = total
        now = time.monotonic()
        if done != total and now < self._told + REPORT_SECONDS:
            return
        self._told = now
        sizes, so_far = list(self._sizes.values()), self._before + done
        whole = self._download.about if None in sizes else sum(sizes)
        self._tell(so_far, None if whole is None else max(whole, so_far), file)

    def watch(self) -> None:
        """Tell what another process has brought."""
        if self._tell is not None:
            here = state(self._download.name)
            self._before = here.bytes_here
            self.show(here.missing[0] if here.missing else "", here.partial_bytes, None)


def _fetch(
    name: str, missing: list[RemoteFile], progress: _Progress, cancel: Cancel | None
) -> dict[str, ValueError | web.HTTPStatus]:
    """Fetch files one after another; return those that their source did not give, and why."""
    failures: dict[str, ValueError] = {}
    # Files of one repository are all taken at one commit.
    revision = next((entry["revision"] for entry in _manifest(name).values() if entry.get("revision")), None)
    with web.session() as session:
        for file in missing:
            stop_if(cancel)
            target = folder(name) / file.name
            try:
                remote, commit = resolve(file, revision)
                revision = revision or commit
                progress.start({file.name: remote.size})
                transfer(
                    session,
                    remote,
                    target,
                    on_bytes=lambda done, total, file=file: progress.show(file.name, done, total),
                    accept=lambda facts, file=file, commit=commit: _note(name, file, facts, commit),
                    cancel=cancel,
                )
                _aside(target).unlink(missing_ok=True)
            except ValueError as error:  # an HTTPStatus is one
                failures[file.name] = error
    return failures


def _absent(name: str) -> str:
    download = find(name)
    size = "" if download.size is None else f" ({'' if download.is_exact else 'about '}{in_words(download.size)})"
    return f"{download.title} ({name}) is not here; {_how(name)}{size}."


def _how(name: str) -> str:
    return f"get it with `python -m creme_core data get {name}` or on the page Data and models"


def _failure(download: Download, file: str, error: ValueError, count: int) -> str:
    if isinstance(error, web.HTTPStatus):
        sentence = f"{file} of {download.name} can't be had: {error}"
    else:
        sentence = str(error)
    if count > 1:
        sentence = f"{count} of {len(download.files)} files of {download.name} can't be had; the first: {sentence}"
    elif len(download.files) > 1:
        sentence += " The other files of it are here."
    return f"{sentence} {download.note}".rstrip()


def _settled(name: str) -> bool:
    """Whether every file is here and was checked when it came."""
    return state(name).complete and {file.name for file in find(name).files} <= _manifest(name).keys()


def _adopt(name: str) -> None:
    """Check files that are here but did not come by `get`, such as copies; set aside those that are not the file."""
    base, manifest = folder(name), _manifest(name)
    for file in find(name).files:
        target = base / file.name
        if file.name in manifest or not target.is_file():
            continue
        if _damage(file, target, {}):
            _set_aside(target)
        else:
            sha256 = checksum_of(target, "sha256").partition(":")[2]
            _note(name, file, Facts(file.url, target.stat().st_size, sha256, file.checksum), None)


def _damage(file: RemoteFile, target: Path, noted: dict[str, Any]) -> str | None:
    """What is wrong with a file that is here."""
    size, expected = target.stat().st_size, file.size if file.size is not None else noted.get("size")
    if expected is not None and size != expected:
        return f"has {size:,} bytes where {expected:,} are expected"
    checksum = file.checksum or noted.get("checksum") or (noted.get("sha256") and f"sha256:{noted['sha256']}")
    if checksum:
        found = checksum_of(target, checksum.partition(":")[0])
        return None if found == checksum else f"has the checksum {found} where {checksum} is expected"
    return form_problem(target, file.content, file.lines)


def _aside(target: Path) -> Path:
    return target.with_name(f"{target.name}.damaged")


def _set_aside(target: Path) -> Path:
    with writing(target):
        os.replace(target, _aside(target))
    return _aside(target)


def _check_room(download: Download, base: Path) -> None:
    """Refuse what would not fit, before the first byte; files of unknown size are looked at one by one."""
    here = state(download.name)
    if download.size is not None:
        with writing(base):
            base.mkdir(parents=True, exist_ok=True)
            check_disk(base, max(0, download.size - here.bytes_here - here.partial_bytes))


def _manifest(name: str) -> dict[str, dict[str, Any]]:
    try:
        noted = dict(json.loads((folder(name) / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
    return {file: entry for file, entry in noted.items() if isinstance(entry, dict)}


def _note(name: str, file: RemoteFile, facts: Facts, revision: str | None) -> None:
    """Write down what a file is."""
    path = folder(name) / MANIFEST
    entry = asdict(facts) | ({"revision": revision} if revision else {})
    with writing(path):
        write_whole(path, (json.dumps(_manifest(name) | {file.name: entry}, indent=1) + "\n").encode())


@contextmanager
def _locked(name: str, cancel: Cancel | None, progress: _Progress | None) -> Iterator[None]:
    """Hold a download alone among threads and processes; waits for whoever holds it."""
    from filelock import FileLock, Timeout

    path = home() / "data" / ".locks" / f"{find(name).name}.lock"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    while True:
        stop_if(cancel)
        try:
            with writing(path):
                lock.acquire(timeout=POLL_SECONDS, poll_interval=0.05)
            break
        except Timeout:
            if progress is not None:
                progress.watch()
    try:
        yield
    finally:
        lock.release()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None
