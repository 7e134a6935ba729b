"""The summary of all evidence on one element."""

from collections.abc import Collection, Sequence

import pandas as pd

from creme_core.effects import ENFORMER_CUTOFFS, Cutoffs
from creme_core.evidence.annotations import chromatin_statements, motif_statements, overlap_statements
from creme_core.evidence.places import ElementLike, TilePlace, place_statements
from creme_core.evidence.predictions import Predictions
from creme_core.evidence.statement import Row, Statement

__all__ = ["summarise"]


def summarise(
    element: ElementLike,
    *,
    readout: str,
    gene: str = "",
    place: TilePlace | None = None,
    necessity: Row | None = None,
    sufficiency: Row | None = None,
    distance: pd.DataFrame | None = None,
    context: Row | None = None,
    chromatin: pd.DataFrame | None = None,
    motifs: pd.DataFrame | None = None,
    overlaps: pd.DataFrame | None = None,
    annotated: Sequence[str] = (),
    awaited: Collection[str] = (),
    cutoffs: Cutoffs = ENFORMER_CUTOFFS,
) -> list[Statement]:
    """Say what is known of an element. Texts hold names as they came: escape them where they are shown.

    Args:
        element: the element.
        readout: words for what is predicted, such as "K562 CAGE".
        gene: the symbol of the gene it is judged on; "" is what the list says.
        place: `tile_of` the element.
        necessity, sufficiency: the row of the tile in `effects` of these tests (see `row_of`): effect, and as far as
            there are ci_low, ci_high, n, call, uncertain, testable, normalisation. None: not run.
        distance: `effects` of the Distance Test with this tile as CRE: distance, own_place, fold_over_max and
            fold_over_min, with their _low and _high as far as there are.
        context: the row of the Context Dependence Test: effect, and ci_low, ci_high, n, call, uncertain.
        chromatin: track, value and percentile (see `chromatin_of`; without it no signal is called low).
        motifs: hits in the element: motif, p_value (see `motifs.find_hits`).
        overlaps: what it overlaps: kind (such as "cCRE", "promoter", "repeat"), name, bp.
        annotated: kinds that overlaps were looked for in, to name when there is none.
        awaited: what is still to come, by the names of the arguments, and is not said to be missing.
        cutoffs: the model's, for calls and for what an interval may cross.

    Returns:
        Statements in this order: tile, necessity, sufficiency, both, the list's claim, distance, context, chromatin,
        motifs, overlaps, and what is missing.
    """
    words = Predictions(gene or element.gene or "the gene", readout, cutoffs)
    rows = {"necessity": necessity, "sufficiency": sufficiency}
    enhancer_by = [test for test, row in rows.items() if words.call(row) == "enhancer"]
    said = [
        *place_statements(place),
        *words.necessity(necessity),
        *words.sufficiency(sufficiency),
        *words.together(rows),
        *words.claim(element.kind, rows),
        *words.distance(distance, words.call(sufficiency) or element.kind),
        *words.context(context),
        *chromatin_statements(chromatin, enhancer_by),
        *motif_statements(motifs),
        *overlap_statements(overlaps, enhancer_by, annotated),
    ]
    looked_for = {
        "necessity": necessity, "sufficiency": sufficiency, "distance": distance, "context": context,
        "chromatin": chromatin, "motifs": motifs, "overlaps": overlaps,
    }  # fmt: skip
    untested = ("necessity", "sufficiency", "distance") if place and (place.is_tss or place.tile is None) else ()
    untold = {*untested, *awaited}
    missing = [name for name, found in looked_for.items() if found is None and name not in untold]
    if missing:
        said.append(Statement(f"Not looked at: {', '.join(missing)}.", " + ".join(missing), tone="missing"))
    return said
