"""The published tables: which files there are, what they hold, and reading them with their columns checked.

Source: the repository of the paper's authors at the commit below. A file is read when it is first asked for.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["CELL_LINES", "COMMIT", "HOW_TO_GET", "REPOSITORY", "ROW", "SEQUENCE", "TABLES", "TRACKS", "Table", "Tables"]

REPOSITORY = "https://github.com/p-koo/creme-nn"
COMMIT = "02f0acac13a38dbe635092487f480009ecaf4fd3"
HOW_TO_GET = "get it with `python -m creme_core data get published` or on the page Data and models"

# The paper's cell lines: index and identifier of their CAGE track in Enformer.
TRACKS = {"K562": (5111, "CNhs12336"), "GM12878": (5110, "CNhs12333"), "PC-3": (4824, "CNhs11243")}
CELL_LINES = tuple(TRACKS)

# How the tables name a sequence: gene_chrom_tss_strand. One revision writes it as {'...'}, and paths hold it too.
SEQUENCE = r"(?P<gene>[^/{}']+)_(?P<chrom>[^_/]+)_(?P<tss>\d{1,9})_(?P<strand>[+-])"

_SUMMARIES = "results/summary_csvs"
_ENFORMER = f"{_SUMMARIES}/enformer"
_GREEDY = f"{_ENFORMER}/greedy_search"
ROW = "Unnamed: 0"  # how pandas names the unnamed first column


@dataclass(frozen=True)
class Table:
    """One published file.

    Attributes:
        path: below the folder, as in the repository.
        holds: what a row is, for people.
        numbers: columns of numbers that are read.
        text: columns of text that are read, besides those below.
        gaps: numbers that may be empty.
        line: the column that names the cell line, or the cell line of the whole file.
        sequence: the column that names the sequence, "" for none.
        element: whether that column ends in the start and end of a CRE in the window, oriented, 0-based half-open.
        seen: whether its columns were looked at when this was written; else a failure says so.
    """

    path: str
    holds: str
    numbers: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    line: str = "cell_line"
    sequence: str = "seq_id"
    element: bool = False
    seen: bool = True

    @property
    def name(self) -> str:
        """Of the file, without its folder."""
        return self.path.rpartition("/")[2]


def _tables() -> dict[str, Table]:
    effects = ("(MUT - CONTROL) / WT", "(MUT - CONTROL) / CONTROL", "control", "wt", "mut", "tile_start")
    tables = {
        "all contexts": Table(
            f"{_ENFORMER}/context_dependence_test.csv",
            "the Context Dependence Test of all 10,000 genes of a cell line",
            numbers=("delta_mean",),
            sequence="",
            seen=False,
        ),
        "context counts": Table(
            f"{_ENFORMER}/N_seqs_per_context_category.csv",
            "how many genes have which class of context",
            numbers=("Number of contexts",),
            text=("context category",),
            line="cell line",
            sequence="",
        ),
        "necessity": Table(
            f"{_ENFORMER}/necessity_test.csv",
            "the Necessity Test, one tile a row",
            numbers=("Normalized shuffle effect", "tile_start"),
            text=("context",),
        ),
        "necessary": Table(
            f"{_ENFORMER}/necessary_CREs.csv",
            "the tiles called by the Necessity Test",
            numbers=("Normalized shuffle effect", "tile_start"),
            text=("context",),
        ),
        "sufficiency": Table(
            f"{_ENFORMER}/sufficiency_test.csv",
            "the Sufficiency Test, one tile a row",
            numbers=effects,
            text=("context",),
            seen=False,
        ),
        "sufficient": Table(
            f"{_ENFORMER}/sufficient_CREs.csv",
            "the tiles called by the Sufficiency Test",
            numbers=effects,
            text=("context",),
        ),
        "distance": Table(
            f"{_ENFORMER}/distance_test.csv",
            "the TSS-CRE Distance Test of the sufficient CREs, one place a row",
            numbers=(
                "Fold change over control",
                "CRE sufficiency effect",
                "Binned distance (Kb)",
                "Normalized CRE effect (control)",
                "control",
            ),
            text=("context", "tile class"),
            line="cell line",
            sequence="enf_data_id",
            element=True,
        ),
        "fine": Table(
            f"{_ENFORMER}/motif_analysis/CREME_vs_saliency_vs_XSTREME.csv",
            "the Fine-Tile Search of the sufficient enhancers, one step a row",
            numbers=(ROW, "CREME score", "CREME bps", "Saliency score", "Random score", "XSTREME score"),
            gaps=("CREME score", "CREME bps"),
            element=True,
        ),
        "swap": Table(
            f"{_ENFORMER}/context_swap_test.csv",
            "the Context Swap Test, one pair of genes a row",
            numbers=("normalised",),
            text=("source", "target"),
            sequence="source",
            seen=False,
        ),
        "cres": Table(
            f"{_SUMMARIES}/CRE_characterization/sufficient_CRE_coordinates.csv",
            "the sufficient CREs on GRCh38",
            numbers=("CRE start coordinate", "CRE end coordinate", "TSS coordinate", "normalized effect"),
            text=("chromosome", "strand", "gene", "CRE type"),
            line="cell line",
            sequence="",
        ),
        "factors": Table(
            f"{_SUMMARIES}/CRE_characterization/pvalues_per_TF_for_sufficient_CREs.csv",
            "transcription factors at sufficient enhancers against silencers",
            numbers=("enhancer / silencer", "log(Max enhancer / Max silencer)", "-log10(pvalue)", "pvalue"),
            text=("mark",),
            line="K562",
            sequence="",
        ),
    }
    for best, search in (("min", "enhancer"), ("max", "silencer")):
        tables |= {
            f"locations {search}": Table(
                f"{_GREEDY}/{best}_locations.csv",
                f"which five tiles the {search} search fixed first",
                numbers=(ROW, "tile_selected"),
            ),
            f"rounds {search}": Table(
                f"{_GREEDY}/{best}_second_iteration.csv",
                f"the first two rounds of the {search} search",
                numbers=("0",),
                text=(ROW, "context"),
            ),
            f"traces {search}": Table(
                f"{_GREEDY}/{best}_traces.csv",
                f"all rounds of the {search} search",
                numbers=(ROW, "trace", "sorted_effects"),
                text=("context",),
            ),
            f"set {search}": Table(
                f"{_GREEDY}/sufficiency_of_greedy_tiles_{best}.csv",
                f"the tiles of the {search} search embedded one after another",
                numbers=(ROW, "Normalized TSS activity"),
                text=("context",),
            ),
        }
    for line, (index, _) in TRACKS.items():
        tables |= {
            f"contexts {line}": Table(
                f"{_ENFORMER}/{line}_selected_contexts.csv",
                f"the Context Dependence Test of the genes looked into in {line}",
                numbers=("delta_mean", "wt", "std", "mean_mut"),
                text=("context",),
            ),
            f"genes {line}": Table(
                f"{_ENFORMER}/{index}_{line}_selected_genes.csv",
                f"the 10,000 most active genes of {line}",
                numbers=("Start", line),
                text=("Chromosome", "gene_name", "gene_id", "Strand"),
                line=line,
                sequence="",
            ),
            f"borzoi {line}": Table(
                f"{_SUMMARIES}/borzoi/{line}_selected_contexts.csv",
                f"Borzoi's Context Dependence Test of the genes looked into in {line}",
                numbers=("delta_mean", "wt"),
                text=("context",),
                sequence="path",
            ),
        }
    return tables


TABLES = _tables()


class Tables:
    """The published files of a folder, each read once, when it is first asked for.

    Attributes:
        folder: where they stand, at their public paths.
        problems: sentences on files that were found damaged, by path.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.problems: dict[str, str] = {}
        self._frames: dict[str, pd.DataFrame] = {}
        self._places: dict[str, dict[tuple[str, str], np.ndarray]] = {}
        self._lock = threading.RLock()

    def has(self, key: str) -> bool:
        """Whether the file is there."""
        return (self.folder / TABLES[key].path).is_file()

    def usable(self, key: str) -> bool:
        """Whether the file is there and can be read."""
        try:
            self.frame(key)
        except ValueError:
            return False
        return True

    def frame(self, key: str) -> pd.DataFrame:
        """The columns that are used, those of the cell line and of the sequence named cell_line and seq_id.

        Raises:
            ValueError: the file is absent or damaged, or has other columns.
        """
        table = TABLES[key]
        with self._lock:
            if table.path in self.problems:
                raise ValueError(self.problems[table.path])
            if key not in self._frames:
                if not self.has(key):
                    raise ValueError(f"{table.name} ({table.holds}) is not in {self.folder}; {HOW_TO_GET}.")
                try:
                    self._frames[key] = _read(self.folder / table.path, table)
                except (ValueError, OSError) as error:
                    self.problems[table.path] = str(error)
                    raise ValueError(str(error)) from error
            return self._frames[key]

    def rows(self, key: str, cell_line: str, sequence: str) -> pd.DataFrame:
        """The rows of one sequence in one cell line, in the order of the file; none where it has none.

        Raises:
            ValueError: those of `frame`.
        """
        frame = self.frame(key)
        with self._lock:
            if key not in self._places:
                self._places[key] = frame.groupby(["cell_line", "seq_id"], sort=False).indices
            return frame.iloc[self._places[key].get((cell_line, sequence), [])]


def _read(path: Path, table: Table) -> pd.DataFrame:
    """Read and check a file; a ValueError names the file and the column."""
    named = {table.line} - set(CELL_LINES)
    text = {*table.text, *named, table.sequence} - {""}
    wanted = {*table.numbers, *text}
    again = f"{HOW_TO_GET}." if table.seen else f"its layout is UNVERIFIED; if it is the public file, {HOW_TO_GET}."
    try:
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        _check_end(path)
        frame = pd.read_csv(
            path, usecols=lambda column: column in wanted, dtype=dict.fromkeys(text, str), keep_default_na=False
        )
    except (ValueError, OSError, pd.errors.ParserError) as error:  # text that is not UTF-8 is a ValueError too
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"{table.name} can't be read as a table ({reason}); {again}") from error
    missing = sorted(wanted - set(frame.columns))
    if missing:
        raise ValueError(f"{table.name} has no column {missing[0]!r}; {again}")
    for column in table.numbers:
        frame[column] = _numbers(frame[column], column, table, again)
    frame["cell_line"] = frame[table.line] if named else table.line
    unknown = ~frame["cell_line"].isin(CELL_LINES)
    if unknown.any():
        value = frame.loc[unknown, "cell_line"].iloc[0]
        raise ValueError(f"{table.name} has {value!r} in the column of the cell line; {again}")
    if table.sequence:
        _name_sequences(frame, table, again)
    return frame


def _check_end(path: Path) -> None:
    """Raise a ValueError for a file whose last line was cut short."""
    with path.open("rb") as file:
        columns = file.readline().count(b",")
        file.seek(max(path.stat().st_size - 4096, 0))
        last = file.read().rpartition(b"\n")[2]
    if last and last.count(b",") < columns:
        raise ValueError("its last line is cut short")


def _numbers(values: pd.Series, column: str, table: Table, again: str) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = ~np.isfinite(numbers)
    if column in table.gaps:
        wrong &= ~values.astype(str).isin(["", "nan"])
    if wrong.any():
        line, value = int(np.flatnonzero(wrong)[0]) + 2, values[wrong].iloc[0]
        raise ValueError(f"{table.name}, line {line}: {str(value)!r} in the column {column!r} is no number; {again}")
    return numbers


def _name_sequences(frame: pd.DataFrame, table: Table, again: str) -> None:
    """Put gene_chrom_tss_strand into the column seq_id, and a CRE's interval into cre_start and cre_end."""
    # Only the distinct names are looked at; a file has hundreds of them in many thousand rows.
    numbers, names = pd.factorize(frame[table.sequence])
    pattern = SEQUENCE + (r"_(?P<start>\d+)_(?P<end>\d+)" if table.element else "")
    found = pd.Series(names).str.extract(pattern)
    if found["strand"].isna().any():
        name = names[int(np.flatnonzero(found["strand"].isna())[0])]
        raise ValueError(f"{table.name} has {name!r} in {table.sequence!r}, which names no sequence; {again}")
    whole = found["gene"].str.cat([found["chrom"], found["tss"], found["strand"]], sep="_")
    frame["seq_id"] = whole.to_numpy()[numbers]
    if table.element:
        frame["cre_start"], frame["cre_end"] = (found[end].astype(int).to_numpy()[numbers] for end in ("start", "end"))
