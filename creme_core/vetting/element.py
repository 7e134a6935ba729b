"""Element: one putative enhancer or silencer of one gene, and the table that holds many."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "ELEMENT_COLUMNS",
    "KINDS",
    "LONGEST_TEXT",
    "MAXIMUM_COORDINATE",
    "Element",
    "counted",
    "element_from_row",
    "element_id",
    "element_table",
    "plain_text",
]

ELEMENT_COLUMNS = ("element_id", "chrom", "start", "end", "gene", "cell_line", "kind", "score", "source", "name")
KINDS = ("enhancer", "silencer", "")
# What BED, bigBed and the browsers hold: 32 bits, signed.
MAXIMUM_COORDINATE = 2**31 - 1
LONGEST_TEXT = 2_000

_SURROGATES = re.compile("[\ud800-\udfff]")
_TEXTS = ("chrom", "gene", "cell_line", "kind", "source", "name")


@dataclass(frozen=True)
class Element:
    """A putative element. Texts are kept as they came: who shows or exports them makes them safe.

    Attributes:
        chrom, start, end: where, 0-based half-open.
        gene: symbol, Ensembl id or chrom:position:strand (1-based); "" when the list does not say.
        cell_line: "" when the list does not say.
        kind: what the list claims: "enhancer", "silencer" or "".
        score: the list's number, in its own unit; NaN when it has none.
        source: where the claim comes from, such as "sufficiency" or a file's name.
        name: the list's name for it.

    Raises:
        ValueError: a chromosome that is empty, coordinates that are no interval, a kind or score that is
            none, a text beyond LONGEST_TEXT.
    """

    chrom: str
    start: int
    end: int
    gene: str = ""
    cell_line: str = ""
    kind: str = ""
    score: float = math.nan
    source: str = ""
    name: str = ""

    def __post_init__(self):
        for field in _TEXTS:
            value = getattr(self, field)
            if not isinstance(value, str):
                raise ValueError(f"The {field} of an element is {value!r}; it must be text.")
            if len(value) > LONGEST_TEXT:
                raise ValueError(f"The {field} of an element has {len(value):,} letters; at most {LONGEST_TEXT:,} fit.")
            object.__setattr__(self, field, plain_text(value))
        if not self.chrom.strip():
            raise ValueError("The chromosome of an element is empty; give its name, such as chr2.")
        for field in ("start", "end"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ValueError(f"The {field} of an element is {value!r}; it must be a whole number.")
            object.__setattr__(self, field, int(value))
        if not 0 <= self.start < self.end <= MAXIMUM_COORDINATE:
            raise ValueError(
                f"The element {self.chrom} {self.start}-{self.end} is no interval; it needs 0 <= start < end"
                f" <= {MAXIMUM_COORDINATE} (0-based half-open)."
            )
        if self.kind not in KINDS:
            raise ValueError(f'The kind of an element is {self.kind!r}; it can be "enhancer", "silencer" or "".')
        object.__setattr__(self, "score", _score(self.score))

    @cached_property
    def element_id(self) -> str:
        """Content address: equal wherever place, gene and cell line are equal; claim, score and names don't count."""
        return element_id(self.chrom, self.start, self.end, self.gene, self.cell_line)

    @property
    def label(self) -> str:
        """Place for people: chrom:start-end, 1-based and inclusive, and the gene."""
        return f"{self.chrom}:{self.start + 1:,}-{self.end:,}" + (f" ({self.gene})" if self.gene else "")


def element_id(chrom: str, start: int, end: int, gene: str, cell_line: str) -> str:
    """The id of an element, from what makes it that element: 64 bits in hexadecimal after "el-".

    The prefix keeps spreadsheets from reading an id such as 12e45 as a number.
    """
    content = json.dumps([chrom, int(start), int(end), gene, cell_line], ensure_ascii=True)
    return "el-" + blake2b(content.encode(), digest_size=8).hexdigest()


def element_table(elements: Iterable[Element]) -> pd.DataFrame:
    """One row an element, with ELEMENT_COLUMNS."""
    rows = [(element.element_id, *astuple(element)) for element in elements]
    table = pd.DataFrame(rows, columns=list(ELEMENT_COLUMNS), dtype=object)
    return table.astype({"start": "int64", "end": "int64", "score": "float64"})


def element_from_row(row: Any) -> Element:
    """The element of a row (Series, dict, or named tuple) with ELEMENT_COLUMNS; its id is worked out anew.

    Raises:
        ValueError: see Element.
    """
    if hasattr(row, "_asdict"):
        row = row._asdict()
    return Element(**{column: row[column] for column in ELEMENT_COLUMNS[1:]})


def _score(value: Any) -> float:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    try:
        score = float(value) if is_number else math.inf
    except OverflowError:
        score = math.inf
    if math.isinf(score):
        raise ValueError(f"The score of an element is {str(value)[:40]!r}; it must be a finite number or NaN.")
    return score


def counted(number: int, noun: str) -> str:
    """1 row, 2 rows, 1,000 rows."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def plain_text(value: str) -> str:
    """Text that UTF-8 can write: half of a surrogate pair, which JSON may hold, becomes U+FFFD."""
    return value if value.isascii() else _SURROGATES.sub("\ufffd", value)
