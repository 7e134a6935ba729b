"""Sources: where loci come from. The embedded demo world, or any FASTA with a gene table."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from creme_core.annotation import find_tss, read_genes, search_genes
from creme_core.genome import Genome, other_style
from creme_core.locus import Locus, read_locus

__all__ = ["DEMO_FOLDER", "DemoSource", "Source", "open_source"]

DEMO_FOLDER = Path(__file__).parent.parent / "assets" / "demo"
ENFORMER_LENGTH = 196_608


@dataclass(frozen=True, eq=False)
class Source:
    """A genome with its genes.

    Attributes:
        name: short name, "demo" or the FASTA's file name.
        label: one line for people.
        genome: the sequence.
        genes: DataFrame with gene, gene_id, chrom, tss (0-based), strand first.
        model_name: the model that goes with it, for `load_model`.
        synthetic: whether the sequence is made up.
        ambiguous: "error" refuses IUPAC ambiguity letters in a window, "N" reads them as N.
    """

    name: str
    label: str
    genome: Genome
    genes: pd.DataFrame = field(repr=False)
    model_name: str = "demo"
    synthetic: bool = False
    ambiguous: str = "error"

    @property
    def chrom_sizes(self) -> dict[str, int]:
        """Length of every chromosome, bases."""
        return self.genome.chrom_sizes

    def locus(self, gene: str, length: int = ENFORMER_LENGTH, convention: str = "centre") -> Locus:
        """The window around a gene's TSS.

        Args:
            gene: symbol, Ensembl id, or "chrom:position:strand" with the TSS 1-based.
            length: bases; the model's input_length.
            convention: "centre", or "paper" for the published windows (see Locus).

        Raises:
            ValueError: an unknown or ambiguous gene, and whatever `read_locus` refuses.
        """
        name, gene_id, chrom, tss, strand = find_tss(self.genes, gene)
        return read_locus(
            self.genome,
            gene=name,
            gene_id=gene_id,
            chrom=chrom,
            tss=tss,
            strand=strand,
            length=length,
            convention=convention,
            ambiguous=self.ambiguous,
        )

    def search(self, text: str, limit: int = 20) -> pd.DataFrame:
        """Genes whose symbol or id holds the text, best first; the columns of `genes`."""
        return search_genes(self.genes, text, limit)


@dataclass(frozen=True, eq=False)
class DemoSource(Source):
    """The demo world, with its answer key (tables as creme_core.demo.truth writes them)."""

    folder: Path = DEMO_FOLDER

    @cached_property
    def truth(self) -> pd.DataFrame:
        """Planted elements, a row an element and cell line it acts in; intervals 0-based half-open."""
        return self._table("truth")

    @cached_property
    def scenarios(self) -> pd.DataFrame:
        """What each gene was made to show, and its expected context class, a row a cell line."""
        return self._table("scenarios")

    @cached_property
    def motif_sites(self) -> pd.DataFrame:
        """Every planted motif word; intervals 0-based half-open."""
        return self._table("motif_sites")

    @cached_property
    def signals(self) -> pd.DataFrame:
        """The synthetic bigWigs: cell_line, assay and path."""
        paths = sorted((self.folder / "signals").glob("*.bw"))
        rows = [(*path.stem.rsplit(".", 1), path) for path in paths]
        return pd.DataFrame(rows, columns=["cell_line", "assay", "path"])

    def _table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / f"{name}.tsv", sep="\t", keep_default_na=False)


def open_source(name: str | Path, *, genes: str | Path | None = None, ambiguous: str = "error") -> Source:
    """Open a source.

    Args:
        name: "demo", or the path of a FASTA (plain or bgzipped).
        genes: the gene table that goes with a FASTA (see `read_genes`).
        ambiguous: "error" or "N": how IUPAC ambiguity letters in a window are met.

    Raises:
        ValueError: a file that is missing or can't be read, or a gene table whose chromosomes are not in the FASTA.
    """
    if ambiguous not in ("error", "N"):
        raise ValueError(f"ambiguous={ambiguous!r} is not known; it is 'error' or 'N'.")
    if name == "demo":
        return DemoSource(
            name="demo",
            label="Demo world (synthetic genome with planted elements)",
            genome=Genome(DEMO_FOLDER / "genome.fa.gz"),
            genes=read_genes(DEMO_FOLDER / "genes.tsv"),
            synthetic=True,
        )
    if genes is None:
        if not Path(name).is_file():
            raise ValueError(f"There is no source {str(name)!r}; it is 'demo', or the path of a FASTA with genes=PATH.")
        raise ValueError(f"No gene table was given for {name}; add genes=PATH, a BED, GTF, GFF3 or TSV file.")
    genome = Genome(name)
    table = read_genes(genes)
    chroms, present = set(table["chrom"]), set(genome.chrom_sizes)
    if not chroms & present:
        example = sorted(chroms)[0]
        styled = next((chrom for chrom in sorted(chroms) if other_style(chrom) in present), None)
        hint = (
            f"the table writes {styled!r} where the FASTA writes {other_style(styled)!r}; rename one of them"
            if styled
            else f"the table has {example!r}, the FASTA {next(iter(genome.chrom_sizes))!r}; are they of one assembly?"
        )
        raise ValueError(f"No chromosome of {Path(genes).name} is in {genome.path.name}: {hint}.")
    return Source(
        name=genome.path.name,
        label=f"{genome.path.name} with genes of {Path(genes).name}",
        genome=genome,
        genes=table,
        ambiguous=ambiguous,
    )
