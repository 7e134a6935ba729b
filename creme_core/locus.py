"""Locus: the window of sequence around a TSS, read in the gene's direction."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from creme_core.genome import Genome, fitting_assemblies
from creme_core.remote_genome import RemoteGenome
from creme_core.sequence import AMBIGUITY_LETTERS, N, digest, encode, reverse_complement

__all__ = ["MAXIMUM_N_FRACTION", "Locus", "read_locus"]

# Padding a window with N collapses the signal of Enformer-like models, so a window with more is refused.
MAXIMUM_N_FRACTION = 0.10

CONVENTIONS = ("centre", "paper")


@dataclass(frozen=True, eq=False)
class Locus:
    """A window around a TSS, oriented so that the gene reads from left to right.

    Attributes:
        gene, gene_id: names.
        chrom, tss, strand: the TSS base, 0-based, on the chromosome's forward strand coordinates.
        start, end: the window on the chromosome, 0-based half-open; it may reach beyond the ends (there it is N).
        codes: uint8 (length,), oriented, read-only.
        convention: "centre" puts the TSS base at length // 2 on both strands; "paper" repeats the published windows,
            where it sits one base earlier (+) or later (-).
        notes: plain sentences on what was read otherwise than the file wrote it.
    """

    gene: str
    gene_id: str
    chrom: str
    tss: int
    strand: str
    start: int
    end: int
    codes: np.ndarray = field(repr=False)
    convention: str = "centre"
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        codes = np.array(self.codes, dtype=np.uint8)
        codes.flags.writeable = False
        object.__setattr__(self, "codes", codes)
        if self.strand not in ("+", "-"):
            raise ValueError(f"The strand of {self.gene} is {self.strand!r}; it must be + or -.")
        if codes.shape != (self.end - self.start,):
            raise ValueError(
                f"{self.gene} has {codes.shape} codes for a window of {self.end - self.start:,} bp; both must agree."
            )

    @property
    def name(self) -> str:
        """Gene, position (1-based) and strand, for people."""
        return f"{self.gene} {self.chrom}:{self.tss + 1:,} ({self.strand})"

    @property
    def length(self) -> int:
        """Bases in the window."""
        return self.codes.size

    @property
    def tss_index(self) -> int:
        """Index of the TSS base in the oriented window."""
        return self.tss - self.start if self.strand == "+" else self.end - 1 - self.tss

    @property
    def n_fraction(self) -> float:
        """Share of the window that is N."""
        return float((self.codes == N).mean())

    @cached_property
    def digest(self) -> str:
        """Content address of the oriented sequence."""
        return digest(self.codes)

    def to_genome(self, start: int, end: int) -> tuple[int, int]:
        """Turn an interval of the oriented window into one of the chromosome; both 0-based half-open."""
        if self.strand == "+":
            return self.start + start, self.start + end
        return self.end - end, self.end - start

    def from_genome(self, start: int, end: int) -> tuple[int, int]:
        """Turn an interval of the chromosome into one of the oriented window; both 0-based half-open."""
        if self.strand == "+":
            return start - self.start, end - self.start
        return self.end - end, self.end - start

    def distance(self, start: int, end: int) -> float:
        """Centre of an oriented interval minus the TSS, bp, in the gene's direction: upstream is negative."""
        return (start + end) / 2 - self.tss_index


def _window_start(tss: int, strand: str, length: int, convention: str) -> int:
    """First base of the window on the chromosome."""
    start = tss - length // 2
    if strand == "-":
        # The reverse complement counts from the window's end, so that is what the TSS is centred against.
        start = tss + 1 - (length - length // 2)
    return start + 1 if convention == "paper" else start


def read_locus(
    genome: Genome | RemoteGenome,
    *,
    gene: str,
    gene_id: str,
    chrom: str,
    tss: int,
    strand: str,
    length: int,
    convention: str = "centre",
    ambiguous: str = "error",
) -> Locus:
    """Read the window of a TSS from a genome; beyond the chromosome's ends it is N, and the notes say so.

    Raises:
        ValueError: an unknown chromosome or convention, a TSS outside its chromosome, a letter that is no base (see
            `encode` for `ambiguous`), or a window with more N than MAXIMUM_N_FRACTION.
        SequenceUnavailable: the genome is fetched over the network, and that failed.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"The window convention {convention!r} is not known; it is 'centre' or 'paper'.")
    if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 2:
        raise ValueError(f"The window length is {length!r}; it must be a whole number of bases, such as 196608.")
    genome.check_chrom(chrom)
    size = genome.chrom_sizes[chrom]
    if not 0 <= tss < size:
        fits = fitting_assemblies(chrom, tss) if tss >= size else []
        hint = f" ({chrom} is long enough for it in {' and in '.join(fits)})" if fits else ""
        raise ValueError(
            f"The TSS of {gene} is {chrom}:{tss + 1:,}, but {chrom} has {size:,} bases in {genome.label}; "
            f"check that the gene or position and the genome are of one assembly{hint}."
        )
    start = _window_start(tss, strand, length, convention)
    end = start + length
    text = genome.fetch(chrom, max(start, 0), min(end, size))
    try:
        codes = encode(text, ambiguous=ambiguous)
    except ValueError as error:
        raise ValueError(f"{chrom}:{max(start, 0) + 1:,}-{min(end, size):,} of {genome.label}: {error}") from error
    left, right = max(-start, 0), max(end - size, 0)
    codes = np.pad(codes, (left, right), constant_values=N)
    unknown = int((codes == N).sum())
    if unknown > MAXIMUM_N_FRACTION * length:
        raise ValueError(
            f"The {length:,} bp window of {gene} ({chrom}:{tss + 1:,}) holds {unknown:,} N ({unknown / length:.1%}); "
            f"at most {MAXIMUM_N_FRACTION:.0%} is allowed, since N hides sequence from the model. "
            "Choose a TSS further from the chromosome's end or the gap."
        )
    return Locus(
        gene=gene,
        gene_id=gene_id,
        chrom=chrom,
        tss=tss,
        strand=strand,
        start=start,
        end=end,
        codes=codes if strand == "+" else reverse_complement(codes),
        convention=convention,
        notes=_notes(text, chrom, left + right, unknown),
    )


def _notes(text: str, chrom: str, padded: int, unknown: int) -> tuple[str, ...]:
    notes = []
    if padded:
        notes.append(f"{padded:,} bases of the window lie beyond the end of {chrom} and are N.")
    ambiguity = sum(text.count(letter) + text.count(letter.lower()) for letter in AMBIGUITY_LETTERS)
    if ambiguity:
        notes.append(f"{ambiguity:,} ambiguity letters (such as R or Y) were read as N.")
    if unknown - padded - ambiguity > 0:
        notes.append(f"{unknown - padded - ambiguity:,} bases of the window are N in the genome.")
    lower = sum(map(text.count, "acgtn"))
    if lower:
        notes.append(f"{lower:,} lower-case (soft-masked) letters were read as their upper-case ones.")
    return tuple(notes)
