"""The overlay picture: everything on one genomic axis."""

import numpy as np
import pandas as pd
import pytest

from dashboard.figures.gene_row import gene_row
from dashboard.figures.overlay import Lane, Profile, Strip, overlay
from dashboard.figures.rows import MOST_REGIONS
from dashboard.figures.style import DARK, LIGHT

ACTIVITY = np.array([[2.0, 3.0], [9.0, 10.0], [15.0, 14.0]])


def lane(name="DNase", values=(1.0, np.nan, 3.0), **more):
    return Lane(name, 100, 160, np.array(values), **more)


def places(trace):
    return [trace.x0 + trace.dx * number for number in range(len(trace.y))]


def axis_of(figure, trace):
    name = trace.yaxis or "y"
    return figure.layout["yaxis" + name[1:]]


@pytest.fixture
def effects(make_necessity):
    return make_necessity(ACTIVITY).effects("K562")


def test_tiles_stand_where_they_are_on_the_chromosome(effects, make_locus):
    figure = overlay(make_locus(), LIGHT, effects=effects)
    bars = figure.data[0]
    first, last = effects["genome_start"] + 1, effects["genome_end"]
    assert list(bars.x) == list((first + last) / 2)
    assert np.allclose(bars.y, effects["effect"])
    assert list(bars.customdata) == list(effects["tile"])


def test_a_lane_shows_its_bins_at_their_middles_and_gaps_as_gaps(make_locus):
    figure = overlay(make_locus(), LIGHT, lanes=[lane()])
    (area,) = figure.data
    assert places(area) == [110.5, 130.5, 150.5]
    assert area.y[0] == 1
    assert np.isnan(area.y[1])
    assert not area.connectgaps


def test_lanes_keep_their_own_scale_unless_a_group_shares_it(make_locus):
    lanes = [lane("a", (1, 2, 1), group="DNase"), lane("b", (1, 20, 1), group="DNase"), lane("c", (1, 5, 1), group="x")]
    own = overlay(make_locus(), LIGHT, lanes=lanes)
    shared = overlay(make_locus(), LIGHT, lanes=lanes, shared_scale=True)
    assert [axis_of(own, trace).range[1] for trace in own.data] == pytest.approx([2.1, 21, 5.25])
    assert [axis_of(shared, trace).range[1] for trace in shared.data] == pytest.approx([21, 21, 5.25])


def test_log_shows_log_of_one_more(make_locus):
    figure = overlay(make_locus(), LIGHT, lanes=[lane(values=(0.0, np.e - 1, 3.0))], log=True)
    assert figure.data[0].y[1] == pytest.approx(1.0)


def test_lanes_stand_in_the_order_given_from_the_top(make_locus):
    figure = overlay(make_locus(), LIGHT, lanes=[lane("a"), lane("b"), lane("c")])
    tops = [axis_of(figure, trace).domain[1] for trace in figure.data]
    assert tops == sorted(tops, reverse=True)
    assert [note.text for note in figure.layout.annotations] == ["a", "b", "c"]


def test_an_uncovered_lane_says_so(make_locus):
    figure = overlay(make_locus(), LIGHT, lanes=[lane(values=(np.nan, np.nan, np.nan))])
    assert "not covered" in figure.layout.annotations[0].text


def test_regions_have_their_colours_and_names_are_never_read_as_tags(make_locus):
    regions = pd.DataFrame({"start": [100], "end": [140], "name": ["<img src=x>&"], "colour": ["#FF0000"]})
    locus = make_locus()
    figure = overlay(locus, LIGHT, view=(90, 200), strips=[Strip("cCREs", regions)])
    (bars,) = figure.data
    assert list(bars.base) == [100.5]
    assert list(bars.x) == [40]
    assert list(bars.marker.color) == ["#FF0000"]
    assert "&lt;img" in bars.hovertext[0]


def test_a_strip_of_too_many_regions_says_what_is_left_out(make_locus):
    starts = np.arange(MOST_REGIONS + 5) * 10
    regions = pd.DataFrame({"start": starts, "end": starts + 5, "name": "x"})
    figure = overlay(make_locus(), LIGHT, view=(0, 10**6), strips=[Strip("mine", regions)])
    assert len(figure.data[0].base) == MOST_REGIONS
    assert f"of {MOST_REGIONS + 5:,}" in figure.layout.annotations[0].text


def test_the_perturbed_profile_lies_over_the_wild_type(make_locus):
    profile = Profile(1000, 1040, np.array([1.0, 5.0]), np.array([1.0, 2.0]), "tile 1 shuffled")
    figure = overlay(make_locus(), DARK, profile=profile)
    assert [trace.name for trace in figure.data] == ["wild type", "perturbed"]
    assert places(figure.data[1]) == [1010.5, 1030.5]
    assert "tile 1 shuffled" in figure.layout.annotations[0].text


def test_the_view_is_the_range_of_the_axis(make_locus):
    figure = overlay(make_locus(), LIGHT, view=(120, 180), lanes=[lane()])
    assert list(figure.layout.xaxis.range) == [120.5, 180.5]


def test_genes_whose_names_collide_go_to_different_levels():
    genes = pd.DataFrame(
        {"gene": ["A", "B", "C"], "start": [0, 10, 900], "end": [50, 60, 950], "strand": ["+", "-", "+"]}
    )
    exons = pd.DataFrame({"gene": ["B", "Z"], "start": [20, 1], "end": [30, 2]})
    row = gene_row(genes, exons, (0, 1000), LIGHT)
    assert row.depth == 2
    levels = {note["text"]: note["y"] for note in row.labels}
    assert levels["<i>A</i> ▸"] != levels["◂ <i>B</i>"]
    assert levels["<i>A</i> ▸"] == levels["<i>C</i> ▸"]
    (bars,) = [trace for trace in row.traces if trace.name == "exons"]
    assert list(bars.base) == [20.5]
    assert list(bars.y) == [-1]


def test_the_chosen_tile_is_shaded_through_all_rows(effects, make_locus):
    plain = overlay(make_locus(), LIGHT, effects=effects, lanes=[lane()])
    chosen = overlay(make_locus(), LIGHT, effects=effects, lanes=[lane()], selected=int(effects["tile"].iloc[0]))
    assert len(chosen.layout.shapes) == len(plain.layout.shapes) + 1


def test_a_chosen_tile_is_shaded_before_anything_is_known_of_it(make_locus):
    figure = overlay(make_locus(), LIGHT, lanes=[lane()], shaded=(1000, 1010))
    shade = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert [(shape.x0, shape.x1) for shape in shade] == [(1000.5, 1010.5)]


def test_the_whole_column_of_a_tile_takes_a_click(effects, make_locus):
    bars, columns = overlay(make_locus(), LIGHT, effects=effects).data
    assert list(columns.customdata) == list(bars.customdata) == list(effects["tile"])
    assert set(columns.width) == {10}
    assert columns.base == -columns.y[0] / 2


def test_a_negative_signal_is_within_its_scale_and_mirrored_by_log(make_locus):
    down = lane(values=(-3.0, np.nan, 1.0))
    assert (
        axis_of(overlay(make_locus(), LIGHT, lanes=[down]), overlay(make_locus(), LIGHT, lanes=[down]).data[0]).range[0]
        < -3
    )
    figure = overlay(make_locus(), LIGHT, lanes=[down], log=True)
    assert figure.data[0].y[0] == pytest.approx(-np.log1p(3))


def test_what_is_still_to_come_or_failed_is_said_in_its_place(make_locus):
    regions = pd.DataFrame({"start": [], "end": [], "name": []})
    strips = [Strip("cCREs", regions, note="being read"), Strip("mine", regions)]
    figure = overlay(make_locus(), LIGHT, lanes=[lane(values=(np.nan,), note="could not be read")], strips=strips)
    said = [note.text for note in figure.layout.annotations]
    assert said == ["DNase: could not be read", "cCREs: being read", "mine: none here"]


def test_each_kind_of_repeat_has_a_line_and_classes_a_legend(make_locus):
    regions = pd.DataFrame(
        {"start": [1000, 1010, 1020], "end": [1005, 1015, 1025], "name": "x", "kind": ["SINE", "LINE", "SINE"]}
    )
    colours = {"LINE": "#0072B2", "SINE": "#56B4E9", "LTR": "#009E73"}
    figure = overlay(make_locus(), LIGHT, strips=[Strip("Repeats", regions, by_kind=True, colours=colours)])
    (bars,) = figure.data
    assert list(bars.y) == [-1, 0, -1]
    assert ["LINE" in text for text in figure.layout.yaxis.ticktext] == [True, False]
    figure = overlay(make_locus(), LIGHT, strips=[Strip("cCREs", regions, colours=colours)])
    assert set(figure.data[0].y) == {0}
    heading = figure.layout.annotations[0].text
    assert "#0072B2" in heading
    assert "LTR" not in heading


def test_the_scale_of_the_profile_is_that_of_the_view(make_locus):
    profile = Profile(1000, 1040, np.array([100.0, 1, 2, 1]))
    figure = overlay(make_locus(), LIGHT, profile=profile, view=(1012, 1040))
    assert figure.layout.yaxis.range[1] == pytest.approx(1.15 * 2)
    figure = overlay(make_locus(), LIGHT, profile=profile, view=(900, 990))
    assert "does not reach here" in figure.layout.annotations[0].text
