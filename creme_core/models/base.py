"""What a model is to the rest of CREME: the `SequenceModel` protocol, its track table, and readouts."""

import difflib
import numbers
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from creme_core.mutant import Mutant

__all__ = [
    "CAGE",
    "PAPER_CELL_LINES",
    "TRACK_COLUMNS",
    "SequenceModel",
    "check_tracks",
    "list_cell_lines",
    "make_tracks",
    "read_tracks",
    "resolve_readout",
]

TRACK_COLUMNS = ["index", "identifier", "assay", "cell_line", "strand", "description"]
CAGE = "CAGE"
# The cell lines that the paper looks at; pickers offer them first.
PAPER_CELL_LINES = ("K562", "GM12878", "PC-3")
SUGGESTIONS = 5


@runtime_checkable
class SequenceModel(Protocol):
    """A network that predicts tracks from sequence, as experiments and the Predictor see it.

    Attributes:
        name: short name for people.
        fingerprint: content address of everything that decides a prediction, the device and the precision aside.
        precision: arithmetic in use: "float32", "tf32", "float64", "float16" or "bfloat16".
        input_length: bases a sequence must have.
        bin_size: bases of an output bin.
        tss_bins: the output bins whose mean is the TSS activity.
        tracks: one row a predicted track, with the columns TRACK_COLUMNS; `index` is the row's number.
        batch_size: how many mutants are best handed over at once; it may change while predicting.

    A model may also have `cutoffs` (effects.Cutoffs; without them the paper's for Enformer are used), `cell_lines` (the
    names that pickers offer, in that order) and `device`. `torch_model.TorchModel` has all of it for a PyTorch network.
    """

    name: str
    fingerprint: str
    precision: str
    input_length: int
    bin_size: int
    tss_bins: tuple[int, ...]
    tracks: pd.DataFrame
    batch_size: int

    def tss_activity(self, mutants: Sequence["Mutant"]) -> np.ndarray:
        """Mean prediction over `tss_bins` for every mutant and track: float32 (n, tracks), in the given order.

        float64 with precision="float64".

        Raises:
            ValueError: a mutant whose length is not `input_length`.
        """
        ...

    def profile(self, codes: np.ndarray, readouts: Sequence[str | int]) -> np.ndarray:
        """Prediction along one sequence, codes (input_length,): (output bins, len(readouts)).

        A readout of several tracks is their mean.
        """
        ...

    def gradient(self, codes: np.ndarray, readout: str | int) -> np.ndarray:
        """Gradient of the readout's TSS activity by the one-hot input: (input_length, 4)."""
        ...


def check_tracks(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """Check a track table against a model that predicts `count` tracks.

    Args:
        table: at least the columns TRACK_COLUMNS; rows in any order.
        count: number of tracks the model predicts.

    Returns:
        A copy in the order of `index` with TRACK_COLUMNS first; `index` runs from 0 to count - 1, empty text is "".

    Raises:
        ValueError: a missing column, or an `index` that is not 0 to count - 1, each once.
    """
    missing = [column for column in TRACK_COLUMNS if column not in table.columns]
    if missing:
        raise ValueError(f"The track table has no column {', '.join(missing)}; it needs {', '.join(TRACK_COLUMNS)}.")
    if len(table) != count:
        raise ValueError(f"The track table has {len(table):,} rows but the model predicts {count:,} tracks.")
    index = pd.to_numeric(table["index"], errors="coerce")
    if not np.array_equal(np.sort(index.to_numpy(dtype=float)), np.arange(count)):
        raise ValueError(
            f"The index column of the track table must hold 0 to {count - 1:,}, each once: the order of the outputs."
        )
    tracks = table.assign(index=index.astype("int64"))
    for column in TRACK_COLUMNS[1:]:
        tracks[column] = tracks[column].fillna("").astype(str)
    others = [column for column in tracks.columns if column not in TRACK_COLUMNS]
    return tracks.sort_values("index", ignore_index=True)[TRACK_COLUMNS + others]


def read_tracks(path: str | Path, count: int) -> pd.DataFrame:
    """Read a tab-separated track table; see `check_tracks` for what it returns and raises."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no track table at {path}; it is a .tsv file with {', '.join(TRACK_COLUMNS)}.")
    # "NA" may be part of a name here (it is a cell line in ENCODE's tables), so nothing but an empty field is empty.
    return check_tracks(pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False), count)


def make_tracks(cell_lines: Sequence[str], assay: str = CAGE) -> pd.DataFrame:
    """A track table for a network whose outputs are one track a cell line, in this order.

    Raises:
        ValueError: no name at all, an empty one, or a repeated one.
    """
    names = [cell_lines] if isinstance(cell_lines, str) else [str(name) for name in cell_lines]
    if not names or "" in names or len(set(names)) < len(names):
        raise ValueError(f"Tracks can't be named {names}; give each output a cell line's name of its own.")
    rows = [(index, name, assay, name, ".", f"{assay}:{name}") for index, name in enumerate(names)]
    return pd.DataFrame(rows, columns=TRACK_COLUMNS)


def list_cell_lines(tracks: pd.DataFrame) -> tuple[str, ...]:
    """Cell lines with a CAGE track, each once: the paper's three first where present, the others as the tracks come."""
    present = dict.fromkeys(name for name in tracks.loc[tracks["assay"] == CAGE, "cell_line"] if name)
    first = [name for name in PAPER_CELL_LINES if name in present]
    return (*first, *(name for name in present if name not in first))


def resolve_readout(tracks: pd.DataFrame, readout: str | int) -> np.ndarray:
    """Find the tracks a readout names.

    Args:
        tracks: a model's track table.
        readout: a cell line ("K562": all its CAGE tracks), a track identifier ("CNhs12336"), or a track index (5111).

    Returns:
        int64 array of track indices, at least one, ascending.

    Raises:
        ValueError: an unknown readout; the message names the nearest known ones.
    """
    if isinstance(readout, str):
        return _named(tracks, readout)
    # bool is an int to Python, but nobody means track 1 by True.
    if isinstance(readout, (bool, np.bool_)) or not isinstance(readout, numbers.Integral):
        raise ValueError(
            f"{readout!r} is no readout; give a cell line, a track identifier or a track index (a whole number)."
        )
    if not 0 <= readout < len(tracks):
        raise ValueError(f"There is no track {readout:,}; track indices run from 0 to {len(tracks) - 1:,}.")
    return np.array([readout], dtype=np.int64)


def _named(tracks: pd.DataFrame, readout: str) -> np.ndarray:
    of_line = (tracks["cell_line"] == readout) & (readout != "")
    cage = of_line & (tracks["assay"] == CAGE)
    if cage.any():
        return tracks.loc[cage, "index"].to_numpy(dtype=np.int64, copy=True)
    identified = (tracks["identifier"] == readout) & (readout != "")
    if identified.any():
        return tracks.loc[identified, "index"].to_numpy(dtype=np.int64, copy=True)
    if of_line.any():
        examples = ", ".join(tracks.loc[of_line, "identifier"].head(SUGGESTIONS))
        raise ValueError(
            f"{readout!r} has no {CAGE} track in this model, only others ({examples}); name one of those instead."
        )
    nearest = _nearest(tracks, readout)
    hint = f"the nearest known ones are {', '.join(nearest)}" if nearest else "none is near it"
    raise ValueError(f"The model has no cell line or track named {readout!r}; {hint}.")


def _nearest(tracks: pd.DataFrame, readout: str) -> list[str]:
    lines = tracks.loc[tracks["assay"] == CAGE, "cell_line"]
    names = {name.casefold(): name for name in [*tracks["identifier"], *lines] if name}
    close = difflib.get_close_matches(readout.casefold(), names, n=SUGGESTIONS, cutoff=0.4)
    return [names[key] for key in close]
