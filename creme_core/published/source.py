"""The source whose results are read, not computed: the tables that the paper's authors published."""

import difflib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from creme_core.annotation import GENE_COLUMNS, find_tss, parse_position, search_genes
from creme_core.experiments.interaction import SEARCHES
from creme_core.experiments.result import Result, check_choice
from creme_core.experiments.swap import SwapResult
from creme_core.locus import Locus
from creme_core.published import headline, regions
from creme_core.published.at import At, elements
from creme_core.published.fill import FILLED, swap
from creme_core.published.results import Place, unknown_bases
from creme_core.published.tables import CELL_LINES, HOW_TO_GET, SEQUENCE, TABLES, Tables

__all__ = ["PublishedSource"]

LENGTH = 196_608
CONVENTIONS = ("paper", "centre")
NO_SEQUENCE = "Only results were published, not the sequence, so every base of this window is N."

# What a test may be called: the dashboard's names and those of creme_core.
NAMES = {name: name for name in (*FILLED, "swap")} | {
    "context_dependence": "context",
    "fine_tile_search": "fine_tile",
    "context_swap": "swap",
}
LOCUS_COLUMNS = ["gene", "chrom", "tss", "strand", "cell_line", "context", "wild_type", "context_effect"]

# GRCh38, bases.
CHROM_SIZES = {
    "chr1": 248_956_422,
    "chr2": 242_193_529,
    "chr3": 198_295_559,
    "chr4": 190_214_555,
    "chr5": 181_538_259,
    "chr6": 170_805_979,
    "chr7": 159_345_973,
    "chr8": 145_138_636,
    "chr9": 138_394_717,
    "chr10": 133_797_422,
    "chr11": 135_086_622,
    "chr12": 133_275_309,
    "chr13": 114_364_328,
    "chr14": 107_043_718,
    "chr15": 101_991_189,
    "chr16": 90_338_345,
    "chr17": 83_257_441,
    "chr18": 80_373_285,
    "chr19": 58_617_616,
    "chr20": 64_444_167,
    "chr21": 46_709_983,
    "chr22": 50_818_468,
    "chrX": 156_040_895,
    "chrY": 57_227_415,
    "chrM": 16_569,
}


class PublishedSource:
    """The paper's Enformer results for its loci in K562, GM12878 and PC-3.

    Any of the files may be absent; what rests on it is then told in a sentence, and the rest works.

    The number that the paper gives as a gene's TSS is the 0-based TSS base of a gene on the + strand, but one more than
    it on the - strand, where it is the end of the transcript as a half-open interval. `loci` keeps that number in tss
    and has the base in tss_base; `genes` and every Locus hold the base.

    Args:
        folder: holds the public files at their public paths (results/summary_csvs/...); None is where the download of
            that name puts them.

    Attributes:
        folder: the folder.
        name, label: "published", and one line for people.
        model_name: None: there is nothing to compute with.
        synthetic: False.
        chrom_sizes: length of every chromosome of GRCh38, bases.

    Raises:
        ValueError: none of the files is there.
    """

    name = "published"
    label = "Published results of the paper (Enformer on GRCh38; K562, GM12878 and PC-3)"
    model_name = None
    synthetic = False
    chrom_sizes = CHROM_SIZES

    def __init__(self, folder: str | Path | None = None):
        if folder is None:
            from creme_core import downloads  # asked for its folder only where none is given

            folder = downloads.folder("published")
        self.folder = Path(folder)
        self._tables = Tables(self.folder)
        if not any(map(self._tables.has, TABLES)):
            raise ValueError(
                f"None of the published files is in {self.folder}; {HOW_TO_GET}, or give the folder that holds "
                "results/summary_csvs."
            )

    @property
    def missing(self) -> dict[str, str]:
        """Which files are absent, by path, and what each holds."""
        return {table.path: table.holds for key, table in TABLES.items() if not self._tables.has(key)}

    @property
    def problems(self) -> dict[str, str]:
        """A sentence on each file that was found damaged so far, by path."""
        return dict(self._tables.problems)

    @cached_property
    def loci(self) -> pd.DataFrame:
        """What was published, a row a gene and cell line.

        Returns:
            DataFrame with gene, chrom, tss (the published number, see the class), strand, cell_line, context (the
            published class), wild_type (predicted TSS activity) and context_effect (both NaN where the table of the
            Context Dependence Test is absent), gene_id (the gene where no table has one), tss_base (0-based), seq_id
            (gene_chrom_tss_strand, which names it in the tables).
        """
        return pd.concat([_loci(self._tables, line) for line in CELL_LINES], ignore_index=True)

    @cached_property
    def cell_lines(self) -> tuple[str, ...]:
        """The cell lines that have loci here, the paper's order; all three where none has."""
        present = set(self.loci["cell_line"])
        return tuple(line for line in CELL_LINES if line in present) or CELL_LINES

    @cached_property
    def genes(self) -> pd.DataFrame:
        """Every published TSS once: gene, gene_id, chrom, tss (the 0-based TSS base), strand, cell_lines."""
        named = self.loci.assign(tss=self.loci["tss_base"])
        grouped = named.groupby(["gene", "chrom", "tss", "strand"], sort=False)
        lines = grouped.agg(gene_id=("gene_id", _best_id), cell_lines=("cell_line", ", ".join)).reset_index()
        return lines[[*GENE_COLUMNS, "cell_lines"]].sort_values("gene", kind="stable", ignore_index=True)

    def search(self, text: str, limit: int = 20) -> pd.DataFrame:
        """Genes whose symbol or id holds the text, best first; the columns of `genes`."""
        return search_genes(self.genes, text, limit)

    def locus(self, gene: str, length: int = LENGTH, convention: str = "paper") -> Locus:
        """The window around a published TSS; its bases are all N, since no sequence was published.

        Args:
            gene: symbol, Ensembl id, "chrom:position:strand" (1-based TSS base), or the name in the tables.
            length: bases.
            convention: "paper", whose windows the published tiles are of, or "centre".

        Raises:
            ValueError: an unknown gene, or one with several published TSSs; another convention.
        """
        return _place(self._find(self.loci, gene), length, convention)

    def tests(self, gene: str, cell_line: str) -> dict[str, str | None]:
        """Which tests were published for a gene: name -> None where it was, else a plain sentence.

        Raises:
            ValueError: an unknown gene or cell line.
        """
        at = self._at(gene, cell_line)
        told: dict[str, str | None] = {}
        for test, fill in FILLED.items():
            told[test] = _lacking(lambda fill=fill: fill(at))
        told["swap"] = _lacking(lambda: at.rows("swap", f"The Context Swap Test of {at.named} was not published."))
        return told

    def elements(self, test: str, gene: str, cell_line: str) -> list[tuple[int, int]]:
        """CREs that "distance" or "fine_tile" was published for, oriented (start, end) of the window, strongest first.

        Raises:
            ValueError: an unknown name, another test, or none.
        """
        test = self._test(test)
        if test not in ("distance", "fine_tile"):
            raise ValueError(f"The test {test!r} is not of single CREs; 'distance' and 'fine_tile' are.")
        return elements(self._at(gene, cell_line), test)

    def result(
        self,
        test: str,
        gene: str | Sequence[str],
        cell_line: str,
        *,
        cre: tuple[int, int] | None = None,
        search: str | None = None,
    ) -> Result | SwapResult:
        """A published result; `.effects(cell_line)` gives the published numbers, `.notes` says what is not known.

        Args:
            test: such as "necessity"; names of the dashboard and of creme_core.
            gene: as in `locus`. The swap takes several, all against all; or one, against all of its cell line.
            cell_line: "K562", "GM12878" or "PC-3".
            cre: of Distance Test and Fine-Tile Search: which of `elements`; None is the strongest.
            search: of Interaction Test and set sufficiency: "enhancer" or "silencer"; None is "silencer" in a
                silencing context, else "enhancer".

        Raises:
            ValueError: an unknown test, gene, cell line, CRE or search; one that was not published; an absent or
                damaged file.
        """
        test = self._test(test)
        if search is not None:
            check_choice("search", search, SEARCHES)
        if test == "swap":
            return self._swap([gene] if isinstance(gene, str) else list(gene), cell_line)
        if not isinstance(gene, str):
            raise ValueError(f"Several genes were named; the test {test!r} takes one.")
        return FILLED[test](self._at(gene, cell_line), cre=cre, search=search)

    def headline(self, cell_line: str) -> dict:
        """The paper's figures, computed from its raw tables; those whose files are absent or damaged are left out.

        Returns:
            enhancing_contexts, neutral_contexts, silencing_contexts, contexts (by class; all genes looked at),
            sampled_contexts (by class), sampled_per_context (the most of a class), necessary_enhancers,
            necessary_silencers, sufficient_enhancers, sufficient_silencers, distance_curve (kb -> mean fold over the
            best place, of enhancers), greedy_set_sufficiency (mean share of the wild type with 1 to 6 tiles),
            additive_r, multiplicative_r, additive_median_difference, multiplicative_median_difference (two shuffled
            tiles against what the two alone give), fine_tile_median_bp (left of an enhancer at 0.8 of its effect).

        Raises:
            ValueError: an unknown cell line.
        """
        return headline.figures(self._tables, self._line(cell_line))

    def cres(self, cell_line: str) -> pd.DataFrame:
        """The published sufficient CREs on GRCh38; see `regions.cres`."""
        return regions.cres(self._tables, self._line(cell_line))

    def factors(self, cell_line: str) -> pd.DataFrame:
        """Transcription factors at sufficient enhancers against silencers; see `regions.factors`."""
        return regions.factors(self._tables, self._line(cell_line))

    def activities(self, cell_line: str) -> np.ndarray:
        """Enformer's predicted TSS activity of the 10,000 most active genes of a cell line, ascending: (genes,).

        Raises:
            ValueError: an unknown cell line, or the table is absent or damaged.
        """
        line = self._line(cell_line)
        return np.sort(self._tables.frame(f"genes {line}")[line].to_numpy(dtype=float))

    def borzoi_contexts(self, cell_line: str) -> pd.DataFrame:
        """Borzoi's published Context Dependence Test; see `regions.borzoi_contexts`."""
        return regions.borzoi_contexts(self._tables, self._line(cell_line))

    def _swap(self, genes: list[str], cell_line: str) -> SwapResult:
        sources = [self._at(gene, cell_line) for gene in genes]
        if not sources:
            raise ValueError("No gene was named; a swap needs at least one.")
        targets = sources
        if len(sources) == 1:
            loci = self.loci[self.loci["cell_line"] == sources[0].cell_line]
            targets = [self._placed(row) for row in loci.itertuples()]
        return swap(sources, targets)

    def _test(self, test: str) -> str:
        if test in NAMES:
            return NAMES[test]
        near = difflib.get_close_matches(str(test), NAMES, n=3) or list(dict.fromkeys(NAMES.values()))
        raise ValueError(f"There is no test {test!r}; nearest are {', '.join(near)}.")

    def _line(self, cell_line: str) -> str:
        if cell_line in CELL_LINES:
            return cell_line
        near = difflib.get_close_matches(str(cell_line).upper(), CELL_LINES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"Nothing was published for the cell line {cell_line!r}; {hint}There is K562, GM12878, PC-3.")

    def _at(self, gene: str, cell_line: str) -> At:
        line = self._line(cell_line)
        own = self.loci[self.loci["cell_line"] == line]
        if own.empty:
            raise ValueError(f"No published loci of {line} are in {self.folder}; {HOW_TO_GET}.")
        try:
            row = self._find(own, gene)
        except ValueError as error:
            try:
                other = self._find(self.loci, gene)
            except ValueError:
                raise error from None  # nobody knows it: the nearest names help
            lines = self.loci.loc[self.loci["gene"] == other.gene, "cell_line"].unique()
            raise ValueError(f"{other.gene} was not published for {line}, only for {' and '.join(lines)}.") from None
        return self._placed(row)

    def _placed(self, row) -> At:
        return At(self._tables, _place(row, LENGTH, "paper"), row.cell_line, row.seq_id, row.context)

    @staticmethod
    def _find(loci: pd.DataFrame, gene: str):
        """The row that a person means; of a TSS published for several cell lines, the first."""
        if loci.empty:
            raise ValueError(f"No published locus is here, so {gene!r} can't be found; {HOW_TO_GET}.")
        rows = loci[loci["seq_id"] == gene]
        if rows.empty:
            found = find_tss(loci.assign(tss=loci["tss_base"]), gene)
            rows = loci[(loci["chrom"] == found[2]) & (loci["tss_base"] == found[3]) & (loci["strand"] == found[4])]
            if parse_position(gene) is None:
                rows = rows[rows["gene"] == found[0]]
        if rows.empty:
            raise ValueError(f"No published TSS is at {gene.strip()} (1-based); `genes` lists them.")
        return next(rows.head(1).itertuples())


def _lacking(fill) -> str | None:
    try:
        fill()
    except ValueError as error:
        return str(error)
    return None


def _best_id(ids: pd.Series) -> str:
    """An Ensembl id rather than the gene's own name."""
    return next((one for one in ids if one.startswith("ENSG")), ids.iloc[0])


def _place(row, length: int, convention: str) -> Place:
    if convention not in CONVENTIONS:
        raise ValueError(f"The window convention {convention!r} is not known; it is 'paper' or 'centre'.")
    codes = unknown_bases(length)
    start = row.tss_base - length // 2
    if row.strand == "-":
        start = row.tss_base + 1 - (length - length // 2)
    start += convention == "paper"
    return Place(
        row.gene,
        row.gene_id,
        row.chrom,
        int(row.tss_base),
        row.strand,
        int(start),
        int(start) + length,
        codes,
        convention,
        (NO_SEQUENCE,),
    )


def _loci(tables: Tables, line: str) -> pd.DataFrame:
    """The loci of a cell line: by the Context Dependence Test, or else by whatever table names some."""
    contexts = f"contexts {line}"
    if tables.usable(contexts):
        found = tables.frame(contexts).rename(columns={"wt": "wild_type", "delta_mean": "context_effect"})
    else:
        keys = ["necessity", "sufficiency", *(f"rounds {search}" for search in SEARCHES), "necessary", "sufficient"]
        known = [tables.frame(key) for key in keys if tables.usable(key)]
        named = [frame.loc[frame["cell_line"] == line, ["seq_id", "context", "cell_line"]] for frame in known]
        found = pd.concat([pd.DataFrame(columns=["seq_id", "context", "cell_line"]), *named])
        found = found.assign(wild_type=float("nan"), context_effect=float("nan"))
    found = found.drop_duplicates("seq_id").reset_index(drop=True)
    parts = found["seq_id"].astype(str).str.extract(f"^{SEQUENCE}$")
    tss = parts["tss"].astype("int64")
    base = tss - (parts["strand"] == "-")
    ids = _gene_ids(tables, line)
    gene_id = [ids.get(name, gene) for name, gene in zip(found["seq_id"], parts["gene"], strict=True)]
    table = found.assign(gene=parts["gene"], chrom=parts["chrom"], tss=tss, strand=parts["strand"], cell_line=line)
    return table[LOCUS_COLUMNS].assign(gene_id=gene_id, tss_base=base, seq_id=found["seq_id"])


def _gene_ids(tables: Tables, line: str) -> dict[str, str]:
    """Ensembl ids by the name of the sequence, where the table of selected genes is here."""
    key = f"genes {line}"
    if not tables.usable(key):
        return {}
    genes = tables.frame(key)
    names = genes["gene_name"].str.cat(
        [genes["Chromosome"], genes["Start"].astype(int).astype(str), genes["Strand"]], sep="_"
    )
    return dict(zip(names, genes["gene_id"], strict=True))
