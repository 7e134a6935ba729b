"""Writing UCSC's 2bit format."""

import struct

import numpy as np


def runs(flags):
    """(start, size) of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]])))
    return [(int(left), int(right - left)) for left, right in edges.reshape(-1, 2)]


def two_bit(sequences, order="<"):
    """The bytes of a 2bit file of mixed-case sequences with N."""
    head = struct.pack(f"{order}4I", 0x1A412743, 0, len(sequences), 0)
    place = len(head) + sum(5 + len(name) for name in sequences)
    index, records = b"", b""
    for name, text in sequences.items():
        index += bytes([len(name)]) + name.encode() + struct.pack(f"{order}I", place + len(records))
        letters = np.array(list(text))
        record = struct.pack(f"{order}I", len(text))
        for found in (runs(np.char.upper(letters) == "N"), runs(np.char.islower(letters))):
            numbers = [len(found), *(start for start, _ in found), *(size for _, size in found)]
            record += struct.pack(f"{order}{len(numbers)}I", *numbers)
        codes = ["TCAG".index(letter) if letter != "N" else 0 for letter in text.upper()]
        codes += [0] * (-len(codes) % 4)
        packed = bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in zip(*[iter(codes)] * 4, strict=True))
        records += record + struct.pack(f"{order}I", 0) + packed
    return head + index + records
