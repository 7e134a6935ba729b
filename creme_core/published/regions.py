"""Published tables that are no results of a test: CREs on GRCh38, transcription factors, Borzoi's contexts."""

import pandas as pd

from creme_core.published.tables import HOW_TO_GET, SEQUENCE, TABLES, Tables

__all__ = ["borzoi_contexts", "cres", "factors"]


def _of_line(tables: Tables, key: str, line: str) -> pd.DataFrame:
    rows = tables.frame(key)
    rows = rows[rows["cell_line"] == line]
    if rows.empty:
        lines = " and ".join(tables.frame(key)["cell_line"].unique())
        raise ValueError(f"{TABLES[key].name} has {lines}, not {line}; the whole file has more: {HOW_TO_GET}.")
    return rows.reset_index(drop=True)


def cres(tables: Tables, line: str) -> pd.DataFrame:
    """The sufficient CREs of a cell line on GRCh38, as they were published.

    Returns:
        DataFrame with chrom, start, end (0-based half-open as published, which is one base left of the bases that were
        shuffled), strand and tss (of the gene, the published number), gene, kind ("enhancer" or "silencer"), effect
        (sufficiency: over wild type for enhancers, over control for silencers).

    Raises:
        ValueError: the file is absent or damaged, or has nothing of this cell line.
    """
    rows = _of_line(tables, "cres", line)
    whole = {"start": "CRE start coordinate", "end": "CRE end coordinate", "tss": "TSS coordinate"}
    numbers = {name: rows[column].astype("int64") for name, column in whole.items()}
    return pd.DataFrame(
        {
            "chrom": rows["chromosome"],
            "start": numbers["start"],
            "end": numbers["end"],
            "strand": rows["strand"],
            "gene": rows["gene"],
            "tss": numbers["tss"],
            "kind": rows["CRE type"].str.lower(),
            "effect": rows["normalized effect"],
        }
    )


def factors(tables: Tables, line: str) -> pd.DataFrame:
    """ENCODE's transcription factors at sufficient enhancers against sufficient silencers; of K562 only.

    Returns:
        DataFrame with mark, ratio (enhancers over silencers), log_ratio (natural logarithm), pvalue,
        minus_log10_adjusted (of the p value times the number of factors), smallest p value first.

    Raises:
        ValueError: the file is absent or damaged, or another cell line.
    """
    if line != TABLES["factors"].line:
        raise ValueError(f"Transcription factors were published for {TABLES['factors'].line} only, not for {line}.")
    rows = tables.frame("factors")
    names = {
        "mark": "mark",
        "ratio": "enhancer / silencer",
        "log_ratio": "log(Max enhancer / Max silencer)",
        "pvalue": "pvalue",
        "minus_log10_adjusted": "-log10(pvalue)",
    }
    table = pd.DataFrame({name: rows[column] for name, column in names.items()})
    return table.sort_values("pvalue", ignore_index=True)


def borzoi_contexts(tables: Tables, line: str) -> pd.DataFrame:
    """Borzoi's Context Dependence Test of the loci that were looked into further.

    Returns:
        DataFrame with gene, chrom, tss (the published number), strand, cell_line, context, wild_type, context_effect.

    Raises:
        ValueError: the file is absent or damaged.
    """
    rows = _of_line(tables, f"borzoi {line}", line)
    parts = rows["seq_id"].str.extract(f"^{SEQUENCE}$").astype({"tss": "int64"})
    return parts.assign(
        cell_line=line, context=rows["context"], wild_type=rows["wt"], context_effect=rows["delta_mean"]
    )
