"""The folder that keeps what should outlast a process."""

import os
from pathlib import Path

__all__ = ["home", "store_path"]


def home() -> Path:
    """CREME_HOME where it is set, else `creme` in the user's cache folder; it may not exist yet."""
    chosen = os.environ.get("CREME_HOME")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "creme"


def store_path() -> Path:
    """The file of predictions that the dashboard and the command line share unless told otherwise."""
    return home() / "predictions.sqlite"
