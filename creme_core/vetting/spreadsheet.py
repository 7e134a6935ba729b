"""Tables that a spreadsheet opens without running what is in them, and that are read back exactly."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from types import SimpleNamespace

__all__ = ["protect", "read_rows", "restore", "write_rows"]

# A cell that begins so is taken for a formula (OWASP, CSV Injection). Apostrophes before it are part of the pattern,
# so that a text which has one of its own comes back with it.
_RISKY = re.compile(r"'*[=+\-@\t\r\n]")
_PROTECTED = re.compile(r"'+[=+\-@\t\r\n]")


def protect(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; `restore` takes it off again."""
    return f"'{text}" if _RISKY.match(text) else text


def restore(text: str) -> str:
    """The text that `protect` was given, whatever it was."""
    return text[1:] if _PROTECTED.match(text) else text


def write_rows(rows: Iterable[Sequence[str | int | float]]) -> bytes:
    """Tab-separated UTF-8 text; texts are protected, numbers stay numbers (NaN is empty).

    Texts with a tab, line end or quote are quoted as in CSV.
    """
    lines: list[str] = []
    # The writer quotes a text that holds a character of its own line end, so \r must be in it to be quoted.
    writer = csv.writer(SimpleNamespace(write=lines.append), delimiter="\t", lineterminator="\r\n")
    for row in rows:
        writer.writerow([protect(cell) if isinstance(cell, str) else "" if cell != cell else cell for cell in row])
    return "".join(f"{line[:-2]}\n" for line in lines).encode("utf-8")


def read_rows(content: bytes) -> list[list[str]]:
    """The rows of `write_rows`, also with the byte order mark or line ends that a spreadsheet saves; texts restored.

    Raises:
        ValueError: it is no UTF-8 text, or no such table.
    """
    # Some spreadsheets save "Unicode text", which is UTF-16.
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The table is not {encoding[:6].upper()} text (at byte {error.start:,}); save it as UTF-8."
        ) from None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error as error:
        raise ValueError(f"The table can't be read as tab-separated text ({error}); export it again.") from None
    return [[restore(cell) for cell in row] for row in rows if row]
