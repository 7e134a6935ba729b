"""The public tables of what Enformer and Borzoi predict (`targets_human.txt`), as track tables.

A row is found by its index and identifier. Descriptions are irregular, and some are cut off: they are for display only.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from creme_core.models.base import CAGE, PAPER_CELL_LINES, TRACK_COLUMNS, check_tracks

__all__ = ["BORZOI_TRACKS", "ENFORMER_TRACKS", "read_borzoi_targets", "read_enformer_targets"]

ENFORMER_TRACKS = 5_313
BORZOI_TRACKS = 7_611
# The first column has no name in Borzoi's table.
ENFORMER_COLUMNS = ("index", "genome", "identifier", "file", "clip", "scale", "sum_stat", "description")
BORZOI_COLUMNS = ("", "identifier", "file", "clip", "clip_soft", "scale", "sum_stat", "strand_pair", "description")
BORZOI_NUMBERS = {"clip": float, "clip_soft": float, "scale": float, "strand_pair": int}
# (index, identifier) of the tracks the paper uses; in Enformer's table they carry no strand.
ENFORMER_PAPER = {(5_111, "CNhs12336"): "K562", (5_110, "CNhs12333"): "GM12878", (4_824, "CNhs11243"): "PC-3"}
BORZOI_PAPER = {
    (872, "CNhs12336+"): "K562",
    (873, "CNhs12336-"): "K562",
    (870, "CNhs12332+"): "GM12878",
    (871, "CNhs12332-"): "GM12878",
    (298, "CNhs11243+"): "PC-3",
    (299, "CNhs11243-"): "PC-3",
}
CHIP = "CHIP"


def read_enformer_targets(path: str | Path, count: int = ENFORMER_TRACKS) -> pd.DataFrame:
    """Read Enformer's table (calico/basenji, manuscripts/cross2020/targets_human.txt).

    Args:
        path: a tab-separated file with the columns ENFORMER_COLUMNS.
        count: tracks the model predicts.

    Returns:
        DataFrame with TRACK_COLUMNS and `target` (what a ChIP track was pulled down with, else ""). `assay` is the
        description's prefix. `cell_line` of a CAGE track is unique: the paper's names for the paper's three tracks,
        else the description, with the identifier in brackets where several tracks share it.

    Raises:
        ValueError: a file that is no such table, or has another number of rows.
    """
    rows = _read_rows(Path(path), ENFORMER_COLUMNS, count)
    return check_tracks(pd.DataFrame(_track_columns(rows, ENFORMER_PAPER)), count)


def read_borzoi_targets(path: str | Path, count: int = BORZOI_TRACKS) -> pd.DataFrame:
    """Read Borzoi's table (calico/borzoi, examples/targets_human.txt).

    Args:
        path: a tab-separated file with the columns BORZOI_COLUMNS.
        count: tracks the model predicts.

    Returns:
        As `read_enformer_targets`, one row a strand: `strand` is "+" or "-" where the identifier ends so, else ".", and
        a CAGE `cell_line` is shared by the two strands of one sample. Then the table's own clip, clip_soft, scale
        (float), sum_stat and strand_pair (int, index of the other strand's track, or its own).

    Raises:
        ValueError: a file that is no such table, or has another number of rows.
    """
    path = Path(path)
    rows = _read_rows(path, BORZOI_COLUMNS, count)
    columns = _track_columns(rows, BORZOI_PAPER)
    for name, number in BORZOI_NUMBERS.items():
        try:
            columns[name] = [number(row[name]) for row in rows]
        except ValueError as error:
            raise ValueError(f"{path}: the column {name} must hold numbers ({error}); get the table again.") from error
    columns["sum_stat"] = [row["sum_stat"] for row in rows]
    if not all(0 <= pair < count for pair in columns["strand_pair"]):
        raise ValueError(f"{path}: strand_pair must hold track indices from 0 to {count - 1:,}; get the table again.")
    return check_tracks(pd.DataFrame(columns), count)


def _read_rows(path: Path, columns: Sequence[str], count: int) -> list[dict[str, str]]:
    """Rows of a table by column name; each has every column, and the first column is named "index"."""
    wanted = ", ".join(name or "(the index, unnamed)" for name in columns)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"There is no track table at {path}.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no track table: it is not text ({error}); get it again.") from error
    if text.lstrip()[:1] == "<":
        raise ValueError(f"{path} is a web page, not a track table; get it again.")
    # Lines end by \n or \r\n, not at all the letters that splitlines takes.
    lines = [line.split("\t") for line in text.replace("\r\n", "\n").split("\n") if line]
    header, body = (lines[0], lines[1:]) if lines else ([""], [])
    missing = [name for name in columns[1:] if name not in header]
    if missing or header[0] not in ("index", ""):
        raise ValueError(
            f"{path} has the columns {', '.join(header)[:200]}, not those of the public table ({wanted}); get it again."
        )
    header[0] = "index"
    ragged = [line for line in body if len(line) != len(header)]
    if ragged:
        raise ValueError(
            f"{path} has a row of {len(ragged[0])} columns where there must be {len(header)}, at index "
            f"{ragged[0][0][:20]!r}; get it again."
        )
    if len(body) != count:
        raise ValueError(f"{path} has {len(body):,} tracks but the model predicts {count:,}; it is of another model.")
    rows = [dict(zip(header, line, strict=True)) for line in body]
    if [row["index"] for row in rows] != [str(number) for number in range(count)]:
        raise ValueError(f"{path}: the index must run from 0 to {count - 1:,} without a gap; get the table again.")
    return rows


def _track_columns(rows: Sequence[Mapping[str, str]], paper: Mapping[tuple[int, str], str]) -> dict[str, list]:
    parsed = [_parse(row["description"]) for row in rows]
    assays = [assay for assay, _, _ in parsed]
    cell_lines = [cell_line for _, _, cell_line in parsed]
    for index, name in _cage_names(rows, assays, cell_lines, paper).items():
        cell_lines[index] = name
    values = {
        "index": list(range(len(rows))),
        "identifier": [row["identifier"] for row in rows],
        "assay": assays,
        "cell_line": cell_lines,
        "strand": [_strand(row["identifier"]) for row in rows],
        "description": [row["description"] for row in rows],
    }
    return {name: values[name] for name in TRACK_COLUMNS} | {"target": [target for _, target, _ in parsed]}


def _parse(description: str) -> tuple[str, str, str]:
    """Assay, target and cell line of a description such as CAGE:liver, DNASE:K562 or CHIP:CTCF:HepG2."""
    assay, _, rest = description.partition(":")
    target, cell_line = "", rest
    if assay == CHIP and ":" in rest:
        target, _, cell_line = rest.partition(":")
    return assay.strip(), target.strip(), cell_line.strip()


def _cage_names(rows, assays, cell_lines, paper) -> dict[int, str]:
    """A name of its own for each CAGE sample, by index; both strands of a sample have the same."""
    named, samples = {}, defaultdict(set)
    for index, row in enumerate(rows):
        if assays[index] != CAGE:
            continue
        if (index, row["identifier"]) in paper:
            named[index] = paper[index, row["identifier"]]
        else:
            samples[cell_lines[index]].add(_sample(row["identifier"]))
    for index, row in enumerate(rows):
        if assays[index] == CAGE and index not in named:
            name, sample = cell_lines[index], _sample(row["identifier"])
            # The paper's names are the paper's tracks, whatever else is described by one of them alone.
            alone = name and name not in PAPER_CELL_LINES and len(samples[name]) == 1
            named[index] = name if alone else f"{name} ({sample})".strip()
    return named


def _strand(identifier: str) -> str:
    return identifier[-1] if identifier.endswith(("+", "-")) else "."


def _sample(identifier: str) -> str:
    return identifier.rstrip("+-")
