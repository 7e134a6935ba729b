"""What elements are made of: boxes, volcano, distances, overlaps."""

import math

import numpy as np
import pandas as pd
import pytest

from creme_core.signals.characterise import compare
from creme_core.signals.enrichment import distance_histogram, overlaps
from dashboard.figures.enrichment import MOST_LABELS, distance_bars, overlap_bars, signal_boxes, volcano
from dashboard.figures.style import DARK, LIGHT
from tests.dashboard.toy import traces

KINDS = ["enhancer"] * 3 + ["silencer"] * 4


@pytest.fixture
def values():
    return pd.DataFrame({"H3K27ac": [9, 8, 7, 1, 2, 1, 0], "<i>X": [1, 1, 1, 1, 1, 1, np.nan]}, dtype=float)


def test_boxes_hold_every_element_s_signal_beside_its_stars(values):
    table = compare(values[:3], values[3:])
    table["stars"] = ["**", ""]
    figure = signal_boxes(values, KINDS, table, LIGHT)
    enhancers, silencers = figure.data
    assert enhancers.name == "enhancers (3)"
    assert list(silencers.x) == ["H3K27ac"] * 4 + ["&lt;i&gt;X"] * 4
    assert np.allclose(enhancers.y[:3], np.log1p([9, 8, 7]))
    assert enhancers.line.color == LIGHT.enhancer
    assert [note.text for note in figure.layout.annotations] == ["**", "–"]


def test_a_negative_signal_is_mirrored_and_not_lost():
    values = pd.DataFrame({"phyloP": [-3.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0]})
    figure = signal_boxes(values, KINDS, compare(values[:3], values[3:]), DARK)
    assert figure.data[0].y[0] == pytest.approx(-math.log1p(3))


def test_the_volcano_colours_what_is_sure_and_names_every_factor_on_hover():
    table = pd.DataFrame(
        {
            "track": ["EP300", "HDAC1", "MYC", "<b>Z", "NAN"],
            "log_ratio": [1.0, -0.5, 0.2, 2.0, np.nan],
            "neg_log10_p": [10.0, 3.0, 1.0, 2.0, 5.0],
        }
    )
    figure = volcano(table, LIGHT, p_name="Bonferroni")
    (points,) = figure.data
    assert list(points.marker.color) == [LIGHT.enhancer, LIGHT.silencer, LIGHT.neutral, LIGHT.enhancer]
    assert "EP300" in points.hovertext[0]
    assert f"{math.e:.2f} times" in points.hovertext[0]
    assert "&lt;b&gt;Z" in points.hovertext[3]
    assert [note.text for note in figure.layout.annotations] == ["EP300", "HDAC1", "&lt;b&gt;Z"]
    assert "Bonferroni" in figure.layout.yaxis.title.text
    low, high = figure.layout.xaxis.range
    assert -low == high
    assert high > 2


def test_names_of_crowded_factors_do_not_lie_on_one_another():
    many = pd.DataFrame({"track": [f"F{n}" for n in range(200)], "log_ratio": 1.0, "neg_log10_p": np.arange(200) / 10})
    notes = volcano(many, LIGHT, p_name="x").layout.annotations
    assert 1 < len(notes) <= MOST_LABELS
    heights = [note.y for note in notes]
    assert min(np.diff(sorted(heights))) >= 0.05 * 19.9


def test_an_empty_volcano_is_drawn():
    table = pd.DataFrame({"track": ["a"], "log_ratio": [np.nan], "neg_log10_p": [np.nan]})
    assert len(volcano(table, LIGHT, p_name="x").data[0].x) == 0


def test_distances_go_up_for_enhancers_and_down_for_silencers():
    elements = pd.DataFrame({"distance": [5000, 5200, -10_000, 20_000], "kind": ["enhancer"] * 3 + ["silencer"]})
    figure = distance_bars(distance_histogram(elements), LIGHT)
    drawn = traces(figure)
    up, down = drawn["enhancers (3)"], drawn["silencers (1)"]
    at = {x: (u, d) for x, u, d in zip(up.x, up.y, down.y, strict=True)}
    assert at[5.0] == (pytest.approx(2 / 3), 0)
    assert at[-10.0][0] == pytest.approx(1 / 3)
    assert at[20.0] == (0, -1)
    assert list(figure.layout.yaxis.ticktext) == ["100%", "0%", "100%"]


def test_overlaps_are_bars_of_each_class_and_none_is_a_written_nought():
    elements = pd.DataFrame({"chrom": "chr1", "start": [0, 100], "end": [50, 150], "kind": ["enhancer", "silencer"]})
    repeats = pd.DataFrame({"chrom": "chr1", "start": [10, 120], "end": [20, 130], "kind": ["LINE", "SINE"]})
    genes = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [60]})
    figure = overlap_bars(overlaps(elements, {"Promoters": genes, "Repeats": repeats}), LIGHT)
    enhancers, silencers = figure.data
    assert list(enhancers.y) == ["Promoters", "Repeats: LINE", "Repeats: SINE"]
    assert list(enhancers.x) == [1, 1, 0]
    assert list(silencers.text) == ["0%", "0%", "100%"]
