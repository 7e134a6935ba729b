import json

import numpy as np
import pandas as pd
import pytest

from creme_core.experiments import fine_tile, necessity, sufficiency
from creme_core.experiments.fine_tile import FineTileResult
from creme_core.experiments.sufficiency import SufficiencyResult
from creme_core.locus import Locus
from creme_core.sequence import decode
from dashboard.figures.fine_map import kept_pieces, letters
from dashboard.figures.recovery_curve import recovery_curve
from dashboard.figures.style import DARK, LIGHT, translucent
from dashboard.figures.sufficiency_track import sufficiency_track
from tests.dashboard.toy import TRACKS, on_k562, traces

NAN = float("nan")
TRUTH = pd.DataFrame(
    [("GENE", "chr7", 1006, 1010, "silencer", "K562", -0.5, "", "additive")],
    columns=["gene", "chrom", "start", "end", "kind", "cell_line", "strength", "group", "rule"],
)
SITES = pd.DataFrame(
    [
        ("G", "e1", "GATA1", "chr7", 1092, 1094),
        ("G", "e2", "REST", "chr7", 1300, 1310),
        ("G", "e3", "X", "chr1", 1095, 1099),
    ],
    columns=["gene", "element", "motif", "chrom", "start", "end"],
)


@pytest.fixture
def make_sufficiency(make_locus):
    """Three context tiles of 10 bp, two shuffles; the wild type is 10, the TSS tile alone gives 4 in each shuffle."""

    def make(activity, strand="+", control=4.0):
        settings = sufficiency.Settings(tile_size=10, shuffles=2)
        controls = np.full(2, control)
        arrays = (on_k562(10.0), on_k562(controls), on_k562(activity))
        return SufficiencyResult(make_locus(strand), settings, TRACKS, {}, *arrays)

    return make


@pytest.fixture
def make_fine():
    """A 20 bp CRE at 10..30 of a 50 bp window, chr7:1080-1130 (0-based), of which two steps keep 15 and 8 bp."""

    def make(strand="+", steps=2, baselines=True, search="enhancer", controls=(8, 12)):
        locus = Locus("G", "G1", "chr7", 1105, strand, 1080, 1130, np.arange(50) % 4)
        settings = fine_tile.Settings(
            tile_size=10, shuffles=2, cre=(10, 30), readout="K562", search=search, coarse=20, fine=10
        )
        names, counts = ["saliency", "motifs", "random"], [15, 6, 15]
        shares = [[7, 11], [4, 6], [2, 4]]
        saliency, covered = np.linspace(-1, 1, 20), np.zeros(20, dtype=bool)
        covered[[2, 3, 17]] = True
        if not baselines:
            names, counts, shares = [], [], np.empty((0, 2))
            saliency, covered = np.full(20, NAN), np.zeros(20, dtype=bool)
        return FineTileResult(
            locus,
            settings,
            TRACKS,
            {},
            on_k562(20.0),
            on_k562([2, 3]),
            on_k562(controls),
            np.array([20, 10][:steps], dtype=int),
            np.array([15, 8][:steps], dtype=int),
            on_k562(np.array([[8, 11], [5, 10]], dtype=float)[:steps]),
            np.array([[12, 15], [25, 30]]) if steps else np.array([[10, 30]]),
            np.array(names, dtype="<U8"),
            np.array(counts, dtype=int),
            on_k562(shares),
            saliency,
            covered,
        )

    return make


class TestSufficiencyTrack:
    activity = ((8, 8), (4, 4.4), (2, 2))  # over control 1, 0.05, -0.5; over wild type 0.4, 0.02, -0.2

    def test_bars_are_the_first_trace_and_carry_the_tile(self, make_sufficiency):
        bars = sufficiency_track(make_sufficiency(self.activity), "K562", LIGHT).data[0]
        assert bars.name == "sufficiency"
        assert np.allclose(bars.y, [1, 0.05, -0.5])
        assert list(bars.customdata) == [0, 2, 3]  # the TSS tile is number 1
        assert np.allclose(bars.x, [-0.010, 0.010, 0.020])  # kb
        # 0 and 0.1: t(1, 0.975) = 12.706 times the standard error 0.05.
        assert bars.error_y.array[1] == pytest.approx(0.6353, abs=1e-3)

    @pytest.mark.parametrize(
        ("control", "asked", "first", "title"),
        [
            (4.0, "auto", 1.0, "(MUT − CONTROL) / CONTROL"),
            (0.1, "auto", 0.79, "(MUT − CONTROL) / WT"),  # an enhancing context
            (4.0, "wild_type", 0.4, "(MUT − CONTROL) / WT"),
        ],
    )
    def test_the_axis_says_what_the_effect_is_divided_by(self, make_sufficiency, control, asked, first, title):
        result = make_sufficiency(self.activity, control=control)
        figure = sufficiency_track(result, "K562", LIGHT, normalisation=asked)
        assert figure.data[0].y[0] == pytest.approx(first)
        assert figure.layout.yaxis.title.text == title

    def test_hover_has_place_effect_both_normalisations_and_the_call(self, make_sufficiency):
        hover = sufficiency_track(make_sufficiency(self.activity), "K562", LIGHT).data[0].hovertext
        assert "chr7:1,006–1,015" in hover[0]
        assert "effect <b>+1.000</b> [+1.000, +1.000]" in hover[0]
        assert "over wild type +0.400, over control +1.000" in hover[0]
        assert "adding the tile raises activity: enhancer" in hover[0]
        assert "adding the tile lowers activity: silencer" in hover[2]
        assert "uncertain" in hover[1]
        assert "uncertain" not in hover[0]

    def test_necessity_has_its_own_panel_on_the_same_x_axis(self, make_sufficiency, make_necessity):
        beside = make_necessity([[4, 6], [10, 10], [15, 15]])
        figure = sufficiency_track(make_sufficiency(self.activity), "K562", LIGHT, necessity=beside, selected=2)
        bars = figure.data[2]
        assert (bars.name, bars.yaxis, bars.xaxis) == ("necessity", "y2", None)
        assert np.allclose(bars.y, [0.5, 0, -0.5])
        assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
        assert figure.layout.xaxis.anchor == "y2"
        assert list(figure.data[0].marker.line.width) == list(bars.marker.line.width) == [1.2, 2.5, 1.2]
        lines = sorted((shape.yref, shape.y0) for shape in figure.layout.shapes)
        assert lines == [("y", -0.3), ("y", 0.0), ("y", 0.3), ("y2", -0.3), ("y2", 0.0), ("y2", 0.3)]

    @pytest.mark.parametrize(("mutant", "ranges"), [(8, (1.25, 1.25)), (28, (6.75, 1.0))])
    def test_like_scales_share_their_range_and_unlike_ones_do_not(
        self, make_sufficiency, make_necessity, mutant, ranges
    ):
        # The necessity bar of 0.75 alone would get a range of 1.
        result, beside = make_sufficiency(np.full((3, 2), mutant)), make_necessity(np.full((3, 2), 2.5))
        layout = sufficiency_track(result, "K562", LIGHT, necessity=beside).layout
        assert (layout.yaxis.range[1], layout.yaxis2.range[1]) == ranges
        assert (layout.yaxis.range[0], layout.yaxis2.range[0]) == (-ranges[0], -ranges[1])

    def test_necessity_of_other_tiles_or_another_strand_is_left_out(self, make_sufficiency, make_necessity):
        result = make_sufficiency(self.activity)
        coarse = np.full((3, 5), 10, dtype=np.float32)
        other = necessity.summarise(result.locus, necessity.Settings(tile_size=15, shuffles=1), TRACKS, coarse, {})
        for beside in (other, make_necessity(self.activity, "-")):
            assert len(sufficiency_track(result, "K562", LIGHT, necessity=beside).data) == 2

    def test_planted_elements_lie_lowest(self, make_sufficiency, make_necessity):
        result, beside = make_sufficiency(self.activity), make_necessity(self.activity)
        figure = sufficiency_track(result, "K562", LIGHT, necessity=beside, truth=TRUTH, axis="genome")
        planted = figure.data[4]
        assert (planted.name, planted.yaxis, list(planted.x)) == ("planted", "y3", [1008.5])
        assert figure.layout.yaxis3.domain[1] < figure.layout.yaxis2.domain[0]
        assert figure.layout.xaxis.anchor == "y3"

    def test_a_partial_result_leaves_gaps(self, make_sufficiency, make_necessity):
        result, beside = make_sufficiency([[8, NAN], [NAN, NAN], [2, 2]]), make_necessity(np.full((3, 2), NAN))
        figure = sufficiency_track(result, "K562", DARK, necessity=beside)
        assert figure.data[0].y == (1.0, None, -0.5)
        assert figure.data[0].error_y.array[0] is None
        assert figure.data[2].y == (None, None, None)
        assert "not computed yet" in figure.data[0].hovertext[1]
        assert len(json.loads(figure.to_json())["data"]) == 4


class TestRecoveryCurve:
    def test_search_by_stage_and_baselines_against_bases_kept(self, make_fine):
        shown = traces(recovery_curve(make_fine(), "K562", LIGHT))
        # CONTROL is (8 + 12) / 2 = 10 on average.
        line, coarse, fine = shown["search"], shown["search, 20 bp pieces"], shown["search, 10 bp pieces"]
        assert (list(line.x), list(line.y)) == ([20, 15, 8], pytest.approx([1, 0.95, 0.75]))
        assert (list(coarse.x), list(coarse.y)) == ([20, 15], pytest.approx([1, 0.95]))
        assert (list(fine.x), list(fine.y)) == ([8], [pytest.approx(0.75)])
        assert coarse.marker.symbol != fine.marker.symbol
        assert list(shown["most salient bases"].y) == pytest.approx([0.9])
        assert list(shown["random bases (floor)"].y) == pytest.approx([0.3])
        assert (list(shown["motif hits"].x), list(shown["motif hits"].y)) == ([6], [pytest.approx(0.5)])

    def test_thresholds_and_the_tss_tile_alone_are_lines(self, make_fine):
        layout = recovery_curve(make_fine(), None, LIGHT).layout
        assert [shape.y0 for shape in layout.shapes] == [0.9, 0.7, pytest.approx(0.25)]
        assert "20 bp stage" in layout.annotations[0].text
        assert "10 bp stage" in layout.annotations[1].text

    def test_intervals_are_those_of_the_table(self, make_fine):
        result = make_fine()
        effects, shown = result.effects("K562"), traces(recovery_curve(result, "K562", LIGHT))
        motifs, band = shown["motif hits"], shown["search, interval"]
        low = effects.loc[effects["method"] == "motifs", "ci_low"].iloc[0]
        assert motifs.y[0] - motifs.error_y.arrayminus[0] == pytest.approx(low)
        assert set(band.x) == {20, 15, 8}
        # Residuals -1 and 1 from 0.75 x (8, 12), over 10: t(1, 0.975) = 12.706 times the standard error 0.1.
        assert max(band.y) == pytest.approx(0.75 + 1.2706, abs=1e-4)

    def test_a_silencer_is_recovered_the_other_way_round(self, make_fine):
        figure = recovery_curve(make_fine(search="silencer"), "K562", LIGHT)
        assert traces(figure)["search"].y[2] == pytest.approx(10 / 7.5)
        assert figure.layout.yaxis.title.text.endswith("CONTROL / MUT")
        assert figure.layout.shapes[2].y0 == pytest.approx(4)

    def test_hover_has_bases_share_effect_and_stage(self, make_fine):
        shown = traces(recovery_curve(make_fine(), "K562", LIGHT))
        hover = shown["search, 10 bp pieces"].hovertext[0]
        assert "search, 10 bp pieces" in hover
        assert "8 of 20 bases kept (40%)" in hover
        assert "<b>0.750</b>" in hover
        assert "n = 2 shuffles" in hover
        assert "the whole CRE" in shown["search, 20 bp pieces"].hovertext[0]
        assert "15 random bases" in shown["random bases (floor)"].hovertext[0]

    @pytest.mark.parametrize("controls", [(8, 12), (0, 0), (NAN, NAN)])
    def test_a_partial_or_undefined_result_is_drawn(self, make_fine, controls):
        figure = recovery_curve(make_fine(steps=0, baselines=False, controls=controls), "K562", DARK)
        shown = traces(figure)
        defined = sum(controls) == 20
        assert "motif hits" not in shown
        assert shown["search"].y == ((1.0,) if defined else (None,))
        assert len(figure.layout.shapes) == (3 if defined else 2)
        assert json.loads(figure.to_json())["layout"]["showlegend"] is True


class TestKeptPieces:
    @pytest.mark.parametrize(("strand", "base"), [("+", [1092.5, 1105.5]), ("-", [1115.5, 1100.5])])
    def test_pieces_lie_on_the_chromosome_counted_from_one(self, make_fine, strand, base):
        # On +, oriented 12..15 is 0-based 1092..1095: bases 1093 to 1095 from one, 1092.5 to 1095.5 on the axis.
        kept = traces(kept_pieces(make_fine(strand), LIGHT))["kept pieces"]
        assert list(kept.base) == base
        assert list(kept.x) == [3, 5]
        assert ("chr7:1,093–1,095" in kept.hovertext[0]) == (strand == "+")

    def test_the_axis_spans_the_cre_and_the_heading_says_how_much_is_kept(self, make_fine):
        layout = kept_pieces(make_fine(), LIGHT).layout
        assert list(layout.xaxis.range) == [1090.5, 1110.5]
        assert layout.xaxis.tickformat == ",d"
        assert layout.annotations[0].text == "<b>8 of 20 bp kept</b> (40%)"
        assert layout.annotations[1].text == "G reads →"

    @pytest.mark.parametrize(("strand", "base"), [("+", [1092.5, 1107.5]), ("-", [1116.5, 1102.5])])
    def test_motif_covered_bases_are_joined_to_runs(self, make_fine, strand, base):
        hits = traces(kept_pieces(make_fine(strand), LIGHT))["motif hits"]
        assert (list(hits.base), list(hits.x)) == (base, [2, 1])

    def test_planted_sites_of_this_cre_have_their_row(self, make_fine):
        figure = kept_pieces(make_fine(), LIGHT, motif_sites=SITES)
        planted = traces(figure)["planted"]
        assert (list(planted.base), list(planted.x)) == ([1092.5], [2])
        assert "GATA1" in planted.hovertext[0]
        assert list(figure.layout.yaxis.ticktext) == ["motif hits", "planted", "kept pieces"]
        rows = {trace.name: trace.y[0] for trace in figure.data[:3]}
        assert rows == {"kept pieces": 2, "planted": 1, "motif hits": 0}
        assert "planted" not in traces(kept_pieces(make_fine(), LIGHT))

    def test_saliency_is_a_mean_of_absolute_values_by_bin(self, make_fine, monkeypatch):
        monkeypatch.setattr("dashboard.figures.fine_map.BIN", 7)
        bars = traces(kept_pieces(make_fine("-"), LIGHT))["saliency"]
        values = np.abs(np.linspace(-1, 1, 20))
        assert list(bars.y) == pytest.approx([values[:7].mean(), values[7:14].mean(), values[14:].mean()])
        assert list(bars.width) == [7, 7, 6]
        # Oriented 10..17 is 0-based 1113..1120 on the other strand: 1114 to 1120 from one, its middle 1117.
        assert list(bars.x) == [1117, 1110, 1103.5]
        assert list(bars.marker.color) == [LIGHT.accent, translucent(LIGHT.neutral, 0.55), LIGHT.accent]

    def test_a_result_without_baselines_says_so(self, make_fine):
        figure = kept_pieces(make_fine(steps=0, baselines=False), DARK)
        shown = traces(figure)
        assert list(shown["kept pieces"].x) == [20]
        assert (shown["motif hits"].base, shown["saliency"].y) == ((), (None,))
        assert "not computed" in figure.layout.annotations[2].text
        assert len(json.loads(figure.to_json())["data"]) == 3


class TestLetters:
    def test_letters_are_the_forward_strand_in_colours_with_kept_ones_bold(self, make_fine):
        result = make_fine()
        shown = traces(letters(result, 11, 16, LIGHT, motif_sites=SITES))
        spelled = shown["letters"]
        assert decode(result.locus.codes[11:16]) == "TACGT"
        assert list(spelled.text) == ["T", "<b>A</b>", "<b>C</b>", "<b>G</b>", "T"]
        colours = [LIGHT.enhancer, LIGHT.accent, LIGHT.silencer, LIGHT.text, LIGHT.enhancer]
        assert list(spelled.textfont.color) == colours
        assert (list(shown["kept"].base), list(shown["kept"].x)) == ([0.5], [3])
        assert (list(shown["planted"].base), list(shown["planted"].x)) == ([0.5], [2])

    def test_on_the_other_strand_everything_is_turned_round(self, make_fine):
        result = make_fine("-")
        shown = traces(letters(result, 11, 18, LIGHT))
        # Oriented TACGTAC, of which 12..15 is kept: its reverse complement is GTACGTA, of which 3..6 is kept.
        spelled = shown["letters"]
        assert list(spelled.text) == ["G", "T", "A", "<b>C</b>", "<b>G</b>", "<b>T</b>", "A"]
        assert "<b>G</b> at chr7:1,113" in spelled.hovertext[0]
        assert f"gradient × input {result.saliency[7]:+.3g}" in spelled.hovertext[0]
        assert ["covered" in hover for hover in spelled.hovertext] == [False] * 4 + [True] * 2 + [False]

    def test_outside_the_cre_there_is_no_saliency_and_nothing_is_kept(self, make_fine):
        hover = traces(letters(make_fine(), 8, 13, LIGHT))["letters"].hovertext
        assert ["gradient" in words for words in hover] == [False, False, True, True, True]
        assert ["not kept" in words for words in hover] == [True, True, True, True, False]

    def test_rows_are_cut_at_a_hundred(self, make_fine, monkeypatch):
        monkeypatch.setattr("dashboard.figures.fine_map.LETTERS_A_ROW", 4)
        figure = letters(make_fine(), 11, 17, LIGHT)
        shown = traces(figure)
        assert list(shown["letters"].x) == [0, 1, 2, 3, 0, 1]
        assert list(shown["letters"].y) == [1, 1, 1, 1, 0, 0]
        assert list(figure.layout.yaxis.ticktext) == ["1,096", "1,092"]
        kept = traces(letters(make_fine(), 10, 16, LIGHT))["kept"]
        assert list(zip(kept.base, kept.x, kept.y, strict=True)) == [(1.5, 2, 1), (-0.5, 1, 0)]

    @pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (40, 51)])
    def test_an_interval_that_cannot_be_spelled_is_refused(self, make_fine, start, end):
        with pytest.raises(ValueError, match="must lie within the window"):
            letters(make_fine(), start, end, LIGHT)

    def test_more_than_200_bases_are_refused(self, make_fine, monkeypatch):
        monkeypatch.setattr("dashboard.figures.fine_map.MAXIMUM_LETTERS", 5)
        with pytest.raises(ValueError, match="hold 1 to 5 bases"):
            letters(make_fine(), 10, 16, LIGHT)
