"""The paper's figures, computed from its raw tables with the project's own effects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from creme_core.effects import (
    additive_model,
    classify_context,
    classify_tile,
    fold_change,
    fold_over_best,
    multiplicative_model,
    tile_effect,
)
from creme_core.published.tables import ROW, Tables

__all__ = ["figures"]

CLASSES = ("enhancing", "neutral", "silencing")
MOST_TILES = 6  # of a set, as the paper's text has them
ENOUGH = 0.8  # of a CRE's effect


def figures(tables: Tables, line: str) -> dict[str, Any]:
    """The figures of a cell line whose files are here and can be read."""
    found: dict[str, Any] = {}
    for part in (_contexts, _sampled, _necessary, _sufficient, _distance, _sets, _pairs, _fine):
        try:
            found |= part(lambda key: _of_line(tables, key, line))
        except ValueError:
            continue  # absent or damaged: `missing` and `problems` say so
    return found


Rows = Callable[[str], pd.DataFrame]


def _of_line(tables: Tables, key: str, line: str) -> pd.DataFrame:
    if key in ("contexts", "genes"):
        key = f"{key} {line}"
    rows = tables.frame(key)
    rows = rows[rows["cell_line"] == line]
    if rows.empty:
        raise ValueError(f"{key} has no row of {line}.")
    return rows


def _first(rows: Rows, *keys: str) -> pd.DataFrame:
    """The rows of the first of these tables that can be had."""
    for key in keys[:-1]:
        try:
            return rows(key)
        except ValueError:
            continue
    return rows(keys[-1])


def _contexts(rows: Rows) -> dict[str, Any]:
    try:
        classes = classify_context(rows("all contexts")["delta_mean"].to_numpy())
        counts = {name: int((classes == name).sum()) for name in CLASSES}
    except ValueError:
        # Without the table of all genes, the authors' own count of them is all there is.
        table = rows("context counts").set_index("context category")["Number of contexts"]
        counts = {name: int(table[name]) for name in CLASSES if name in table.index}
    return {f"{name}_contexts": count for name, count in counts.items()} | {"contexts": counts}


def _sampled(rows: Rows) -> dict[str, Any]:
    classes = classify_context(rows("contexts")["delta_mean"].to_numpy())
    counts = {name: int((classes == name).sum()) for name in CLASSES}
    return {"sampled_contexts": counts, "sampled_per_context": max(counts.values())}


def _called(effect: np.ndarray, context: pd.Series, name: str) -> dict[str, Any]:
    """Enhancers of enhancing and silencers of silencing contexts."""
    calls = classify_tile(effect)
    return {
        f"{name}_enhancers": int(((calls == "enhancer") & (context == "enhancing")).sum()),
        f"{name}_silencers": int(((calls == "silencer") & (context == "silencing")).sum()),
    }


def _necessary(rows: Rows) -> dict[str, Any]:
    table = _first(rows, "necessity", "necessary")
    return _called(table["Normalized shuffle effect"].to_numpy(), table["context"], "necessary")


def _sufficient(rows: Rows) -> dict[str, Any]:
    table = _first(rows, "sufficiency", "sufficient")
    divisor = table["wt"].where(table["context"] == "enhancing", table["control"])
    return _called(tile_effect(table["mut"], table["control"], divisor), table["context"], "sufficient")


def _distance(rows: Rows) -> dict[str, Any]:
    table = rows("distance")
    table = table[table["tile class"] == "Enhancer"]
    names = ["seq_id", "cre_start", "cre_end"]
    activity = table.pivot_table(index="Binned distance (Kb)", columns=names, values="Fold change over control")
    # Folds are activities in units of their best place's, which the fold over the best leaves as they are.
    fold = fold_over_best(activity.to_numpy(), "max").mean(axis=1)
    return {"distance_curve": {int(kb): float(mean) for kb, mean in zip(activity.index, fold, strict=True)}}


def _sets(rows: Rows) -> dict[str, Any]:
    means = rows("set enhancer").groupby(ROW)["Normalized TSS activity"].mean()
    return {"greedy_set_sufficiency": [float(mean) for mean in means.loc[1:MOST_TILES]]}


def _pairs(rows: Rows) -> dict[str, Any]:
    """Two tiles shuffled together against each alone, over the enhancing contexts."""
    table = rows("rounds enhancer")
    table = table[table["context"] == "enhancing"].pivot(index="seq_id", columns=ROW, values="0").dropna()
    both = fold_change(table["two_cres_shuffled"], table["wt"])
    found = {}
    for name, model in (("additive", additive_model), ("multiplicative", multiplicative_model)):
        singles = table[["greedy_it1", "greedy_it2"]].to_numpy()
        expected = np.array([model(wt, alone)[-1] for wt, alone in zip(table["wt"], singles, strict=True)])
        found[f"{name}_r"] = float(np.corrcoef(expected, both)[0, 1])
        found[f"{name}_median_difference"] = float(np.median(np.abs(expected - both)))
    return found


def _fine(rows: Rows) -> dict[str, Any]:
    table = rows("fine")
    enough = table[table["CREME score"] >= ENOUGH]
    pruned = enough.groupby(["seq_id", "cre_start", "cre_end"])["CREME bps"].max().reset_index()
    left = pruned["cre_end"] - pruned["cre_start"] - pruned["CREME bps"]
    return {"fine_tile_median_bp": float(left.median())}
