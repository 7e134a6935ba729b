"""The disk a download goes to: whether there is room, and what its refusals mean in plain words."""

import errno
import shutil
from pathlib import Path

__all__ = ["DiskError", "check_disk", "in_words", "writing"]

# Room to leave on the disk.
SPARE_BYTES = 100 * 2**20


class DiskError(OSError):
    """The machine can't write; asking the network again would not help."""


def in_words(count: int) -> str:
    """Bytes for people: 835 MB, 1.0 GB, 12 kB."""
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= 0.9995 * size:
            return f"{count / size:.1f} {unit}" if count < 9.95 * size else f"{count / size:.0f} {unit}"
    return f"{count} bytes"


def check_disk(folder: Path, needed: int) -> None:
    """Refuse to begin what would not fit.

    Raises:
        OSError: less than `needed` bytes and some room besides are free where `folder` is.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise DiskError(
            f"{in_words(needed)} are still to come and {in_words(free)} are free in {folder}; free some space, or set "
            "CREME_HOME to a folder on another disk."
        )


class writing:
    """Turn what the machine can't write into a sentence."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, DiskError | TimeoutError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskError(
                f"The disk of {self._path.parent} is full; free some space, or set CREME_HOME to a folder on another "
                "disk. What came is kept, and the same command goes on from there."
            ) from error
        raise DiskError(
            f"{self._path.parent} can't be written: {error.strerror or error}; set CREME_HOME to a folder of yours."
        ) from error
