"""DNA as small integers: text to codes, one-hot, reverse complement, digest.

A sequence is a uint8 array of codes, A C G T N = 0 1 2 3 4. Case carries no base: genome files use lower case for
repeats, and it is read as the same letter.
"""

import hashlib

import numpy as np

__all__ = [
    "ALPHABET",
    "AMBIGUITY_LETTERS",
    "N",
    "decode",
    "digest",
    "encode",
    "one_hot",
    "reverse_complement",
]

ALPHABET = "ACGTN"
N = 4
# IUPAC letters that stand for several bases; GRCh38 itself holds a handful of them.
AMBIGUITY_LETTERS = "RYSWKMBDHV"

_UNKNOWN = 255
_CODES = np.full(256, _UNKNOWN, dtype=np.uint8)
for _code, _letter in enumerate(ALPHABET):
    _CODES[ord(_letter)] = _CODES[ord(_letter.lower())] = _code
_LETTERS = np.frombuffer(ALPHABET.encode("ascii"), dtype=np.uint8)
_COMPLEMENT = np.array([3, 2, 1, 0, N], dtype=np.uint8)
# A row for each code; N is a uniform probability, as in the paper (Methods, Transcription start site selection).
_ONE_HOT = np.vstack([np.eye(4), np.full((1, 4), 0.25)])


def encode(text: str, *, ambiguous: str = "error") -> np.ndarray:
    """Turn letters into codes.

    Args:
        text: letters A, C, G, T, N of either case.
        ambiguous: "error" refuses the IUPAC ambiguity letters (R, Y, ...); "N" reads each of them as N.

    Returns:
        uint8 array (len(text),).

    Raises:
        ValueError: a letter outside the allowed ones, named with its 1-based position.
    """
    if ambiguous not in ("error", "N"):
        raise ValueError(f"ambiguous={ambiguous!r} is not known; it is 'error' or 'N'.")
    raw = np.frombuffer(text.encode("latin-1", errors="replace"), dtype=np.uint8)
    codes = _CODES[raw]
    bad = np.flatnonzero(codes == _UNKNOWN)
    if bad.size == 0:
        return codes
    ambiguity = np.isin(raw[bad], np.frombuffer((AMBIGUITY_LETTERS + AMBIGUITY_LETTERS.lower()).encode(), np.uint8))
    if not ambiguity.all():
        first = int(bad[~ambiguity][0])
        raise ValueError(
            f"The sequence holds {text[first]!r} at position {first + 1:,}, which is no DNA letter; "
            "allowed are A, C, G, T and N in either case. Check that the file is a DNA FASTA."
        )
    if ambiguous == "error":
        first = int(bad[0])
        raise ValueError(
            f"The sequence holds {bad.size:,} ambiguity letter{'s' if bad.size > 1 else ''}, the first "
            f"{text[first]!r} at position {first + 1:,}; allowed are A, C, G, T and N in either case. "
            "Replace them in the file, or read them as N with ambiguous='N'."
        )
    codes[bad] = N
    return codes


def decode(codes: np.ndarray) -> str:
    """Turn codes (length,) back into upper-case letters."""
    return _LETTERS[codes].tobytes().decode("ascii")


def one_hot(codes: np.ndarray, dtype: np.dtype | type = np.float32) -> np.ndarray:
    """One-hot encode codes (..., length) as (..., length, 4) in the order A, C, G, T; N is 0.25 in each."""
    return _ONE_HOT.astype(dtype)[codes]


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """The other strand, read in its own direction: a new array of the same shape (length,)."""
    return _COMPLEMENT[codes[::-1]]


def digest(codes: np.ndarray) -> str:
    """Name a sequence by its content: 32 hex digits of BLAKE2b over its codes and length."""
    contiguous = np.ascontiguousarray(codes, dtype=np.uint8)
    return hashlib.blake2b(contiguous, digest_size=16, salt=b"creme-seq").hexdigest()
