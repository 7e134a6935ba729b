"""Colours, the plotly template and the chart settings that every figure shares."""

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

__all__ = ["DARK", "LIGHT", "Palette", "chart_config", "finish", "translucent"]


@dataclass(frozen=True)
class Palette:
    """The colours of one theme. Enhancer and silencer are the Okabe-Ito vermilion and blue (sky blue on dark)."""

    text: str
    muted: str
    grid: str
    background: str
    enhancer: str
    silencer: str
    neutral: str
    accent: str

    def call(self, call: str) -> str:
        """Colour of a tile call or context class."""
        if call in ("enhancer", "enhancing"):
            return self.enhancer
        return self.silencer if call in ("silencer", "silencing") else self.neutral


LIGHT = Palette(
    text="#1B2733",
    muted="#5B6B7A",
    grid="#E3E8ED",
    background="#FFFFFF",
    enhancer="#D55E00",
    silencer="#0072B2",
    neutral="#8A97A3",
    accent="#009E73",
)
DARK = Palette(
    text="#E4E9EE",
    muted="#9BA9B6",
    grid="#2A343E",
    background="#11161C",
    enhancer="#F0813A",
    silencer="#56B4E9",
    neutral="#8593A0",
    accent="#2BC79A",
)


def translucent(colour: str, alpha: float) -> str:
    """A #RRGGBB colour as rgba() with the given opacity, 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def finish(figure: go.Figure, palette: Palette, *, height: int, revision: str) -> go.Figure:
    """Give a figure the common look; revision keeps a reader's zoom while the same picture fills in."""
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 58, "r": 16, "t": 26, "b": 44},
        paper_bgcolor=palette.background,
        plot_bgcolor=palette.background,
        font={"family": "Source Sans, Source Sans Pro, system-ui, sans-serif", "size": 13, "color": palette.text},
        hoverlabel={
            "bgcolor": palette.background,
            "bordercolor": palette.muted,
            "font": {"color": palette.text, "size": 13},
            "align": "left",
        },
        showlegend=False,
        uirevision=revision,
        dragmode="zoom",
    )
    axis = {
        "gridcolor": palette.grid,
        "linecolor": palette.muted,
        "tickcolor": palette.muted,
        "tickfont": {"color": palette.muted, "size": 12},
        "title": {"font": {"color": palette.muted, "size": 13}},
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure


def chart_config(filename: str) -> dict[str, Any]:
    """Settings of plotly.js: the camera button saves a vector drawing under this name."""
    return {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "svg", "filename": filename},
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }
