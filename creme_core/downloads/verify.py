"""Whether bytes are what they should be: checksums, and what a file of each form must begin and end with."""

import gzip
import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

__all__ = ["checksum_of", "form_problem", "head_problem"]

PIECE = 2**20
TWOBIT_SIGNATURE = 0x1A412743
# What the first bytes may be; text is whatever is none of the others.
HEADS = {
    "json": (b"{",),
    "gzip": (b"\x1f\x8b",),
    "twobit": (struct.pack("<I", TWOBIT_SIGNATURE), struct.pack(">I", TWOBIT_SIGNATURE)),
    "torch": (b"PK\x03\x04", b"\x80"),
}
NAMES = {
    "json": "a JSON object",
    "text": "a text table",
    "gzip": "a gzip file",
    "twobit": "a 2bit genome",
    "safetensors": "a safetensors file",
    "torch": "a PyTorch checkpoint",
}


def checksum_of(path: Path, kind: str) -> str:
    """The checksum of a file as "kind:hex": md5, sha256, or git (the id git gives the content as a blob)."""
    if kind == "git":
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    elif kind == "md5":
        digest = hashlib.md5(usedforsecurity=False)
    else:
        digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return f"{kind}:{digest.hexdigest()}"


def head_problem(content: str, head: bytes) -> str | None:
    """What is wrong with the first bytes of a file, for a sentence that starts with its name; None when nothing is."""
    if not head:
        return "is empty"
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<error")):
        return f"is a web page and not {NAMES[content]} (a login page, a proxy or an error page stands in between)"
    known = HEADS.get(content)
    if known and not any(head.startswith(magic[: len(head)]) for magic in known):
        return f"is not {NAMES[content]}"
    if content == "safetensors" and len(head) > 8 and head[8:9] != b"{":
        return f"is not {NAMES[content]}"
    if content in ("text", "json") and b"\0" in head:
        return f"is not {NAMES[content]}"
    return None


def form_problem(path: Path, content: str, lines: int | None = None) -> str | None:
    """What is wrong with a whole file, read to its end; None when nothing is.

    Args:
        path: the file.
        content: its form, see `RemoteFile.content`.
        lines: how many lines a text must have.
    """
    with path.open("rb") as file:
        problem = head_problem(content, file.read(512))
    if problem is None:
        problem = _WHOLE[content](path) if content in _WHOLE else None
    if problem is None and lines is not None:
        found = _count(path, b"\n")
        if found != lines:
            return f"has {found:,} lines where {lines:,} are expected"
    return problem


def _json(path: Path) -> str | None:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return "is no whole JSON object"
    return None


def _text(path: Path) -> str | None:
    with path.open("rb") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            return "ends in the middle of a line"
    return "is no text: it has zero bytes" if _count(path, b"\0") else None


def _gzip(path: Path) -> str | None:
    try:
        with gzip.open(path) as file:
            while file.read(PIECE):
                pass
    except EOFError:
        return "ends before its end, as gzip marks it"
    except (gzip.BadGzipFile, zlib.error):
        return "is damaged: it can't be unpacked"
    return None


def _safetensors(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
        if 8 + length > size:
            return "ends within its header"
        try:
            header = json.loads(file.read(length))
            data = max(
                (entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0
            )
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return "has a damaged header"
    if size != 8 + length + data:
        return f"has {size:,} bytes where its header says {8 + length + data:,}"
    return None


def _torch(path: Path) -> str | None:
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return None  # the older layout has no end to look at
    return None if zipfile.is_zipfile(path) else "ends before its end: its table of contents is missing"


def _count(path: Path, byte: bytes) -> int:
    with path.open("rb") as file:
        return sum(piece.count(byte) for piece in iter(lambda: file.read(PIECE), b""))


_WHOLE: dict[str, Callable[[Path], str | None]] = {
    "json": _json,
    "text": _text,
    "gzip": _gzip,
    "safetensors": _safetensors,
    "torch": _torch,
}
