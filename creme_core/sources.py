"""Sources: where loci come from. The embedded demo world, GRCh38 with GENCODE, the paper's published results, or any
FASTA with a gene table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creme_core import downloads, gencode
from creme_core.annotation import GENE_COLUMNS, declared_assembly, find_tss, read_genes, search_genes
from creme_core.genome import ASSEMBLIES, Genome, assembly, fitting_assemblies, other_style
from creme_core.locus import Locus, read_locus
from creme_core.remote_genome import RemoteGenome

if TYPE_CHECKING:
    from creme_core.published import PublishedSource

__all__ = ["DEMO_FOLDER", "DemoSource", "Hg38Source", "Source", "open_source"]

DEMO_FOLDER = Path(__file__).parent.parent / "assets" / "demo"
ENFORMER_LENGTH = 196_608
GENCODE_DOWNLOADS = ("gencode", "gencode-50")


@dataclass(frozen=True, eq=False)
class Source:
    """A genome with its genes.

    Attributes:
        name: short name, "demo", "hg38" or the FASTA's file name.
        label: one line for people, which says where sequence and genes come from.
        genome: the sequence.
        genes: DataFrame with gene, gene_id, chrom, tss (0-based), strand first; a row a gene where transcripts are
            known.
        model_name: the model that goes with it, for `load_model`.
        synthetic: whether the sequence is made up.
        ambiguous: "error" refuses IUPAC ambiguity letters in a window, "N" reads them as N.
        transcripts: all transcripts of the genes, as `gencode.read_gencode` gives them, or None.
        annotation: the file that the genes were read from, where it is a GENCODE or one like it.
    """

    name: str
    label: str
    genome: Genome | RemoteGenome
    genes: pd.DataFrame = field(repr=False)
    model_name: str = "demo"
    synthetic: bool = False
    ambiguous: str = "error"
    transcripts: pd.DataFrame | None = field(default=None, repr=False)
    annotation: Path | None = None

    @property
    def chrom_sizes(self) -> dict[str, int]:
        """Length of every chromosome, bases."""
        return self.genome.chrom_sizes

    def locus(self, gene: str, length: int = ENFORMER_LENGTH, convention: str = "centre") -> Locus:
        """The window around a gene's TSS.

        Args:
            gene: symbol, alias, Ensembl gene or transcript id, or "chrom:position:strand" with the TSS 1-based.
            length: bases; the model's input_length.
            convention: "centre", or "paper" for the published windows (see Locus).

        Raises:
            ValueError: an unknown or ambiguous gene, and whatever `read_locus` refuses.
            SequenceUnavailable: the sequence is fetched over the network, and that failed.
        """
        name, gene_id, chrom, tss, strand = find_tss(self.genes, gene, self.transcripts)
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
        """Genes whose symbol, alias or id holds the text, or near a place, best first; the columns of `genes`."""
        return search_genes(self.genes, text, limit, self.transcripts)

    def tss_choices(self, gene: str) -> pd.DataFrame:
        """Every TSS of a gene, first the one that `locus` takes for the same words.

        Args:
            gene: as in `locus`.

        Returns:
            The columns of `genes`, or of `transcripts` with transcript_ids where they are known, and name: what `locus`
            takes for this TSS, "chrom:position:strand" (1-based).

        Raises:
            ValueError: an unknown gene, or a position that is no known TSS.
        """
        rows = pd.DataFrame()
        if self.transcripts is not None:
            _, gene_id, _, tss, _ = find_tss(self.genes, gene, self.transcripts)
            rows = self.transcripts[self.transcripts["gene_id"] == gene_id]
        if len(rows):
            choices = gencode.tss_choices(rows)
            # A place or a transcript may mean another TSS than the one that stands for the gene.
            choices = choices.iloc[np.argsort(choices["tss"] != tss, kind="stable")].reset_index(drop=True)
        else:
            symbols, ids = self.genes["gene"], self.genes["gene_id"]
            choices = self.genes[(symbols == gene) | (ids == gene)]
            if choices.empty:
                _, gene_id, *_ = find_tss(self.genes, gene)
                choices = self.genes[ids == gene_id]
            choices = choices.drop_duplicates(["chrom", "tss", "strand"]).reset_index(drop=True)
        if choices.empty:
            raise ValueError(f"{gene!r} is no known TSS of a gene in {self.label}; give a symbol or an Ensembl id.")
        places = zip(choices["chrom"], choices["tss"], choices["strand"], strict=True)
        return choices.assign(name=[f"{chrom}:{tss + 1}:{strand}" for chrom, tss, strand in places])

    @cached_property
    def exons(self) -> pd.DataFrame:
        """Exons of the transcript that stands for each gene, as `gencode.read_exons` gives them; empty without any."""
        if self.transcripts is None or self.annotation is None:
            return pd.DataFrame(columns=gencode.EXON_COLUMNS)
        return gencode.read_exons(self.annotation)


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


@dataclass(frozen=True, eq=False)
class Hg38Source(Source):
    """GRCh38 with GENCODE, or with genes of one's own."""


def open_source(
    name: str | Path,
    *,
    genes: str | Path | None = None,
    genome: str | Path | None = None,
    path: str | Path | None = None,
    ambiguous: str | None = None,
) -> "Source | PublishedSource":
    """Open a source.

    Args:
        name: "demo", "hg38", "published", or the path of a FASTA (plain or bgzipped) or 2bit.
        genes: the gene table that goes with a FASTA (see `read_genes`); for "hg38" one to use instead of the GENCODE
            that was downloaded.
        genome: for "hg38", a FASTA or 2bit to use instead of the download `hg38`; without either, each window is
            fetched over the network.
        path: for "published", a folder with the public files; None is where the download puts them.
        ambiguous: "error" or "N": how IUPAC ambiguity letters in a window are met; None is "N" for GRCh38, which has
            some, else "error".

    Raises:
        ValueError: an unknown name; a file that is missing or can't be read; a download that is needed; a gene table
            whose chromosomes are not in the genome, or of another assembly.
    """
    if ambiguous not in (None, "error", "N"):
        raise ValueError(f"ambiguous={ambiguous!r} is not known; it is 'error' or 'N'.")
    takes = {"demo": (), "hg38": ("genes", "genome"), "published": ("path",)}.get(str(name), ("genes",))
    given = {"genes": genes, "genome": genome, "path": path}
    if extra := [option for option, value in given.items() if value is not None and option not in takes]:
        raise ValueError(f"The source {str(name)!r} takes no {extra[0]}=; leave it out.")
    match str(name):
        case "demo":
            return DemoSource(
                name="demo",
                label="Demo world (synthetic genome with planted elements)",
                genome=Genome(DEMO_FOLDER / "genome.fa.gz"),
                genes=read_genes(DEMO_FOLDER / "genes.tsv"),
                synthetic=True,
            )
        case "hg38":
            return _open_hg38(genome, genes, ambiguous or "N")
        case "published":
            return _open_published(path)
    if genes is None:
        if not Path(name).is_file():
            raise ValueError(
                f"There is no source {str(name)!r}; it is 'demo', 'hg38', 'published', or the path of a FASTA with "
                "genes=PATH."
            )
        raise ValueError(f"No gene table was given for {name}; add genes=PATH, a BED, GTF, GFF3 or TSV file.")
    own, annotation = Genome(name), Path(genes)
    table = read_genes(annotation)
    coding, transcripts = _read_annotation(annotation)
    if transcripts is not None:
        table = _with_others(coding, table)
    _check_together(own, table, annotation)
    return Source(
        name=own.label,
        label=f"{own.label} with genes of {annotation.name}",
        genome=own,
        genes=table,
        ambiguous=ambiguous or ("N" if assembly(own.chrom_sizes) == "hg38" else "error"),
        transcripts=transcripts,
        annotation=annotation,
    )


def _open_hg38(genome: str | Path | None, genes: str | Path | None, ambiguous: str) -> Hg38Source:
    if genome is not None:
        opened: Genome | RemoteGenome = Genome(genome)
    elif downloads.state("hg38").complete:
        with _of_download("hg38"):
            opened = Genome(downloads.folder("hg38") / downloads.CATALOGUE["hg38"].files[0].name)
    else:
        opened = RemoteGenome()
    found = assembly(opened.chrom_sizes)
    if found not in (None, "hg38"):
        raise ValueError(
            f"{opened.label} has the chromosome lengths of {found}, not of hg38; give a GRCh38 genome, or open it as a "
            "source of its own with genes=PATH."
        )
    if genes is not None:
        annotation = Path(genes)
        table, transcripts = _read_annotation(annotation)
    else:
        # The release of the paper where it is here, else the newer one.
        release = next((name for name in GENCODE_DOWNLOADS if downloads.state(name).complete), GENCODE_DOWNLOADS[0])
        annotation = downloads.require(release) / downloads.CATALOGUE[release].files[0].name
        with _of_download(release):
            table, transcripts = _read_annotation(annotation)
    _check_together(opened, table, annotation, "hg38")
    where = "fetched window by window from UCSC or Ensembl" if isinstance(opened, RemoteGenome) else opened.label
    return Hg38Source(
        name="hg38",
        label=f"GRCh38 ({where}) with genes of {annotation.name}",
        genome=opened,
        genes=table,
        model_name="enformer",
        ambiguous=ambiguous,
        transcripts=transcripts,
        annotation=annotation,
    )


@contextmanager
def _of_download(name: str) -> Iterator[None]:
    """Add to a ValueError about a download's file what to do with the download."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"{str(error).rstrip('.')}: `python -m creme_core data check {name}` sets a damaged file aside, and "
            f"`python -m creme_core data get {name}` fetches it again."
        ) from error


def _read_annotation(path: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """A row a gene, and all transcripts where the file is GENCODE's or like it."""
    if path.name.lower().removesuffix(".gz").endswith((".gtf", ".gff3")):
        try:
            transcripts = gencode.read_gencode(path)
        except gencode.NoTranscripts:
            return read_genes(path), None
        return gencode.one_tss_a_gene(transcripts), transcripts
    return read_genes(path), None


def _with_others(coding: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    """The protein-coding genes, and after them the other genes of the same file, of which only the TSS is known."""
    others = every[~every["gene_id"].isin(coding["gene_id"])]
    place = {"start": others["tss"], "end": others["tss"] + 1}
    place |= {f"gene_{end}": values for end, values in place.items()}
    unknown = {
        "transcript_id": "",
        "transcripts": 0,
        "canonical": False,
        "tag": "",
        "level": 0,
        "alias": "",
        "par": False,
    }
    filled = others[GENE_COLUMNS].assign(**unknown, **place)[coding.columns].astype(coding.dtypes)
    return pd.concat([coding, filled], ignore_index=True)


def _open_published(path: str | Path | None) -> "PublishedSource":
    from creme_core.published import PublishedSource

    if path is None:
        # Some of the files are enough to open it; none at all is refused with how to get them.
        here = downloads.state("published").present
        path = downloads.folder("published") if here else downloads.require("published")
    return PublishedSource(path)


def _check_together(
    genome: Genome | RemoteGenome, table: pd.DataFrame, path: Path, expected: str | None = None
) -> None:
    """Raise a ValueError when genes can't be of this genome: other chromosome names, or another assembly.

    expected: the assembly that the genome should be of, where it is a part from which that can't be told.
    """
    sizes = genome.chrom_sizes
    chroms = list(dict.fromkeys(table["chrom"]))
    if not any(chrom in sizes for chrom in chroms):
        styled = next((chrom for chrom in chroms if other_style(chrom) in sizes), None)
        hint = (
            f"the table writes {styled!r} where the genome writes {other_style(styled)!r}; rename one of them"
            if styled
            else f"the table has {chroms[0]!r}, the genome {next(iter(sizes))!r}; are they of one assembly?"
        )
        raise ValueError(f"No chromosome of {path.name} is in {genome.label}: {hint}.")
    found = assembly(sizes)
    known, declared = found or expected, declared_assembly(path)
    if known and declared and known != declared:
        raise ValueError(
            f"{genome.label} is of {known}{_lengths(sizes, known)}, but {path.name} says that it is of {declared}; "
            "give a genome and a gene table of one assembly."
        )
    # Where chromosomes are known to be whole, a TSS beyond the end of one comes from another assembly.
    limits = sizes if found else ASSEMBLIES.get(known, {})
    beyond = table[table["tss"] >= table["chrom"].map(limits).fillna(float("inf"))]
    if not beyond.empty:
        row = beyond.iloc[0]
        fits = fitting_assemblies(row["chrom"], row["tss"])
        within = f", which is within {' and '.join(fits)}" if fits else ""
        raise ValueError(
            f"{len(beyond):,} of the {len(table):,} genes of {path.name} lie beyond the ends of {known}'s chromosomes "
            f"({row['gene']} at {row['chrom']}:{row['tss'] + 1:,}{within}); give a gene table of {known}, or the "
            "genome that the table is of."
        )


def _lengths(sizes: dict[str, int], known: str) -> str:
    """The length that shows a genome's assembly, in brackets."""
    shown = next((chrom for chrom, size in sizes.items() if size in ASSEMBLIES[known].values()), None)
    return f" (its {shown} has {sizes[shown]:,} bases)" if shown else ""
