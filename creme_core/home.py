"""The folder that keeps what should outlast a process."""

import contextlib
import os
import threading
from pathlib import Path

__all__ = ["home", "store_path", "write_whole"]


def home() -> Path:
    """CREME_HOME where it is set, else `creme` in the user's cache folder; it may not exist yet."""
    chosen = os.environ.get("CREME_HOME")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "creme"


def store_path() -> Path:
    """The file of predictions that the dashboard and the command line share unless told otherwise."""
    return home() / "predictions.sqlite"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that readers see whole or not at all; its folder is made when missing.

    Raises:
        OSError: it can't be written; what was there is still there, and nothing is left beside it.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
