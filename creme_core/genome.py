"""Reading sequence from a FASTA or a 2bit file by chromosome and position, and telling assemblies apart."""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyfaidx

__all__ = ["ASSEMBLIES", "Genome", "assembly", "check_chrom", "check_interval", "fitting_assemblies", "other_style"]

_NAMES = [f"chr{name}" for name in (*range(1, 23), "X", "Y", "M")]
_MOUSE_NAMES = [f"chr{name}" for name in (*range(1, 20), "X", "Y", "M")]


def _sizes(names: Iterable[str], lengths: str) -> dict[str, int]:
    return dict(zip(names, map(int, lengths.split()), strict=True))


# Chromosome lengths as UCSC (hg19, hg38, mm10) and the T2T consortium (CHM13 v2.0) publish them.
ASSEMBLIES = {
    "hg38": _sizes(
        _NAMES,
        "248956422 242193529 198295559 190214555 181538259 170805979 159345973 145138636 138394717 133797422 135086622 "
        "133275309 114364328 107043718 101991189 90338345 83257441 80373285 58617616 64444167 46709983 50818468 "
        "156040895 57227415 16569",
    ),
    "hg19": _sizes(
        _NAMES,
        "249250621 243199373 198022430 191154276 180915260 171115067 159138663 146364022 141213431 135534747 135006516 "
        "133851895 115169878 107349540 102531392 90354753 81195210 78077248 59128983 63025520 48129895 51304566 "
        "155270560 59373566 16571",
    ),
    "mm10": _sizes(
        _MOUSE_NAMES,
        "195471971 182113224 160039680 156508116 151834684 149736546 145441459 129401213 124595110 130694993 122082543 "
        "120129022 120421639 124902244 104043685 98207768 94987271 90702639 61431566 171031299 91744698 16299",
    ),
    "T2T-CHM13": _sizes(
        _NAMES,
        "248387328 242696752 201105948 193574945 182045439 172126628 160567428 146259331 150617247 134758134 135127769 "
        "133324548 113566686 101161492 99753195 96330374 84276897 80542538 61707364 66210255 45090682 51324926 "
        "154259566 62460029 16569",
    ),
}


def other_style(name: str) -> str:
    """The same chromosome in the other naming style: "3" for "chr3" and back, "M" and "MT" being one."""
    if name.startswith("chr"):
        return "MT" if name == "chrM" else name.removeprefix("chr")
    return "chrM" if name in ("M", "MT") else f"chr{name}"


def assembly(chrom_sizes: Mapping[str, int]) -> str | None:
    """The assembly whose chromosome lengths these are: a name of ASSEMBLIES, or None where no known one fits.

    A part of an assembly will do, such as one whole chromosome; most of the named chromosomes must have its lengths.
    The mitochondrion says nothing, since assemblies share it.
    """
    styled = {name if name.startswith("chr") else other_style(name): size for name, size in chrom_sizes.items()}
    for name, known in ASSEMBLIES.items():
        shared = [chrom for chrom in known if chrom in styled and chrom != "chrM"]
        if 2 * sum(styled[chrom] == known[chrom] for chrom in shared) > len(shared):
            return name
    return None


def fitting_assemblies(chrom: str, position: int) -> list[str]:
    """Known assemblies in which a 0-based position lies within its chromosome."""
    styled = chrom if chrom.startswith("chr") else other_style(chrom)
    return [name for name, sizes in ASSEMBLIES.items() if position < sizes.get(styled, 0)]


def check_chrom(chrom: str, names: Iterable[str], label: str) -> None:
    """Raise a ValueError that says what there is, when `chrom` is not among the names that `label` has."""
    names = list(names)
    if chrom in names:
        return
    if other_style(chrom) in names:
        raise ValueError(
            f"Chromosome {chrom!r} is not in {label}, which writes it {other_style(chrom)!r}; "
            "use that name, or rename the chromosomes of the gene table or FASTA so that both agree."
        )
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    raise ValueError(f"Chromosome {chrom!r} is not in {label}; it has {shown}.")


def check_interval(chrom: str, start: int, end: int, size: int) -> None:
    """Raise a ValueError when [start, end) is empty or leaves a chromosome of this size."""
    if not 0 <= start < end <= size:
        raise ValueError(f"{chrom}:{start}-{end} is not within {chrom}, which has {size:,} bases from 0.")


class Genome:
    """A file of sequence: FASTA with its index, which is made beside it on first use, or UCSC's 2bit.

    Several threads may read one Genome.

    Args:
        path: .fa, .fa.gz compressed by bgzip, or .2bit.

    Raises:
        ValueError: no such file; a gzip that is not bgzip; no index newer than the file and no way to write one; a file
            that is no FASTA, or no whole 2bit.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise ValueError(
                f"There is no FASTA file at {self.path}; give the path of a .fa, a bgzipped .fa.gz or a .2bit file."
            )
        reader = _TwoBit if self.path.suffix.lower() == ".2bit" else _Fasta
        self._reader = reader(self.path)

    @property
    def label(self) -> str:
        """What sentences call this genome: the file's name."""
        return self.path.name

    @property
    def chrom_sizes(self) -> dict[str, int]:
        """Length of every chromosome, bases, in the order of the file."""
        return dict(self._reader.sizes)

    def check_chrom(self, chrom: str) -> None:
        """Raise a ValueError that names what the file has, when it does not have this chromosome."""
        check_chrom(chrom, self._reader.sizes, self.label)

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Letters of [start, end) as the file writes them, 0-based half-open, within the chromosome.

        Raises:
            ValueError: an unknown chromosome, an interval that is empty or leaves the chromosome, or a part of the file
                that is damaged.
        """
        self.check_chrom(chrom)
        check_interval(chrom, start, end, self._reader.sizes[chrom])
        return self._reader.read(chrom, start, end)


class _Fasta:
    """A FASTA file, plain or bgzipped, through its index; pyfaidx locks its reads."""

    def __init__(self, path: Path):
        try:
            self._fasta = pyfaidx.Fasta(str(path), as_raw=True)
        except pyfaidx.UnsupportedCompressionFormat as error:
            raise ValueError(
                f"{path.name} is compressed, but not by bgzip, so it can't be read by position; "
                "decompress it and compress it again with bgzip, or use it uncompressed."
            ) from error
        except OSError as error:
            raise ValueError(
                f"{path.name} has no up-to-date index {path.name}.fai and one could not be written beside it "
                f"({error.strerror or error}); run 'samtools faidx' on a copy in a folder you can write, and open that."
            ) from error
        except (pyfaidx.FastaIndexingError, ValueError) as error:
            reason = str(error).replace(str(path), path.name).split(". ")[0]
            raise ValueError(
                f"{path.name} is not a FASTA file that can be indexed ({reason}); it needs '>' header lines and "
                "sequence lines of one length within a chromosome."
            ) from error
        self.sizes = {name: len(self._fasta[name]) for name in self._fasta.keys()}  # noqa: SIM118 - Fasta is no dict

    def read(self, chrom: str, start: int, end: int) -> str:
        return self._fasta[chrom][start:end]


class _TwoBit:
    """UCSC's 2bit format, version 0 (genome.ucsc.edu/FAQ/FAQformat.html#format7): runs of N and of lower case are kept
    as lists of starts and sizes, the bases four a byte.

    Read with numpy from a memory map, since py2bit 1.0.1 ends the whole process (SIGBUS, SIGSEGV) on a damaged header.
    """

    LETTERS = np.frombuffer(b"TCAG", dtype=np.uint8)
    SHIFTS = np.array([6, 4, 2, 0], dtype=np.uint8)

    def __init__(self, path: Path):
        self._name = path.name
        self._blocks: dict[str, tuple[np.ndarray, ...]] = {}
        self._lock = threading.Lock()
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.empty(0, np.uint8)
        # The file is in its writer's byte order; the signature tells which.
        self._order = "<" if self._bytes[:4].tobytes() == (0x1A412743).to_bytes(4, "little") else ">"
        signature, version, count, _ = self._numbers(0, 4)
        if signature != 0x1A412743 or version != 0:
            raise ValueError(
                f"{path.name} is no 2bit file of version 0 (it starts with {self._bytes[:8].tobytes().hex()}); "
                "download UCSC's hg38.2bit again, or give a FASTA."
            )
        self._records: dict[str, tuple[int, int, int, int]] = {}
        place = 16
        for _ in range(count):
            letters = int(self._part(place, 1)[0])
            name = self._part(place + 1, letters).tobytes().decode("ascii", "replace")
            self._records[name] = self._record(int(self._numbers(place + 1 + letters, 1)[0]))
            place += 5 + letters
        self.sizes = {name: record[0] for name, record in self._records.items()}
        if not self.sizes or min(self.sizes.values()) < 1:
            raise self._damaged()

    def read(self, chrom: str, start: int, end: int) -> str:
        packed = self._part(self._records[chrom][3] + start // 4, (end + 3) // 4 - start // 4)
        codes = (packed[:, np.newaxis] >> self.SHIFTS & 3).ravel()[start % 4 :][: end - start]
        letters = self.LETTERS[codes]
        unknown_starts, unknown_ends, lower_starts, lower_ends = self._runs(chrom)
        for left, right in _overlaps(unknown_starts, unknown_ends, start, end):
            letters[left:right] = ord("N")
        for left, right in _overlaps(lower_starts, lower_ends, start, end):
            letters[left:right] |= 0x20  # lower case
        return letters.tobytes().decode("ascii")

    def _record(self, place: int) -> tuple[int, int, int, int]:
        """Bases of a chromosome, and where its N runs, its lower-case runs and its packed bases start in the file."""
        size, unknown = (int(number) for number in self._numbers(place, 2))
        unknown_at = place + 4
        lower_at = unknown_at + 4 + 8 * unknown
        packed_at = lower_at + 4 + 8 * int(self._numbers(lower_at, 1)[0]) + 4  # four reserved bytes
        if packed_at + (size + 3) // 4 > self._bytes.size:
            raise self._damaged()
        return size, unknown_at, lower_at, packed_at

    def _runs(self, chrom: str) -> tuple[np.ndarray, ...]:
        """Starts and ends of the N runs and of the lower-case runs, each sorted and apart."""
        with self._lock:
            if chrom not in self._blocks:
                size, *places, _ = self._records[chrom]
                runs = []
                for place in places:
                    count = int(self._numbers(place, 1)[0])
                    starts, lengths = self._numbers(place + 4, 2 * count).astype(np.int64).reshape(2, count)
                    ends = starts + lengths
                    if (starts[1:] < ends[:-1]).any() or (ends > size).any():
                        raise self._damaged()
                    runs += [starts, ends]
                self._blocks[chrom] = tuple(runs)
            return self._blocks[chrom]

    def _numbers(self, place: int, count: int) -> np.ndarray:
        return np.frombuffer(self._part(place, 4 * count).tobytes(), dtype=f"{self._order}u4")

    def _part(self, place: int, count: int) -> np.ndarray:
        if place + count > self._bytes.size:
            raise self._damaged()
        return self._bytes[place : place + count]

    def _damaged(self) -> ValueError:
        return ValueError(
            f"{self._name} is damaged or cut short ({self._bytes.size:,} bytes); download it again, or give a FASTA."
        )


def _overlaps(starts: np.ndarray, ends: np.ndarray, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of sorted runs that lie in [start, end), counted from start."""
    first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end, side="left")
    runs = zip(starts[first:last], ends[first:last], strict=True)
    return [(max(int(left) - start, 0), min(int(right), end) - start) for left, right in runs]
