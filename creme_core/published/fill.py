"""Published rows made into results: activities are taken back from the published effects, and nothing is added."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from creme_core.effects import fold_change
from creme_core.experiments import distance, fine_tile, interaction, necessity, set_sufficiency
from creme_core.experiments.result import Result, Settings
from creme_core.published.at import (
    GRID,
    At,
    activity,
    beginning,
    by_tile,
    chosen,
    complete,
    first_five,
    origin,
    tracks,
    wild_type,
)
from creme_core.published.results import (
    UNKNOWN,
    PublishedContext,
    PublishedDistance,
    PublishedFineTile,
    PublishedInteraction,
    PublishedNecessity,
    PublishedSetSufficiency,
    PublishedSufficiency,
    PublishedSwap,
)
from creme_core.published.tables import HOW_TO_GET, ROW, TABLES

__all__ = ["FILLED", "swap"]

CONTEXT_SHUFFLES, SHUFFLES = 100, 10
TILES = len(GRID.context_tiles)
MEANS = "The published numbers are means over {} shuffles without their spread, so there are no intervals."
SHARES = "The wild type's activity is not in the files here, so activities are shares of it."
ORDER = "Which tile was {} in which round was not published."


def _context(at: At, **_) -> PublishedContext:
    key = f"contexts {at.cell_line}"
    row = at.rows(key, f"The Context Dependence Test of {at.named} is not among the published ones.").iloc[0]
    settings = Settings(shuffles=CONTEXT_SHUFFLES)
    notes = [
        f"The published mean and standard deviation are over {CONTEXT_SHUFFLES} shuffles; the interval follows from "
        "them, and the single shuffles were not published."
    ]
    wt, mutant, effect, deviation = (np.array([row[name]]) for name in ("wt", "mean_mut", "delta_mean", "std"))
    fields = beginning(at, "context_dependence", settings, [key], notes)
    return PublishedContext(*fields, wt, mutant[None], effect, deviation)


def _tiles(at: At, keys: tuple[str, str], name: str) -> tuple[str, pd.DataFrame, list[str]]:
    """Rows of the table of all tiles, or else of the called ones; and what there is to say on it."""
    everything, called = keys
    if at.tables.usable(everything) or not at.tables.has(called):
        rows = at.rows(everything, f"The {name} of {at.named} is not among the published ones.")
        whole = [] if len(rows) == TILES else [f"{TABLES[everything].name} has {len(rows)} of its {TILES} tiles."]
        return everything, rows, [*whole, MEANS.format(SHUFFLES)]
    reason = at.tables.problems.get(TABLES[everything].path)
    reason = reason or f"The table of all tiles, {TABLES[everything].name}, is not here; {HOW_TO_GET}."
    rows = at.rows(called, f"No tile of {at.named} was called by the {name}. {reason}")
    few = f"Only tiles that were called are known: {len(rows)} of {TILES}. {reason}"
    return called, rows, [few, MEANS.format(SHUFFLES)]


def _necessity(at: At, **_) -> PublishedNecessity:
    key, rows, notes = _tiles(at, ("necessity", "necessary"), "Necessity Test")
    effect = by_tile(rows, "Normalized shuffle effect", rows["tile_start"], key)
    wt = wild_type(at)
    if np.isnan(wt):
        wt, notes = 1.0, [*notes, SHARES]
    fields = beginning(at, "necessity", necessity.Settings(shuffles=SHUFFLES), [key], notes)
    return PublishedNecessity(*fields, np.array([wt]), activity(wt * (1 - effect)))


def _sufficiency(at: At, **_) -> PublishedSufficiency:
    key, rows, notes = _tiles(at, ("sufficiency", "sufficient"), "Sufficiency Test")
    control, mutant = (by_tile(rows, column, rows["tile_start"], key) for column in ("control", "mut"))
    fields = beginning(at, "sufficiency", necessity.Settings(shuffles=SHUFFLES), [key], notes)
    return PublishedSufficiency(*fields, np.array([rows["wt"].iloc[0]]), activity(control), activity(mutant))


def _distance(at: At, cre: tuple[int, int] | None = None, **_) -> PublishedDistance:
    rows, cre, notes = chosen(at, "distance", "distance", cre)
    control, context = float(rows["control"].iloc[0]), rows["context"].iloc[0]
    wt = wild_type(at)
    if at.tables.usable("sufficient"):
        own = at.tables.rows("sufficient", at.cell_line, at.sequence)
        own = own[own["tile_start"] == cre[0]]
        wt = float(own["wt"].iloc[0]) if len(own) else wt
    if np.isnan(wt):
        raise ValueError(
            f"The Distance Test of {at.named} needs the wild type's activity, which "
            f"{TABLES[f'contexts {at.cell_line}'].name} has; {HOW_TO_GET}."
        )
    starts = GRID.tss_start + 1000 * rows["Binned distance (Kb)"]
    effect = by_tile(rows, "CRE sufficiency effect", starts, "distance")
    if len(rows) < TILES:
        notes.append(f"{TABLES['distance'].name} has {len(rows)} of its {TILES} places.")
    mutant = control + effect * (wt if context == "enhancing" else control)
    settings = distance.Settings(shuffles=SHUFFLES, cre=cre)
    fields = beginning(at, "distance", settings, ["distance"], [*notes, MEANS.format(SHUFFLES)])
    return PublishedDistance(*fields, np.array([wt]), np.array([[control]]), activity(mutant))


def _interaction(at: At, search: str | None = None, **_) -> PublishedInteraction:
    search = search or at.search
    known, traced = f"rounds {search}", f"traces {search}"
    none = f"The {search} search of {at.named} is not among the published ones."
    wt, notes = wild_type(at), []
    if at.tables.usable(traced):
        key, rows = traced, at.in_order(traced, none)
        fold = rows["trace"].to_numpy()[1:]
        alone = 1 + rows["sorted_effects"].to_numpy()[: len(fold)]
        replicates = np.ones(len(fold), dtype=int)
        notes.append("A round's activity is that of its representative shuffle.")
    else:
        key, rows = known, at.rows(known, none).set_index(ROW)["0"]
        labels = ("wt", "greedy_it1", "greedy_it2", "two_cres_shuffled")
        if set(rows.index) != set(labels) or rows.index.has_duplicates:
            raise ValueError(f"{TABLES[known].name} does not have its four rows for {at.named}; {HOW_TO_GET}.")
        wt, first, second, both = (float(rows[label]) for label in labels)
        fold, alone = fold_change([first, both], wt), fold_change([first, second], wt)
        replicates = np.array([SHUFFLES, 1])
        notes.append(f"Round 1 is a mean over {SHUFFLES} shuffles, round 2 its representative shuffle.")
        notes.append(f"Only the first two rounds are here; {TABLES[traced].name} has the others; {HOW_TO_GET}.")
    if np.isnan(wt):
        wt, notes = 1.0, [*notes, SHARES]
    fixed, places = first_five(at, search)
    blank = np.full((TILES, 1, 1), np.nan)
    notes = [
        *notes,
        ORDER.format("shuffled") + places,
        "Intervals were not published.",
    ]
    settings = interaction.Settings(shuffles=SHUFFLES, readout=at.cell_line, search=search, rounds=len(fold))
    return PublishedInteraction(
        *beginning(at, "interaction", settings, [key], notes),
        np.array([wt]),
        np.full(len(fold), UNKNOWN),
        activity(wt * fold),
        blank,
        activity(wt * alone),
        replicates,
        fixed,
    )


def _set_sufficiency(at: At, search: str | None = None, **_) -> PublishedSetSufficiency:
    search = search or at.search
    key = f"set {search}"
    wanted = "enhancing" if search == "enhancer" else "silencing"
    none = f"Set sufficiency was published for enhancers of enhancing and silencers of silencing contexts; {at.named} "
    none += f"has a context of the class {at.context or 'unknown'}"
    none += "." if at.context != wanted else ", but is not in the table."
    rows = at.in_order(key, none)
    values = rows["Normalized TSS activity"].to_numpy()
    notes = [ORDER.format("added") + first_five(at, search)[1], MEANS.format(SHUFFLES)]
    wt, unit = wild_type(at), 1.0
    if search == "silencer":
        # Published over CONTROL alone, whose activity is not in the table.
        notes.append("It was published as a fold over the TSS tile alone; the fold over the wild type was not.")
        wt = float("nan")
    elif np.isnan(wt):
        wt, notes = 1.0, [*notes, SHARES]
    else:
        unit = wt
    settings = set_sufficiency.Settings(shuffles=SHUFFLES, tiles=((UNKNOWN, UNKNOWN),) * (len(values) - 1))
    fields = beginning(at, "set_sufficiency", settings, [key], notes)
    found = activity(values * unit)
    return PublishedSetSufficiency(*fields, np.array([wt]), found[0], found[1:])


def _multiplicity(at: At, **_) -> Result:
    raise ValueError(f"The Multiplicity Test is not among the published tables, for {at.named} or any other gene.")


def _fine_tile(at: At, cre: tuple[int, int] | None = None, **_) -> PublishedFineTile:
    rows, cre, notes = chosen(at, "fine_tile", "fine", cre)
    rows, length = complete(rows, "fine", at), cre[1] - cre[0]
    settings = fine_tile.Settings(shuffles=SHUFFLES, cre=cre, readout=at.cell_line)
    steps = rows[rows["CREME score"].notna() & (rows["CREME bps"] > 0)]
    score, left = steps["CREME score"].to_numpy(), length - steps["CREME bps"].to_numpy(dtype=int)
    if len(score) and score[-1] <= settings.fine_threshold:
        notes.append(f"The step to {left[-1]:,} bases would have left {score[-1]:.2f}, so the search ended before it.")
        score, left = score[:-1], left[:-1]
    # Row k of the other ways has 500 k bases shuffled; with all of them it is the TSS tile alone.
    others = length - settings.coarse * rows[ROW].to_numpy(dtype=int)
    some = others > 0
    alone = rows.loc[~some, "Random score"].to_numpy()
    notes += [
        f"Motif hits of XSTREME recover {rows['XSTREME score'].iloc[0]:.2f}; their number of bases was not published.",
        "Which pieces were kept was not published, nor from which step on they are 50 bp pieces, ten at a time.",
        "Activities are shares of that with the whole CRE. " + MEANS.format(SHUFFLES),
    ]
    baselines = [rows.loc[some, column].to_numpy() for column in ("Saliency score", "Random score")]
    return PublishedFineTile(
        *beginning(at, "fine_tile", settings, ["fine"], notes),
        np.array([np.nan]),
        np.array([[alone[0] if len(alone) else np.nan]]),
        np.ones((1, 1)),
        np.full(len(score), settings.coarse),
        left,
        activity(score),
        np.empty((0, 2), dtype=int),
        np.repeat(["saliency", "random"], some.sum()),
        np.tile(others[some], 2),
        activity(np.concatenate(baselines)),
        np.full(length, np.nan),
        np.zeros(length, dtype=bool),
    )


def swap(sources: Sequence[At], targets: Sequence[At]) -> PublishedSwap:
    """The Context Swap Test of some genes; pairs that the table does not have are NaN.

    Raises:
        ValueError: no pair was published, or a file is absent or damaged.
    """
    column = {at.sequence: j for j, at in enumerate(targets)}
    fold = np.full((len(sources), len(targets)), np.nan)
    for i, at in enumerate(sources):
        rows = at.tables.rows("swap", at.cell_line, at.sequence)
        places = rows["target"].map(column)
        there = places.notna()
        fold[i, places[there].astype(int)] = rows.loc[there, "normalised"]
    if np.isnan(fold).all():
        genes = ", ".join(at.locus.gene for at in sources[:5])
        raise ValueError(f"The Context Swap Test of {genes} in {sources[0].cell_line} is not among the published ones.")
    notes = ["The published classes of the contexts are over 100 shuffles; single shuffles were not published."]
    settings = Settings(shuffles=CONTEXT_SHUFFLES)
    keys = ["swap", f"contexts {sources[0].cell_line}"]

    def own(loci: Sequence[At]) -> tuple[np.ndarray, np.ndarray]:
        found = [_context(at) for at in loci]
        return np.stack([one.wild_type_activity for one in found]), np.stack([one.mutant_activity for one in found])

    (wild, control), (target_wild, target_control) = own(sources), own(targets)
    return PublishedSwap(
        tuple(at.locus for at in sources),
        tuple(at.locus for at in targets),
        settings,
        tracks(sources[0].cell_line),
        [origin(at, "context_swap", settings, keys, notes) for at in sources],
        wild,
        control,
        target_wild,
        target_control,
        fold[..., None] * wild[:, None],
    )


FILLED: dict[str, Callable[..., Result]] = {
    "context": _context,
    "necessity": _necessity,
    "sufficiency": _sufficiency,
    "distance": _distance,
    "interaction": _interaction,
    "set_sufficiency": _set_sufficiency,
    "multiplicity": _multiplicity,
    "fine_tile": _fine_tile,
}
