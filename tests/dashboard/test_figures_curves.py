import math

import numpy as np
import pytest

from creme_core.experiments import additivity, distance, interaction, multiplicity, set_sufficiency
from dashboard.figures.distance_curve import distance_curve, distance_decay
from dashboard.figures.dosage_curve import dosage_curve
from dashboard.figures.set_curve import band, bounds, set_curve
from dashboard.figures.style import DARK, LIGHT
from dashboard.figures.trajectory import tile_order, trajectory
from tests.dashboard.toy import TRACKS

NAN = float("nan")
GREEDY = "greedy, 95% interval"
# Half the width of a 95% interval of two values 2 apart: t(1, 0.975) times the standard error 1.
WIDE = 12.7062


def tracked(values):
    """Activity of K562 (track 0) as given, 7 on the other four tracks; NaN, which is yet to come, is NaN on all."""
    values = np.asarray(values, dtype=np.float32)
    whole = np.where(np.isnan(values)[..., None], np.float32(NAN), np.float32(7)) * np.ones(5, np.float32)
    whole[..., 0] = values
    return whole


@pytest.fixture
def make_distance(make_locus):
    """Places 9, 29 and 39 (10 upstream, 10 and 20 downstream); CONTROL 2 and WT 10, so effects are over CONTROL."""

    def make(activity=((3, 5), (8, 10), (6, 6)), strand="+", control=(2, 2), cre=(29, 39)):
        settings = distance.Settings(tile_size=10, shuffles=2, cre=cre)
        found = map(tracked, (10, control, activity))
        return distance.DistanceResult(make_locus(strand), settings, TRACKS, {}, *found)

    return make


@pytest.fixture
def make_interaction(make_locus):
    """WT 10; the tiles 39, 9 and 29 are fixed in this order; alone they give 8, 9 and 7."""

    def make(activity=((8, 8), (3, 5), (2, 2)), rounds=3, single=((9, 9), (7, 7), (8, 8)), wild_type=10.0):
        settings = interaction.Settings(tile_size=10, shuffles=2, readout="K562", rounds=rounds)
        chosen = np.array([2, 0, 1])[: len(activity)]
        found = (tracked(wild_type), chosen, tracked(np.reshape(activity, (-1, 2))), tracked(single))
        return interaction.InteractionResult(make_locus(), settings, TRACKS, {}, *found)

    return make


@pytest.fixture
def make_set(make_locus):
    """WT 10, CONTROL 2 and 4; the tiles 39 and 9 are added in this order."""

    def make(activity=((5, 7), (10, 10)), control=(2, 4), wild_type=10.0):
        settings = set_sufficiency.Settings(tile_size=10, shuffles=2, tiles=((39, 49), (9, 19)))
        found = map(tracked, (wild_type, control, activity))
        return set_sufficiency.SetSufficiencyResult(make_locus(), settings, TRACKS, {}, *found)

    return make


@pytest.fixture
def make_multiplicity(make_locus):
    """CONTROL (a copy of 29..39 at its own place) 5; copies go to 29, 39 and 9."""

    def make(activity=((5, 5), (9, 11), (12, 12))):
        settings = multiplicity.Settings(tile_size=10, shuffles=2, cre=(29, 39), readout="K562", copies=3)
        chosen = np.array([1, 2, 0])[: len(activity)]
        before = (tracked(10), tracked([2, 2]), tracked([5, 5]))
        found = (*before, chosen, tracked(np.reshape(activity, (-1, 2))))
        return multiplicity.MultiplicityResult(make_locus(), settings, TRACKS, {}, *found)

    return make


def named(figure, name):
    found = [trace for trace in figure.data if trace.name == name]
    assert len(found) == 1, f"{name} is {len(found)} times among {[trace.name for trace in figure.data]}"
    return found[0]


def words(figure):
    return [note.text for note in figure.layout.annotations]


def test_a_band_is_closed_and_runs_along_the_top_and_back_along_the_bottom():
    shape = band([1, 2, 3], [10, 20, 30], [11, 22, 33], LIGHT.accent)
    assert list(zip(shape.x, shape.y, strict=True)) == [(1, 11), (2, 22), (3, 33), (3, 30), (2, 20), (1, 10), (1, 11)]
    assert shape.fill == "toself"


def test_a_band_is_parted_where_an_end_is_missing():
    shape = band([1, 2, 3, 4], [0, NAN, 5, 6], [1, NAN, 7, 8], LIGHT.accent)
    assert shape.x == (1, 1, 1, None, 3, 4, 4, 3, 3)
    assert shape.y == (1, 0, 1, None, 7, 8, 6, 5, 7)
    assert band([1, 2], [NAN, NAN], [1, 1], LIGHT.accent).x == ()


def test_a_huge_interval_leaves_the_picture_rather_than_flatten_the_curve(make_set):
    # From 0 to 1 with 0.6 of that as room above and a tenth of the whole as a margin; the interval ends far beyond.
    table = make_set().effects("K562").assign(value=[0.2, 0.6, 1.0], low=[0.1, -9.0, 1.0], high=[0.3, 10.0, 1.0])
    assert bounds(table, [0.0]) == pytest.approx((-0.6 - 0.22, 1.6 + 0.22))
    assert bounds(table, [0.0], from_zero=True)[0] == 0
    assert bounds(table.assign(value=-0.1), [0.0], from_zero=True)[0] < -0.1
    assert bounds(table.assign(value=NAN, low=NAN, high=NAN), [1.0]) == (0.5, 1.5)


def test_places_are_in_kb_along_the_gene_and_carry_their_tile(make_distance):
    places = named(distance_curve(make_distance(), "K562", LIGHT, shown="effect"), "places")
    assert np.allclose(places.x, [-0.010, 0.010, 0.020])
    # CONTROL 2 of WT 10 is a context effect of 0.8, not enhancing, so the effect is over CONTROL.
    assert np.allclose(places.y, [1, 3.5, 2])
    assert list(places.customdata) == [0, 2, 3]


@pytest.mark.parametrize(
    ("shown", "control", "expected", "title"),
    [
        ("effect", 2, [1, 3.5, 2], "Effect, (MUT − CONTROL) / CONTROL"),
        ("effect", 0.1, [0.39, 0.89, 0.59], "Effect, (MUT − CONTROL) / WT"),  # an enhancing context
        ("fold_over_max", 2, [(3 / 8 + 5 / 10) / 2, 1, (6 / 8 + 6 / 10) / 2], "Fold over max, MUT / highest MUT"),
        ("fold_over_min", 2, [1, (8 / 3 + 2) / 2, (2 + 6 / 5) / 2], "Fold over min, MUT / lowest MUT"),
    ],
)
def test_each_view_draws_its_column_under_its_formula(make_distance, shown, control, expected, title):
    figure = distance_curve(make_distance(control=(control, control)), "K562", LIGHT, shown=shown)
    assert np.allclose(named(figure, "places").y, expected)
    assert figure.layout.yaxis.title.text == title
    assert figure.layout.shapes[0].y0 == (0 if shown == "effect" else 1)
    assert (figure.layout.yaxis.range[0] == 0) == (shown != "effect")


def test_line_and_band_break_at_the_tss_tile(make_distance):
    figure = distance_curve(make_distance(), "K562", LIGHT, shown="effect")
    assert named(figure, "mean over shuffles").y == (1, None, 3.5, 2)
    shape = named(figure, "95% interval")
    assert shape.x == (-0.01, -0.01, -0.01, None, 0.01, 0.02, 0.02, 0.01, 0.01)
    # Effects 0.5 and 1.5 are half as far apart as WIDE is for.
    assert np.allclose(shape.y[:3], [1 + WIDE / 2, 1 - WIDE / 2, 1 + WIDE / 2], atol=1e-4)
    assert np.allclose(shape.y[5:7], [2, 2])


def test_the_tss_tile_is_hatched_over_the_height_of_the_axis(make_distance):
    figure = distance_curve(make_distance(), "K562", LIGHT, shown="effect")
    tss, axis = named(figure, "TSS tile"), figure.layout.yaxis.range
    assert tss.marker.pattern.shape == "/"
    assert (tss.x[0], tss.width[0]) == pytest.approx((0, 0.010))
    assert (tss.base[0], tss.base[0] + tss.y[0]) == pytest.approx(tuple(axis))
    assert "chr7:1,016–1,025" in tss.hovertext[0]
    assert "TSS tile → GENE" in words(figure)


def test_the_own_place_has_another_marker_and_a_key_and_the_chosen_one_an_outline(make_distance):
    figure = distance_curve(make_distance(), "K562", DARK, shown="effect", selected=3)
    assert list(named(figure, "places").marker.line.width) == [0, 0, 2.5]
    own = named(figure, "the CRE's own place")
    assert (own.x, own.y, own.customdata[0]) == ((0.01,), (3.5,), 2)
    assert (own.marker.symbol, "own place" in own.hovertext[0]) == ("diamond", True)
    assert (figure.layout.showlegend, own.showlegend) == (True, None)


@pytest.mark.parametrize(("strand", "place"), [("+", "chr7:1,006–1,015"), ("-", "chr7:1,027–1,036")])
def test_hover_has_one_based_position_distance_value_interval_and_n(make_distance, strand, place):
    hover = named(distance_curve(make_distance(strand=strand), "K562", LIGHT, shown="effect"), "places").hovertext
    assert place in hover[0]
    assert "tile 0, 0.0 kb upstream of the TSS" in hover[0]
    assert "downstream" in hover[1]
    assert f"effect <b>+1.000</b> [{1 - WIDE / 2:+.3f}, {1 + WIDE / 2:+.3f}]" in hover[0]
    assert "n = 2 shuffles" in hover[0]
    assert ["own place" in text for text in hover] == [False, True, False]


def test_a_partial_distance_result_leaves_gaps(make_distance):
    partial = make_distance(((3, NAN), (NAN, NAN), (6, 6)))
    figure = distance_curve(partial, "K562", LIGHT, shown="fold_over_max")
    assert named(figure, "places").y == pytest.approx((0.5, None, 1.0))
    assert named(figure, "the CRE's own place").y == (None,)
    assert named(figure, "95% interval").x == (0.02, 0.02, 0.02)  # one shuffle has no interval
    assert "interval not known" in named(figure, "places").hovertext[0]
    assert "not computed yet" in named(figure, "places").hovertext[1]
    assert all(math.isfinite(end) for end in figure.layout.yaxis.range)


@pytest.mark.parametrize("shown", ["effect", "fold_over_max", "fold_over_min"])
def test_nothing_computed_yet_is_an_empty_frame(make_distance, shown):
    empty = make_distance(np.full((3, 2), NAN), control=(NAN, NAN))
    for figure in (distance_curve(empty, "K562", LIGHT, shown=shown), distance_decay(empty, "K562", LIGHT, shown)):
        assert "NaN" not in figure.to_json()
        assert all(value is None for trace in figure.data[2:] for value in trace.y)


def test_the_decay_folds_both_directions_on_the_distance(make_distance):
    figure = distance_decay(make_distance(), "K562", LIGHT, "effect")
    up, down = named(figure, "upstream"), named(figure, "downstream")
    assert (up.x, up.y) == ((0.01,), (1,))
    assert (down.x, down.y) == ((0.01, 0.02), (3.5, 2))
    assert (up.line.dash, down.line.dash) == ("solid", "dash")
    assert up.line.color != down.line.color
    assert list(down.customdata) == [2, 3]
    assert "upstream" in up.hovertext[0]
    assert figure.layout.xaxis.range[0] == 0
    figure = distance_decay(make_distance(cre=(9, 19)), "K562", LIGHT, "effect")
    own, tss = named(figure, "the CRE's own place"), named(figure, "TSS tile")
    assert (own.x, own.y) == ((0.01,), (1,))
    assert (tss.x[0] - tss.width[0] / 2, tss.x[0] + tss.width[0] / 2) == pytest.approx((0, 0.005))


def test_an_unknown_view_is_refused_with_those_there_are(make_distance, make_set):
    with pytest.raises(ValueError, match=r"shown is 'fold'; it must be one of 'effect', 'fold_over_max'"):
        distance_curve(make_distance(), "K562", LIGHT, shown="fold")
    with pytest.raises(ValueError, match="shown is 'max'; it must be 'wild_type' or 'control'"):
        set_curve(make_set(), "K562", LIGHT, shown="max")


def test_zoom_is_kept_while_the_same_picture_fills_in(make_distance):
    def revision(result, shown="effect"):
        return distance_curve(result, "K562", LIGHT, shown=shown).layout.uirevision

    assert revision(make_distance()) == revision(make_distance(((3, NAN), (NAN, NAN), (NAN, NAN))))
    assert revision(make_distance()) != revision(make_distance(), "fold_over_max")


def drawn(result, rounds=None):
    return trajectory(result, additivity.compare(result, rounds=rounds), LIGHT)


def test_three_trajectories_start_at_the_wild_type(make_interaction):
    figure = drawn(make_interaction())
    greedy, additive, multiplicative = (named(figure, name) for name in (GREEDY, "additive", "multiplicative"))
    assert greedy.x == additive.x == multiplicative.x == (0, 1, 2, 3)
    assert np.allclose(greedy.y, [1, 0.8, 0.4, 0.2])
    assert np.allclose(additive.y, [1, 0.8, 0.7, 0.4])  # alone 8, 9, 7: 0.2, 0.1, 0.3 off
    assert np.allclose(multiplicative.y, [1, 0.8, 0.72, 0.504])
    assert (greedy.line.dash, additive.line.dash, multiplicative.line.dash) == ("solid", "dash", "dot")
    assert greedy.mode == "lines+markers"
    shape = figure.data[0]
    assert shape.x == (0, 1, 2, 3, 3, 2, 1, 0, 0)
    assert np.allclose(shape.y, [1, 0.8, 0.4 + WIDE / 10, 0.2, 0.2, 0.4 - WIDE / 10, 0.8, 1, 1], atol=1e-4)


def test_the_classes_stand_above_with_their_errors(make_interaction):
    # Greedy is 0, 0.3 and 0.2 below the additive model: (0.09 + 0.04) / 3 = 0.0433, additive. Far below: subadditive.
    heading = words(drawn(make_interaction()))[-1]
    assert "Additive model, 3 rounds: <b>additive</b> (MSE 0.0433)" in heading
    assert "Multiplicative model, 3 rounds: <b>non-multiplicative</b> (MSE 0.0649)" in heading
    weak = make_interaction(((9.5, 9.5), (1, 1), (1, 1)), single=((9.5, 9.5), (9.5, 9.5), (9.5, 9.5)))
    assert "<b>subadditive</b>" in words(drawn(weak))[-1]


def test_lines_at_the_wild_type_and_at_no_activity_and_a_model_far_below(make_interaction):
    figure = drawn(make_interaction())
    assert sorted(shape.y0 for shape in figure.layout.shapes) == [0, 1]
    assert {"1: wild type", "0: no activity"} <= set(words(figure))
    assert figure.layout.yaxis.title.text == "Fold over wild type, MUT / WT"
    figure = drawn(make_interaction(((1, 1), (1, 1), (1, 1)), single=((1, 1), (1, 1), (1, 1))))
    assert named(figure, "additive").y[-1] == pytest.approx(-1.7)
    assert figure.layout.yaxis.range[0] < -1.7


def test_hover_names_the_tile_fixed_and_its_distance(make_interaction):
    hover = named(drawn(make_interaction()), GREEDY).hovertext
    assert hover[0] == "<b>round 0</b>: the wild type"
    assert hover[2].startswith("<b>round 2</b>: this tile shuffled as well<br><b>chr7:1,006–1,015</b>")
    assert "tile 0, 0.0 kb upstream" in hover[2]
    assert f"MUT / WT <b>0.400</b> [{0.4 - WIDE / 10:.3f}, {0.4 + WIDE / 10:.3f}]" in hover[2]
    assert "n = 2 shuffles" in hover[2]
    assert "shuffled alone: 0.900" in hover[2]


def test_fewer_rounds_than_asked_leave_room_for_the_rest(make_interaction):
    figure = drawn(make_interaction(((8, 8),)))
    assert named(figure, GREEDY).x == (0, 1)
    assert list(figure.layout.xaxis.range) == [-0.4, 3.4]
    every = drawn(make_interaction(((8, 8),), rounds=None))
    assert list(every.layout.xaxis.range) == [-0.4, 3.4]  # of the three tiles there are
    nothing = tile_order(make_interaction([]), LIGHT)
    assert named(nothing, "tiles").x == ()
    assert nothing.layout.yaxis.range[0] == pytest.approx(3.8)
    figure = drawn(make_interaction(), rounds=2)  # the models end where the comparison does
    assert named(figure, GREEDY).x == (0, 1, 2, 3)
    assert named(figure, "additive").x == (0, 1, 2)
    assert "Additive model, 2 rounds" in words(figure)[-1]


def test_what_is_not_defined_is_not_drawn(make_interaction):
    figure = drawn(make_interaction(wild_type=0.0))
    assert named(figure, GREEDY).y == (None, None, None, None)
    assert "Additive model, 3 rounds: not defined" in words(figure)[-1]
    assert "NaN" not in figure.to_json()
    # A tile that alone leaves no activity has no logarithm; the additive model does not mind.
    silent = drawn(make_interaction(single=((9, 9), (7, 7), (0, 0))))
    assert named(silent, "multiplicative").y == (1, None, None, None)
    assert named(silent, "additive").y[1] == 0


def test_a_comparison_of_another_readout_is_refused(make_interaction):
    result = make_interaction()
    other = additivity.compare(result, "PC-3")
    with pytest.raises(ValueError, match="another result or readout"):
        trajectory(result, other, LIGHT)
    figure = trajectory(result, other, LIGHT, readout="PC-3")  # all 7
    assert named(figure, GREEDY).y == (1, 1, 1, 1)


def test_the_order_is_numbered_markers_at_distance_and_round(make_interaction):
    figure = tile_order(make_interaction(), LIGHT)
    tiles = named(figure, "tiles")
    assert np.allclose(tiles.x, [0.020, -0.010, 0.010])
    assert (tiles.y, tiles.text) == ((1, 2, 3), ("1", "2", "3"))
    assert list(tiles.customdata) == [3, 0, 2]
    assert "round 1" in tiles.hovertext[0]
    bottom, top = figure.layout.yaxis.range
    assert bottom > 3 > 1 > top  # the first round on top
    assert named(figure, "TSS tile").marker.pattern.shape == "/"


@pytest.mark.parametrize(
    ("shown", "expected", "title", "line"),
    [
        ("wild_type", [0.3, 0.6, 1], "Fold over wild type, MUT / WT", "1: wild type"),
        ("control", [1, 2.125, 3.75], "Fold over control, MUT / CONTROL", "1: the TSS tile alone"),
    ],
)
def test_the_set_curve_counts_tiles_from_none(make_set, shown, expected, title, line):
    figure = set_curve(make_set(), "K562", LIGHT, shown=shown)
    mean = named(figure, "mean over shuffles")
    assert mean.x == (0, 1, 2)
    assert np.allclose(mean.y, expected)
    assert figure.layout.yaxis.title.text == title
    assert figure.layout.shapes[0].y0 == 1
    assert line in words(figure)


def test_the_set_curve_s_hover_names_the_tile_added_last(make_set):
    hover = named(set_curve(make_set(), "K562", LIGHT), "mean over shuffles").hovertext
    assert hover[0].startswith("<b>0 tiles</b>: the TSS tile alone<br>MUT / WT <b>0.300</b>")
    assert hover[1].startswith("<b>1 tile</b>, the last added:<br><b>chr7:1,036–1,045</b>")
    assert "downstream of the TSS" in hover[1]
    assert "n = 2 shuffles" in hover[2]


def test_a_partial_set_result_is_drawn_as_far_as_it_is(make_set):
    figure = set_curve(make_set(((5, 7), (NAN, NAN))), "K562", LIGHT)
    mean = named(figure, "mean over shuffles")
    assert mean.y == pytest.approx((0.3, 0.6, None))
    shape, half = named(figure, "95% interval"), WIDE / 10
    assert shape.x == (0, 1, 1, 0, 0)
    assert np.allclose(shape.y, [0.3 + half, 0.6 + half, 0.6 - half, 0.3 - half, 0.3 + half], atol=1e-4)
    empty = set_curve(make_set(np.full((2, 2), NAN), (NAN, NAN), NAN), "K562", LIGHT)
    assert named(empty, "mean over shuffles").y == (None, None, None)
    assert "NaN" not in empty.to_json()


def test_the_dosage_curve_is_the_fold_over_one_copy_and_says_where_each_went(make_multiplicity):
    figure = dosage_curve(make_multiplicity(), None, LIGHT)
    mean = named(figure, "mean over shuffles")
    assert mean.x == (1, 2, 3)
    assert np.allclose(mean.y, [1, 2, 2.4])
    shape = named(figure, "95% interval")
    assert shape.x == (1, 2, 3, 3, 2, 1, 1)
    assert np.allclose(shape.y, [1, 2 + WIDE / 5, 2.4, 2.4, 2 - WIDE / 5, 1, 1], atol=1e-4)
    assert figure.layout.shapes[0].y0 == 1
    assert "1: one copy at its own place" in words(figure)
    assert figure.layout.yaxis.title.text == "Fold over one copy, MUT / CONTROL"
    assert figure.layout.yaxis.range[0] == 0
    other = dosage_curve(make_multiplicity(), "PC-3", LIGHT)
    assert named(other, "mean over shuffles").y == (1, 1, 1)  # 7 over 7
    assert mean.hovertext[0].startswith("<b>1 copy</b>, the last went to<br><b>chr7:1,026–1,035</b>")
    last = "tile 0, 0.0 kb upstream of the TSS<br>MUT / CONTROL <b>2.400</b> [2.400, 2.400]<br>n = 2 shuffles"
    assert mean.hovertext[2].startswith("<b>3 copies</b>, the last went to")
    assert mean.hovertext[2].endswith(last)


def test_fewer_copies_than_asked_leave_room_for_the_rest(make_multiplicity):
    figure = dosage_curve(make_multiplicity(((5, 5), (9, NAN))), None, LIGHT)
    assert named(figure, "mean over shuffles").y == pytest.approx((1, 1.8))
    assert list(figure.layout.xaxis.range) == [0.6, 3.4]
    assert named(figure, "95% interval").x == (1, 1, 1)
    assert dosage_curve(make_multiplicity([]), None, LIGHT).data[1].x == ()


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_every_curve_is_drawn_in_the_palette(palette, make_distance, make_interaction, make_set, make_multiplicity):
    search = make_interaction()
    other = DARK if palette is LIGHT else LIGHT
    for figure in (
        distance_curve(make_distance(), "K562", palette, shown="effect"),
        distance_decay(make_distance(), "K562", palette, "effect"),
        trajectory(search, additivity.compare(search), palette),
        tile_order(search, palette),
        set_curve(make_set(), "K562", palette),
        dosage_curve(make_multiplicity(), None, palette),
    ):
        content = figure.to_json()
        assert palette.accent in content
        assert not any(colour in content for colour in vars(other).values())
