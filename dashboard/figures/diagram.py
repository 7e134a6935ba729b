"""What a test does to the window, as two rows of tiles."""

import plotly.graph_objects as go

from dashboard.figures.style import Palette, finish, translucent

__all__ = ["shuffle_diagram"]

TILES = 9
TSS = TILES // 2
SHUFFLED = {"necessity": (TSS + 2,), "context": tuple(i for i in range(TILES) if i != TSS)}
ROWS = ("shuffled (MUT)", "as it is (WT)")  # bottom up


def shuffle_diagram(test: str, palette: Palette) -> go.Figure:
    """The wild type above, a mutant of the test below: hatched tiles are shuffled, the TSS tile is filled."""
    traces = []
    for row in ROWS:
        for tile in range(TILES):
            shuffled = row == ROWS[0] and tile in SHUFFLED[test]
            colour = palette.accent if tile == TSS else palette.neutral
            traces.append(
                go.Bar(
                    x=[0.92],
                    y=[row],
                    base=[tile],
                    orientation="h",
                    width=0.55,
                    marker={
                        "color": translucent(colour, 0.15 if shuffled else 0.55),
                        "line": {"color": colour, "width": 1.2},
                        "pattern": {"shape": "x" if shuffled else "", "fgcolor": palette.text, "solidity": 0.3},
                    },
                    hoverinfo="skip",
                )
            )
    figure = go.Figure(traces)
    figure.update_layout(
        barmode="overlay",
        annotations=[
            {
                "x": TSS + 0.46,
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "text": "TSS tile →",
                "showarrow": False,
                "font": {"color": palette.accent, "size": 13},
            }
        ],
    )
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(showgrid=False, zeroline=False, showline=False, fixedrange=True)
    finish(figure, palette, height=150, revision=test)
    return figure.update_layout(margin={"l": 110, "r": 8, "t": 24, "b": 8})
