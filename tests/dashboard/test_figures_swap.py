import json

import numpy as np
import pytest

from creme_core.experiments.result import Settings
from creme_core.experiments.swap import SwapResult
from creme_core.locus import Locus
from dashboard.figures.style import DARK, LIGHT
from dashboard.figures.swap_matrix import swap_boxes, swap_matrix
from tests.dashboard.toy import TRACKS, on_k562

NAN = float("nan")


@pytest.fixture
def make_swap():
    """Three sources (silencing, enhancing, neutral) and two targets (the second source, and an unclassified one)."""

    def make(fold=((2, 0.5), (1, 0.25), (4, 1))):
        loci = [
            Locus(gene, gene, "chr7", 105 + place, "+", 100 + place, 110 + place, (np.arange(10) + place) % 4)
            for place, gene in enumerate(["SIL", "ENH", "NEU", "UNC"])
        ]
        wild_type = np.array([10.0, 10.0, 10.0, 10.0])
        controls = np.array([[20, 20], [0.1, 0.1], [10, 10], [5, 5]])
        return SwapResult(
            tuple(loci[:3]),
            (loci[1], loci[3]),
            Settings(tile_size=3, shuffles=2),
            TRACKS,
            [],
            on_k562(wild_type[:3]),
            on_k562(controls[:3]),
            on_k562(wild_type[[1, 3]]),
            on_k562(controls[[1, 3]]),
            on_k562(10 * np.array(fold)),
        )

    return make


class TestSwapMatrix:
    def test_genes_are_sorted_by_class_and_colours_centred_on_no_change(self, make_swap):
        figure = swap_matrix(make_swap(), "K562", LIGHT)
        cells = figure.data[0]
        assert list(figure.layout.yaxis.ticktext) == ["ENH", "NEU", "SIL"]
        assert list(figure.layout.xaxis.ticktext) == ["ENH", "UNC"]
        assert [list(row) for row in cells.z] == [[0, -2], [2, 0], [1, -1]]
        assert [list(row) for row in cells.text] == [["1.00", "0.25"], ["4.00", "1.00"], ["2.00", "0.50"]]
        assert (cells.zmin, cells.zmax) == (-2, 2)
        assert [colour for _, colour in cells.colorscale] == [LIGHT.silencer, LIGHT.background, LIGHT.enhancer]
        assert list(cells.colorbar.ticktext) == ["1/4×", "1/2×", "1×", "2×", "4×"]
        assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # sources down

    def test_classes_are_named_beside_their_genes(self, make_swap):
        notes = swap_matrix(make_swap(), "K562", LIGHT).layout.annotations
        named = [(note.text, note.xref, note.x if note.xref == "x" else note.y) for note in notes]
        assert named == [
            ("enhancing", "x", 0),
            ("unclassified", "x", 1),
            ("enhancing", "paper", 0),
            ("neutral", "paper", 1),
            ("silencing", "paper", 2),
        ]

    def test_hover_has_both_genes_with_their_classes(self, make_swap):
        hover = swap_matrix(make_swap(), "K562", LIGHT).data[0].customdata
        assert "TSS tile of <b>SIL</b> (silencing)" in hover[2][1]
        assert "in the context of <b>UNC</b> (unclassified)" in hover[2][1]
        assert "MUT / WT <b>0.5</b>" in hover[2][1]
        assert ["its own context" in cell for row in hover for cell in row] == [True] + [False] * 5

    def test_a_gene_in_its_own_context_is_framed(self, make_swap):
        frames = [shape for shape in swap_matrix(make_swap(), "K562", LIGHT).layout.shapes if shape.line.width]
        assert [(shape.x0, shape.x1, shape.y0, shape.y1) for shape in frames] == [(-0.5, 0.5, -0.5, 0.5)]

    def test_many_genes_are_not_written_out(self, make_swap, monkeypatch):
        monkeypatch.setattr("dashboard.figures.swap_matrix.MOST_WRITTEN", 2)
        assert swap_matrix(make_swap(), "K562", LIGHT).data[0].text is None

    def test_missing_and_undefined_pairs_are_marked_and_a_huge_one_does_not_flatten_the_rest(self, make_swap):
        figure = swap_matrix(make_swap([[NAN, 0.5], [1, 0], [4096, 1]]), "K562", DARK)
        cells, missing = figure.data
        assert [list(row) for row in cells.z] == [[0, None], [12, 0], [None, -1]]
        assert list(zip(missing.x, missing.y, strict=True)) == [(1, 0), (0, 2)]
        assert "not known" in missing.hovertext[1]
        assert cells.zmax == 5
        everything = swap_matrix(make_swap(np.full((3, 2), NAN)), "K562", DARK)
        assert len(everything.data[1].x) == 6
        assert len(json.loads(everything.to_json())["data"]) == 2


class TestSwapBoxes:
    def test_a_box_for_each_class_of_target_by_class_of_source_without_own_contexts(self, make_swap):
        figure = swap_boxes(make_swap(), "K562", LIGHT)
        assert [box.name for box in figure.data] == ["into enhancing context", "into unclassified context"]
        ticks = dict(zip(figure.layout.xaxis.tickvals, figure.layout.xaxis.ticktext, strict=True))
        points = [(ticks[x], y) for box in figure.data for x, y in zip(box.x, box.y, strict=True)]
        assert points == [
            ("genes from silencing context", 1),
            ("genes from neutral context", 2),
            ("genes from silencing context", -1),
            ("genes from enhancing context", -2),
            ("genes from neutral context", 0),
        ]
        assert next(iter(ticks.values())) == "genes from enhancing context"
        assert figure.data[0].line.color == LIGHT.enhancer
        assert "<b>SIL</b> (silencing) in the context of <b>ENH</b> (enhancing)" in figure.data[0].hovertext[0]

    def test_the_axis_is_marked_in_folds_and_holds_every_pair(self, make_swap):
        axis = swap_boxes(make_swap(), "K562", LIGHT).layout.yaxis
        assert list(axis.range) == [-2, 2]
        assert list(axis.ticktext) == ["1/4×", "1/2×", "1×", "2×", "4×"]

    def test_pairs_that_are_missing_or_not_defined_are_left_out(self, make_swap):
        figure = swap_boxes(make_swap([[NAN, 0.5], [1, 0], [NAN, NAN]]), "K562", DARK)
        assert [list(box.y) for box in figure.data] == [[-1]]
        empty = swap_boxes(make_swap(np.full((3, 2), NAN)), "K562", DARK)
        assert len(empty.data) == 0
        assert list(empty.layout.yaxis.range) == [-1, 1]

    def test_with_many_pairs_only_the_outliers_are_points(self, make_swap, monkeypatch):
        assert swap_boxes(make_swap(), "K562", LIGHT).data[0].boxpoints == "all"
        monkeypatch.setattr("dashboard.figures.swap_matrix.MOST_POINTS", 4)
        assert swap_boxes(make_swap(), "K562", LIGHT).data[0].boxpoints == "outliers"
