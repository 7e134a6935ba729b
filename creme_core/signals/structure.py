"""What a bigWig or bigBed file must look like before a library is let at it."""

import struct
from typing import Any

__all__ = ["CUT_SHORT", "Unreadable", "check_structure"]

LARGEST_BLOCK = 2**28
BIGWIG, BIGBED = 0x888FFC26, 0x8789F2EB
CHROM_TREE, INDEX = 0x78CA8C91, 0x2468ACE0
CUT_SHORT = "it is cut short or damaged; copy or download it again"
FOREIGN = (
    (b"\x1f\x8b", "it is compressed by gzip; decompress it first, if that is what is inside"),
    (b"PK\x03\x04", "it is a zip archive (or a spreadsheet)"),
    (b"BAM\x01", "it is a BAM file"),
    (b"\x89HDF", "it is an HDF5 file"),
    (b"\x93NUMPY", "it is a NumPy file"),
)


class Unreadable(Exception):
    """Why a file can't be read, in words that follow "X can't be read: ".

    Attributes:
        library: whether a library found out; it may be left in any state.
        network: whether the way to the file is what fails, not the file.
    """

    def __init__(self, words: str, *, library: bool = False, network: bool = False):
        super().__init__(words)
        self.library = library
        self.network = network


def check_structure(content: Any, size: int) -> str:
    """Follow the file's header to the parts it names, before a library does so with less care.

    Args:
        content: binary file, at its start.
        size: its bytes.

    Returns:
        "bigWig" or "bigBed".

    Raises:
        Unreadable: another format, or a part that is not where the header says.
    """
    head = content.read(64)
    if not head:
        raise Unreadable("it is empty (0 bytes)")
    if len(head) >= 4 and struct.unpack(">I", head[:4])[0] in (BIGWIG, BIGBED):
        raise Unreadable("it is written in big-endian byte order, which is not supported; write it again on a PC")
    magic = struct.unpack("<I", head[:4])[0] if len(head) >= 4 else 0
    if magic not in (BIGWIG, BIGBED):
        raise Unreadable(_what_else(head))
    kind = "bigWig" if magic == BIGWIG else "bigBed"
    if len(head) < 64:
        raise Unreadable(CUT_SHORT)
    _, zooms, tree, data, index, _, _, sql, summary, block, _ = struct.unpack("<HHQQQHHQQIQ", head[4:])
    if block > LARGEST_BLOCK or zooms > 64 or not (64 <= tree < size and 64 <= data < size and 64 <= index < size):
        raise Unreadable(CUT_SHORT)
    if sql >= size or summary + 40 > size:
        raise Unreadable(CUT_SHORT)
    indexes = [index] + [struct.unpack("<IIQQ", _part(content, 64 + 24 * i, 24))[3] for i in range(zooms)]
    if struct.unpack("<I", _part(content, tree, 4))[0] != CHROM_TREE:
        raise Unreadable(CUT_SHORT)
    for offset in indexes:
        found, *_, end, _, _, leaf, _, children = struct.unpack("<IIQIIIIQIIBBH", _part(content, offset, 52))
        if found != INDEX or end > size:
            raise Unreadable(CUT_SHORT)
        _part(content, offset + 52, children * (32 if leaf else 24))
    return kind


def _part(content: Any, offset: int, size: int) -> bytes:
    try:
        content.seek(offset)
    except (OSError, OverflowError) as error:  # an offset that no file has
        raise Unreadable(CUT_SHORT) from error
    part = content.read(size) if size else b""
    if len(part) < size:
        raise Unreadable(CUT_SHORT)
    return part


def _what_else(head: bytes) -> str:
    for start, words in FOREIGN:
        if head.startswith(start):
            return words
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")):
        return "it is a web page (an error or login page was saved instead of the file); download it again"
    if all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head):
        return "it is text, not a binary bigWig or bigBed file"
    return "it does not start as a bigWig or bigBed file does"
