"""Results on disk: one .npz of plain arrays and JSON text, no pickle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from creme_core.locus import Locus

__all__ = ["Saved", "read_result", "write_result"]


@dataclass(frozen=True, eq=False)
class Saved:
    """What a file of a result holds: loci, settings as keywords, track table, provenance, arrays by their names."""

    loci: tuple[Locus, ...]
    settings: dict[str, Any]
    tracks: pd.DataFrame
    provenance: Any
    arrays: dict[str, np.ndarray]


def write_result(
    path: str | Path,
    test: str,
    loci: Sequence[Locus],
    settings: Any,
    tracks: pd.DataFrame,
    provenance: Any,
    arrays: Mapping[str, np.ndarray],
) -> Path:
    """Write a result; `settings` is a dataclass, the loci have one length.

    Raises:
        ValueError: a path that does not end in .npz.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"A result is saved as a .npz file; {path.name!r} ends otherwise.")
    header = {
        "test": test,
        "loci": [{f.name: getattr(locus, f.name) for f in fields(Locus) if f.name != "codes"} for locus in loci],
        "settings": asdict(settings),
        "provenance": provenance,
        "tracks": tracks.to_json(orient="table", index=False),
    }
    codes = np.stack([locus.codes for locus in loci])
    with path.open("wb") as file:
        np.savez_compressed(file, header=np.array(json.dumps(header)), codes=codes, **arrays)
    return path


def read_result(path: str | Path, test: str) -> Saved:
    """Read what `write_result` wrote for this test.

    Raises:
        ValueError: a file that is missing, damaged, or the result of another test.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
        header = json.loads(str(arrays.pop("header")))
        codes = arrays.pop("codes")
        found, loci = header["test"], header["loci"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, TypeError) as error:
        raise ValueError(f"{path} is not a saved result that can be read ({error}).") from error
    if found != test:
        raise ValueError(f"{path} holds a result of the test {found!r}, not of {test!r}.")
    return Saved(
        loci=tuple(
            Locus(codes=own, **facts | {"notes": tuple(facts["notes"])}) for own, facts in zip(codes, loci, strict=True)
        ),
        settings={name: _tuples(value) for name, value in header["settings"].items()},
        tracks=pd.read_json(StringIO(header["tracks"]), orient="table"),
        provenance=header["provenance"],
        arrays=arrays,
    )


def _tuples(value: Any) -> Any:
    """Lists, as JSON has them, back to the tuples they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
