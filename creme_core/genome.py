"""Reading sequence from a FASTA file, plain or bgzipped, by chromosome and position."""

from pathlib import Path

import pyfaidx

__all__ = ["Genome", "other_style"]


def other_style(name: str) -> str:
    """The same chromosome in the other naming style: "3" for "chr3" and back, "M" and "MT" being one."""
    if name.startswith("chr"):
        return "MT" if name == "chrM" else name.removeprefix("chr")
    return "chrM" if name in ("M", "MT") else f"chr{name}"


class Genome:
    """A FASTA file with its index, which is made beside it on first use.

    Args:
        path: .fa, or .fa.gz compressed by bgzip.

    Raises:
        ValueError: no such file; a gzip that is not bgzip; no index newer than the file and no way to write one; a file
            that is no FASTA.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise ValueError(f"There is no FASTA file at {self.path}; give the path of a .fa or bgzipped .fa.gz file.")
        try:
            self._fasta = pyfaidx.Fasta(str(self.path), as_raw=True)
        except pyfaidx.UnsupportedCompressionFormat as error:
            raise ValueError(
                f"{self.path.name} is compressed, but not by bgzip, so it can't be read by position; "
                "decompress it and compress it again with bgzip, or use it uncompressed."
            ) from error
        except OSError as error:
            raise ValueError(
                f"{self.path.name} has no up-to-date index {self.path.name}.fai and one could not be written beside it "
                f"({error.strerror or error}); run 'samtools faidx' on a copy in a folder you can write, and open that."
            ) from error
        except (pyfaidx.FastaIndexingError, ValueError) as error:
            reason = str(error).replace(str(self.path), self.path.name).split(". ")[0]
            raise ValueError(
                f"{self.path.name} is not a FASTA file that can be indexed ({reason}); it needs '>' header lines and "
                "sequence lines of one length within a chromosome."
            ) from error

    @property
    def chrom_sizes(self) -> dict[str, int]:
        """Length of every chromosome, bases, in the order of the file."""
        return {name: len(self._fasta[name]) for name in self._fasta.keys()}  # noqa: SIM118 - Fasta is no dict

    def check_chrom(self, chrom: str) -> None:
        """Raise a ValueError that names what the file has, when it does not have this chromosome."""
        if chrom in self._fasta:
            return
        if other_style(chrom) in self._fasta:
            raise ValueError(
                f"Chromosome {chrom!r} is not in {self.path.name}, which writes it {other_style(chrom)!r}; "
                "use that name, or rename the chromosomes of the gene table or FASTA so that both agree."
            )
        names = list(self._fasta.keys())
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise ValueError(f"Chromosome {chrom!r} is not in {self.path.name}; it has {shown}.")

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Letters of [start, end) as the file writes them, 0-based half-open, within the chromosome.

        Raises:
            ValueError: an unknown chromosome, or an interval that is empty or leaves the chromosome.
        """
        self.check_chrom(chrom)
        size = len(self._fasta[chrom])
        if not 0 <= start < end <= size:
            raise ValueError(f"{chrom}:{start}-{end} is not within {chrom}, which has {size:,} bases from 0.")
        return self._fasta[chrom][start:end]
