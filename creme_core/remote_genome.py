"""GRCh38 without a download: the window of a gene from the UCSC or the Ensembl REST service, kept on disk."""

import gzip
import re
import threading
import zlib
from pathlib import Path
from urllib.parse import quote

from creme_core import web
from creme_core.genome import ASSEMBLIES, check_chrom, check_interval
from creme_core.home import home, write_whole
from creme_core.sequence import ALPHABET, AMBIGUITY_LETTERS

__all__ = ["RemoteGenome", "SequenceUnavailable"]

# One request; public code asks Ensembl for 196,608 bases at a time, and no cap of either service is known to be lower.
BLOCK = 131_072
# Both services ask those who want much to download the genome.
LONGEST = 16 * BLOCK
ATTEMPTS = 3
TIMEOUT_SECONDS = 40.0


class SequenceUnavailable(OSError):
    """Neither service gave the sequence."""


class RemoteGenome:
    """hg38 over the network, read as a Genome is.

    A chromosome is asked for in blocks of BLOCK bases, so that windows that overlap share them; each is checked
    (length, letters, and the place that the answer names) and kept compressed in `folder`. A kept block that is damaged
    is asked for again. Letters keep the case in which they were served: UCSC marks repeats in lower case, Ensembl does
    not. GRCh38 has a few ambiguity letters, which Ensembl serves and UCSC writes N. Several threads may read one.

    Args:
        folder: where blocks are kept, in a folder of the assembly's name; None is `sequence` in `home()`.
        assembly: "hg38".

    Attributes:
        notes: plain sentences on what went otherwise than planned, such as a folder that can't be written.

    Raises:
        ValueError: another assembly.
    """

    def __init__(self, folder: str | Path | None = None, assembly: str = "hg38"):
        if assembly != "hg38":
            raise ValueError(f"The assembly {assembly!r} can't be fetched; 'hg38' can. Give a FASTA of your own.")
        self.assembly = assembly
        self.folder = (home() / "sequence" if folder is None else Path(folder)) / assembly
        self.notes: list[str] = []
        self._services = [("UCSC", _ask_ucsc), ("Ensembl", _ask_ensembl)]
        self._asking: dict[Path, threading.Lock] = {}
        self._unwritten: dict[Path, str] = {}

    @property
    def label(self) -> str:
        """What sentences call this genome."""
        return f"{self.assembly} from UCSC or Ensembl"

    @property
    def chrom_sizes(self) -> dict[str, int]:
        """Length of chr1 to chr22, chrX, chrY and chrM, bases: published facts, nothing is asked."""
        return dict(ASSEMBLIES[self.assembly])

    def check_chrom(self, chrom: str) -> None:
        """Raise a ValueError that names what there is, when there is no such chromosome."""
        check_chrom(chrom, ASSEMBLIES[self.assembly], self.label)

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Letters of [start, end), 0-based half-open, within the chromosome.

        Raises:
            ValueError: an unknown chromosome, an interval that is empty or leaves the chromosome, or one longer than
                LONGEST.
            SequenceUnavailable: a part that is not kept and that neither service gave.
        """
        self.check_chrom(chrom)
        size = ASSEMBLIES[self.assembly][chrom]
        check_interval(chrom, start, end, size)
        if end - start > LONGEST:
            raise ValueError(
                f"{chrom}:{start + 1:,}-{end:,} has {end - start:,} bases; at most {LONGEST:,} are fetched over the "
                "network at once. Get the whole genome with `python -m creme_core data get hg38`."
            )
        first = start // BLOCK * BLOCK
        blocks = [self._block(chrom, place, min(place + BLOCK, size)) for place in range(first, end, BLOCK)]
        return "".join(blocks)[start - first : end - first]

    def _block(self, chrom: str, start: int, end: int) -> str:
        path = self.folder / f"{chrom}.{start}-{end}.gz"
        head = f"{self.assembly} {chrom} {start} {end}"
        text = self._kept(path, head, end - start)
        if text is not None:
            return text
        # Nobody asks for what another thread is asking for, and nobody waits for a block of another window.
        with self._asking.setdefault(path, threading.Lock()):
            text = self._kept(path, head, end - start)
            if text is None:
                text = self._ask(chrom, start, end)
                self._keep(path, head, text)
        return text

    def _ask(self, chrom: str, start: int, end: int) -> str:
        if web.is_offline():
            raise SequenceUnavailable(
                f"The sequence of {chrom}:{start + 1:,}-{end:,} (1-based) is not kept here, and it is not asked for "
                "because CREME_OFFLINE is set; unset it, or use a genome on disk."
            )
        failures = []
        for name, ask in self._services:
            try:
                text = ask(self.assembly, chrom, start, end)
            except (ValueError, OSError) as error:
                failures.append(f"{name}: {str(error).rstrip('.')}")
                continue
            if failures:  # whoever answers is asked first from now on
                self._services = sorted(self._services, key=lambda service: service[0] != name)
            return text
        raise SequenceUnavailable(
            f"The sequence of {chrom}:{start + 1:,}-{end:,} (1-based) could not be had from either service "
            f"({'; '.join(failures)}); try again later, or get the whole genome with "
            "`python -m creme_core data get hg38`."
        )

    def _kept(self, path: Path, head: str, length: int) -> str | None:
        """A block from disk; None where there is none, or a damaged one."""
        if path in self._unwritten:
            return self._unwritten[path]
        try:
            found, _, text = gzip.decompress(path.read_bytes()).decode("ascii").partition("\n")
            if found == head:
                return _checked(text, length)
        except (OSError, EOFError, zlib.error, ValueError):  # gzip carries a checksum of the whole
            pass
        return None

    def _keep(self, path: Path, head: str, text: str) -> None:
        try:
            write_whole(path, gzip.compress(f"{head}\n{text}".encode("ascii"), compresslevel=6, mtime=0))
        except OSError as error:
            self._unwritten[path] = text
            if len(self._unwritten) > 64:
                self._unwritten.pop(next(iter(self._unwritten)))
            note = f"Fetched sequence can't be kept in {self.folder} ({error.strerror or error}); it is fetched anew."
            if note not in self.notes:
                self.notes.append(note)


def _checked(text: str, length: int, letters: str = ALPHABET + AMBIGUITY_LETTERS) -> str:
    """The same text.

    Raises:
        ValueError: other letters than these in either case, or another length.
    """
    if strange := re.search(f"[^{letters}{letters.lower()}]", text):
        raise ValueError(
            f"it sent {strange[0]!r} at position {strange.start() + 1:,}, which is no DNA letter (it starts "
            f"with {text[:20]!r})"
        )
    if len(text) != length:
        raise ValueError(
            f"it sent {len(text):,} letters instead of {length:,} (that so many are served in one request is not "
            "verified)"
        )
    return text


def _ask_ucsc(assembly: str, chrom: str, start: int, end: int) -> str:
    query = f"genome={assembly};chrom={quote(chrom)};start={start};end={end}"
    url = f"https://api.genome.ucsc.edu/getData/sequence?{query}"
    answer = web.fetch_json(url, attempts=ATTEMPTS, timeout=TIMEOUT_SECONDS)
    if not isinstance(answer, dict) or not isinstance(answer.get("dna"), str):
        said = answer.get("error") if isinstance(answer, dict) else None
        reason = f"it says {str(said)[:200]!r}" if said else "its JSON has no text under 'dna', as it is documented to"
        raise ValueError(reason)
    for key, asked in (("genome", assembly), ("chrom", chrom), ("start", start), ("end", end)):
        if str(answer.get(key, asked)) != str(asked):
            raise ValueError(f"it answered for {key} {answer[key]!r} instead of {asked!r}")
    return _checked(answer["dna"], end - start, ALPHABET)  # UCSC's own format, 2bit, has no other letters


def _ask_ensembl(_assembly: str, chrom: str, start: int, end: int) -> str:
    # 1-based, both ends included, and chromosomes without "chr".
    region = f"{'MT' if chrom == 'chrM' else chrom.removeprefix('chr')}:{start + 1}..{end}:1"
    url = f"https://rest.ensembl.org/sequence/region/human/{region}?content-type=text/plain;coord_system_version=GRCh38"
    body = web.fetch(url, accept="text/plain", attempts=ATTEMPTS, timeout=TIMEOUT_SECONDS)
    return _checked("".join(body.decode("latin-1").split()), end - start)
