"""Files a visitor brings: bigWigs to draw and BEDs of regions, kept for one session on this machine. No Streamlit."""

import itertools
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from creme_core.signals.bed import read_bed
from creme_core.signals.bigwig import check_assembly, describe
from dashboard.tracks import OfferedTrack

__all__ = ["REGION_ENDINGS", "SIGNAL_ENDINGS", "Upload", "Uploads"]

SIGNAL_ENDINGS = ("bw", "bigwig")
REGION_ENDINGS = ("bed", "gz", "narrowpeak", "broadpeak", "txt")
MOST_FILES = 24


@dataclass(frozen=True, eq=False)
class Upload:
    """A file, and what it turned out to be: a track, regions, a question, or an error.

    Attributes:
        number: of the file in its session.
        name: as the visitor's machine has it; not to be trusted in HTML, Markdown or paths.
        track: of a bigWig.
        regions: of a BED: chrom, start, end (0-based half-open), name, kind, colour and more.
        notes: sentences on what was left out or put right.
        questions: sentences to answer before the regions are drawn.
        error: why it can't be used.
        content: of a BED with a question, for reading it again.
    """

    number: int
    name: str
    track: OfferedTrack | None = None
    regions: pd.DataFrame | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    error: str = ""
    content: bytes = field(default=b"", repr=False)


class Uploads:
    """The files of one session for one genome. bigWigs lie in a folder that goes with `close`.

    Args:
        chrom_sizes: length of the genome's chromosomes, bases.
    """

    def __init__(self, chrom_sizes: Mapping[str, int]):
        self._sizes = dict(chrom_sizes)
        self._folder: tempfile.TemporaryDirectory | None = None
        self._numbers = itertools.count(1)
        self._kept: dict[int, Upload] = {}

    @property
    def files(self) -> tuple[Upload, ...]:
        """Everything that was brought and not taken away, in that order."""
        return tuple(self._kept.values())

    @property
    def tracks(self) -> tuple[OfferedTrack, ...]:
        """The bigWigs that can be drawn."""
        return tuple(upload.track for upload in self.files if upload.track is not None)

    @property
    def regions(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Name and table of each BED that could be read."""
        return tuple((upload.name, upload.regions) for upload in self.files if upload.regions is not None)

    def add(self, name: str, content: bytes | memoryview) -> Upload:
        """Look at a file once; what is wrong with it is in the answer."""
        number = next(self._numbers)
        if len(self._kept) >= MOST_FILES:
            upload = Upload(number, name, error=f"More than {MOST_FILES} files are here; take one away first.")
        elif name.lower().rpartition(".")[2] in SIGNAL_ENDINGS:
            upload = self._signal(number, name, content)
        else:
            upload = self._bed(Upload(number, name, content=bytes(content)), None)
        self._kept[number] = upload
        return upload

    def answer(self, number: int, one_based: bool) -> None:
        """Read a BED again, now that it is known from where it counts."""
        upload = self._kept.get(number)
        if upload is not None and upload.questions:
            self._kept[number] = self._bed(replace(upload, questions=()), one_based)

    def remove(self, number: int) -> None:
        """Take a file away, from the disk too."""
        upload = self._kept.pop(number, None)
        if upload is not None and upload.track is not None:
            Path(upload.track.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Delete everything."""
        self._kept.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _signal(self, number: int, name: str, content: bytes | memoryview) -> Upload:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="creme-uploads-", ignore_cleanup_errors=True)
        # Later sentences name the file, so it keeps what of its name is harmless.
        path = Path(self._folder.name) / str(number) / re.sub(r"[^A-Za-z0-9._-]", "_", name)[-60:]
        try:
            path.parent.mkdir()
            path.write_bytes(content)
            if (kind := describe(path).format) != "bigWig":
                raise ValueError(f"{path.name} is a {kind} file, which holds regions; a bigWig is needed for a signal.")
            check_assembly(path, self._sizes)
        except (ValueError, OSError) as error:
            path.unlink(missing_ok=True)
            # The visitor knows the file by another name.
            return Upload(number, name, error=str(error).replace(str(path), name).replace(path.name, name))
        stem = Path(name).stem.replace(",", " ")
        taken = {track.name for track in self.tracks}
        label = next(
            label
            for label in itertools.chain([f"{stem} (yours)"], (f"{stem} (yours, {n})" for n in itertools.count(2)))
            if label not in taken
        )
        return Upload(number, name, track=OfferedTrack(label, (str(path),), f"{name}, your file", own=True))

    def _bed(self, upload: Upload, one_based: bool | None) -> Upload:
        try:
            bed = read_bed(upload.content, name=upload.name, one_based=one_based, chrom_sizes=self._sizes)
        except (ValueError, OSError) as error:
            return replace(upload, error=str(error), content=b"")
        if bed.questions:
            return replace(upload, notes=bed.notes, questions=bed.questions)
        return replace(upload, regions=bed.table, notes=bed.notes, content=b"")
