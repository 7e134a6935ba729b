import json
import math

import numpy as np
import pandas as pd
import pytest

from dashboard.figures.context_scale import context_activity, context_scale
from dashboard.figures.style import DARK, LIGHT, translucent
from dashboard.figures.tile_track import tile_track

ACTIVITY = [[4, 6], [10, 10.2], [16, 14]]  # wild type 10: effects 0.5, -0.01, -0.5
NAN = float("nan")
TRUTH = pd.DataFrame(
    [
        ("GENE", "chr7", 1006, 1010, "enhancer", "K562", 1.5, "", "additive", -12.0),
        ("GENE", "chr7", 1038, 1042, "silencer", "K562", -0.5, "pair", "redundant", 20.0),
    ],
    columns=["gene", "chrom", "start", "end", "kind", "cell_line", "strength", "group", "rule", "distance"],
)


def track(result, **drawing):
    return tile_track(result.effects("K562"), result.grid, result.locus, LIGHT, **drawing)


def test_bars_are_the_first_trace_in_the_order_of_the_tiles(make_necessity):
    bars = track(make_necessity(ACTIVITY)).data[0]
    assert np.allclose(bars.y, [0.5, -0.01, -0.5])
    assert list(bars.customdata) == [0, 2, 3]  # the TSS tile is number 1
    assert np.allclose(bars.x, [-0.010, 0.010, 0.020])  # kb
    assert np.allclose(bars.width, 0.0086)


def test_error_bars_reach_the_ends_of_the_interval(make_necessity):
    result = make_necessity(ACTIVITY)
    effects, bars = result.effects("K562"), track(result).data[0]
    assert np.allclose(bars.y + np.array(bars.error_y.array), effects["ci_high"])
    assert np.allclose(bars.y - np.array(bars.error_y.arrayminus), effects["ci_low"])
    # Two effects 0.2 apart: t(1, 0.975) = 12.706 times the standard error 0.1.
    assert bars.error_y.array[0] == pytest.approx(1.2706, abs=1e-4)


@pytest.mark.parametrize(("strand", "expected"), [("+", [1010.5, 1030.5, 1040.5]), ("-", [1031.5, 1011.5, 1001.5])])
def test_the_genomic_axis_counts_from_one_and_follows_the_strand(make_necessity, strand, expected):
    # On +, the first tile covers 0-based 1005..1014, which is 1006..1015 from one, its middle 1010.5.
    figure = track(make_necessity(ACTIVITY, strand), axis="genome")
    assert list(figure.data[0].x) == expected
    assert list(figure.layout.xaxis.range) == [997, 1045]
    assert figure.layout.xaxis.tickformat == ",d"


def test_the_tss_tile_is_hatched_over_the_whole_height_and_labelled(make_necessity):
    figure = track(make_necessity(ACTIVITY))
    tss = figure.data[1]
    assert tss.marker.pattern.shape == "/"
    assert (tss.x[0], tss.base[0] + tss.y[0]) == (0.0, figure.layout.yaxis.range[1])
    assert any("TSS (not testable)" in note.text for note in figure.layout.annotations)
    assert "not testable" in tss.hovertext[0]


@pytest.mark.parametrize(
    ("strand", "axis", "arrow"), [("+", "genome", "→"), ("-", "genome", "←"), ("-", "distance", "→")]
)
def test_the_arrow_points_where_the_gene_reads(make_necessity, strand, axis, arrow):
    words = " ".join(note.text for note in track(make_necessity(ACTIVITY, strand), axis=axis).layout.annotations)
    assert f"(not testable) {arrow} GENE" in words


def test_calls_have_their_colours_and_uncertain_ones_are_pale(make_necessity):
    # Two shuffles that agree are certain; two that differ have an interval that holds the cut-off.
    bars = track(make_necessity([[5, 5], [4, 6], [15, 15]])).data[0]
    assert list(bars.marker.color) == [LIGHT.enhancer, translucent(LIGHT.enhancer, 0.35), LIGHT.silencer]
    assert list(bars.marker.line.color) == [LIGHT.enhancer, LIGHT.enhancer, LIGHT.silencer]


def test_the_axis_is_symmetric_and_the_cutoffs_are_drawn_as_one_list(make_necessity):
    layout = track(make_necessity(ACTIVITY)).layout
    assert layout.yaxis.range[0] == -layout.yaxis.range[1]
    assert sorted(shape.y0 for shape in layout.shapes) == [-0.3, 0.0, 0.3]


def test_a_partial_result_leaves_gaps_and_breaks_nothing(make_necessity):
    figure = track(make_necessity([[5, NAN], [NAN, NAN], [15, 15]]))
    bars = figure.data[0]
    assert bars.y[0] == 0.5
    assert bars.y[1] is None
    assert bars.error_y.array[0] is None
    assert "not computed yet" in bars.hovertext[1]
    assert "interval not known yet" in bars.hovertext[0]
    assert json.loads(figure.to_json())["data"][0]["name"] == "tiles"


def test_nothing_computed_yet_is_drawn_as_an_empty_frame(make_necessity):
    figure = track(make_necessity(np.full((3, 2), NAN)))
    assert figure.data[0].y == (None, None, None)
    assert list(figure.layout.yaxis.range) == [-0.5, 0.5]


def test_hover_has_one_based_position_distance_effect_interval_n_and_call(make_necessity):
    hover = track(make_necessity([[5, 5], [10, 10], [15, 15]])).data[0].hovertext
    assert "chr7:1,006–1,015" in hover[0]
    assert "0.0 kb upstream" in hover[0]
    assert "effect <b>+0.500</b> [+0.500, +0.500]" in hover[0]
    assert "n = 2 shuffles" in hover[0]
    assert "lowers activity: enhancer" in hover[0]
    assert "raises activity: silencer" in hover[2]


def test_zoom_is_kept_while_the_same_picture_fills_in_and_dropped_for_another(make_necessity):
    whole, partial = make_necessity(ACTIVITY), make_necessity([[5, NAN], [NAN, NAN], [NAN, NAN]])
    assert track(whole).layout.uirevision == track(partial).layout.uirevision
    assert track(whole).layout.uirevision != track(whole, axis="genome").layout.uirevision


def test_the_chosen_tile_is_outlined(make_necessity):
    widths = track(make_necessity(ACTIVITY), selected=2).data[0].marker.line.width
    assert list(widths) == [1.2, 2.5, 1.2]


@pytest.mark.parametrize(("strand", "x"), [("+", [-0.012, 0.020]), ("-", [0.013, -0.019])])
def test_planted_elements_lie_below_at_their_place(make_necessity, strand, x):
    figure = track(make_necessity(ACTIVITY, strand), truth=TRUTH)
    planted = figure.data[2]
    assert np.allclose(planted.x, x)
    assert list(planted.marker.symbol) == ["triangle-up", "triangle-down"]
    assert planted.yaxis == "y2"
    assert "+1.50" in planted.hovertext[0]
    assert "redundant with the others of group pair" in planted.hovertext[1]
    assert len(track(make_necessity(ACTIVITY), truth=TRUTH.iloc[:0]).data) == 2


def test_context_activity_shows_wild_type_every_shuffle_and_the_mean(make_context):
    wild_type, mean, shuffles = context_activity(make_context([2, 3, 4]), "K562", DARK).data
    assert (wild_type.y[0], mean.y[0]) == (10, 3)
    assert list(shuffles.y) == [2, 3, 4]
    # t(2, 0.975) = 4.3027 times the standard error 1 / sqrt(3), up and down.
    assert mean.error_y.array[0] == pytest.approx(4.3027 / math.sqrt(3), abs=1e-3)
    assert mean.error_y.arrayminus[0] == pytest.approx(4.3027 / math.sqrt(3), abs=1e-3)


def test_context_scale_draws_the_paper_s_cutoffs(make_context):
    figure = context_scale(make_context([2, 3, 4]), "K562", LIGHT)
    assert figure.data[0].x[0] == pytest.approx(0.7)
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(-1, -0.3), (-0.05, 0.05), (0.95, 1.1)]


def test_an_effect_beyond_the_scale_stays_on_it_and_says_so(make_context):
    point = context_scale(make_context([90, 90, 90]), "K562", LIGHT).data[0]
    assert (point.x[0], point.marker.symbol) == (-1.0, "triangle-left")
    assert "-8.000" in point.hovertemplate
    assert "beyond" in point.hovertemplate


def test_context_figures_take_a_partial_result(make_context):
    partial = make_context([2, NAN, NAN])
    assert context_activity(partial, "K562", LIGHT).data[1].y[0] == 2
    assert context_scale(partial, "K562", LIGHT).data[0].x[0] == pytest.approx(0.8)
    empty = make_context([NAN, NAN])
    assert math.isnan(context_scale(empty, "K562", LIGHT).data[0].x[0])
    context_activity(empty, "K562", LIGHT).to_json()
