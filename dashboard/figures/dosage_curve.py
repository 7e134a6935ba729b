"""The Multiplicity Test: activity by number of copies of a CRE."""

import plotly.graph_objects as go

from creme_core.experiments.multiplicity import MultiplicityResult
from dashboard.figures.set_curve import count_axis, fold_by_count, keyed, place_lines, value_line
from dashboard.figures.style import Palette, finish

__all__ = ["dosage_curve"]


def dosage_curve(result: MultiplicityResult, readout: str | int | None, palette: Palette) -> go.Figure:
    """Activity as a fold over one copy at its own place, by number of copies.

    Traces: 95% interval, mean over shuffles (one marker a row of `effects`).

    Args:
        result: of the Multiplicity Test; it may hold fewer copies than its settings ask for.
        readout: whose activity; None is the one that placed the copies.
        palette: colours.

    Raises:
        ValueError: an unknown readout.
    """
    table = result.effects(readout)
    table = table.assign(value=table["fold_over_control"], low=table["ci_low"], high=table["ci_high"])
    hover = [
        "<br>".join(
            [
                f"<b>{row.copies} cop{'ies' if row.copies != 1 else 'y'}</b>, the last went to",
                *place_lines(row),
                *value_line("MUT / CONTROL", row.value, row.low, row.high, row.n),
            ]
        )
        for row in table.itertuples()
    ]
    figure = fold_by_count(
        table.rename(columns={"copies": "count"}),
        hover,
        palette,
        title="Fold over one copy, MUT / CONTROL",
        words="1: one copy at its own place",
    )
    figure.update_xaxes(
        title="Copies of the CRE, each put at the best place still free", **count_axis(1, result.settings.copies)
    )
    finish(figure, palette, height=380, revision=f"{result.locus.digest} {result.settings}")
    return keyed(figure, palette)
