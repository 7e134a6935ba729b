"""What the operator says after `--`: `streamlit run dashboard/app.py -- --fasta genome.fa --genes genes.gtf`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

__all__ = ["MODEL_NAMES", "OWN_MODEL", "Options", "parse_options"]


OWN_MODEL = "own"
# What load_model takes, and what people read; OWN_MODEL stands for the folder given with --model.
MODEL_NAMES = {
    "demo": "Demo network",
    "enformer": "Enformer",
    "borzoi": "Borzoi, four replicates",
    "borzoi-0": "Borzoi, one replicate",
    "flashzoi": "Flashzoi (NVIDIA GPU)",
    OWN_MODEL: "Own model",
}
OFFICIAL = ("enformer", "borzoi", "borzoi-0", "flashzoi")
SOURCES = ("demo", "hg38", "published")


@dataclass(frozen=True)
class Options:
    """Files named by the person who started the dashboard; a visitor of the page can't name any.

    Attributes:
        fasta, genes: the genome and gene table of a further source, named "fasta"; both or neither.
        model: folder of a model of one's own, named "own".
        published: folder that holds the paper's public files; None is where the download puts them.
        store: the file that predictions are kept in; None is the one shared with the command line of creme_core.
        no_store: predictions are kept in memory only.
    """

    fasta: Path | None = None
    genes: Path | None = None
    model: Path | None = None
    published: Path | None = None
    store: Path | None = None
    no_store: bool = False

    def models(self, source: str) -> tuple[str, ...]:
        """Models that may be asked about a source, the default first."""
        own = () if self.model is None else (OWN_MODEL,)
        match source:
            case "demo":
                return ("demo", *own)
            case "published":
                return ()
            case "fasta":
                return ("demo", *OFFICIAL, *own)
            case _:
                return (*OFFICIAL, *own)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources on offer, the default first."""
        return SOURCES if self.fasta is None else (*SOURCES, "fasta")


class _Parser(argparse.ArgumentParser):
    """Raises instead of ending the process: the page, not the terminal, has to say what is wrong."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"The command line of the dashboard can't be read: {message}.")


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the arguments after `--`.

    Raises:
        ValueError: an unknown argument, one without its value, --fasta without --genes, or --store with --no-store.
    """
    parser = _Parser(prog="app.py", allow_abbrev=False, add_help=False)
    parser.add_argument("--fasta", type=Path)
    parser.add_argument("--genes", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--published", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--no-store", action="store_true")
    options = Options(**vars(parser.parse_args(arguments)))
    if (options.fasta is None) != (options.genes is None):
        given, missing = ("--fasta", "--genes") if options.genes is None else ("--genes", "--fasta")
        raise ValueError(f"The dashboard was given {given} without {missing}; a source of one's own needs both.")
    if options.store is not None and options.no_store:
        raise ValueError("The dashboard was given both --store and --no-store; give one of them.")
    return options
