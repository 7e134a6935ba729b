"""The paper's published results in the project's own pictures, where the tables stand beside the checkout."""

import math
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from creme_core.experiments.additivity import compare
from creme_core.published import PublishedSource
from dashboard.figures.context_scale import context_activity, context_scale
from dashboard.figures.distance_curve import distance_curve, distance_decay
from dashboard.figures.fine_map import kept_pieces
from dashboard.figures.recovery_curve import recovery_curve
from dashboard.figures.set_curve import set_curve
from dashboard.figures.style import DARK, LIGHT
from dashboard.figures.sufficiency_track import sufficiency_track
from dashboard.figures.swap_matrix import swap_boxes, swap_matrix
from dashboard.figures.tile_track import tile_track
from dashboard.figures.trajectory import tile_order, trajectory

LINE = "K562"
FOLDER = Path(__file__).parents[3] / "shared" / "data" / "published"
GENES = ("CHST11", "VARS1", "IL20RB")  # enhancing on + and -, silencing


@pytest.fixture(scope="module")
def published():
    if not FOLDER.is_dir():
        pytest.skip("the real-data folder shared/data does not stand beside this checkout")
    return PublishedSource(FOLDER)


def trace(figure: go.Figure, name: str):
    return next(one for one in figure.data if one.name == name)


def check(figure: go.Figure) -> go.Figure:
    """What a browser is given holds no NaN as text, and something to see."""
    assert len(figure.data)
    assert len(figure.to_json()) > 1000
    return figure


@pytest.mark.parametrize("gene", GENES)
@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_context(published, gene, palette):
    result = published.result("context", gene, LINE)
    row = result.effects(LINE).iloc[0]
    figure = check(context_activity(result, LINE, palette))
    assert trace(figure, "mean of shuffles").y[0] == row["mutant"]
    assert len(trace(figure, "shuffles").y) == 0  # single shuffles were not published
    assert trace(check(context_scale(result, LINE, palette)), "effect").error_x.array[0] > 0


@pytest.mark.parametrize("gene", GENES)
@pytest.mark.parametrize("axis", ["distance", "genome"])
def test_tile_tracks(published, gene, axis):
    necessity = published.result("necessity", gene, LINE)
    effects = necessity.effects(LINE)
    figure = check(tile_track(effects, necessity.grid, necessity.locus, LIGHT, axis=axis))
    assert list(figure.data[0].y) == effects["effect"].tolist()
    assert not any("uncertain" in words for words in figure.data[0].hovertext)
    sufficiency = published.result("sufficiency", gene, LINE)
    figure = check(sufficiency_track(sufficiency, LINE, LIGHT, necessity=necessity, axis=axis))
    known = sufficiency.effects(LINE)["effect"]
    assert [y is not None for y in figure.data[0].y] == known.notna().tolist()
    assert len(figure.data) == 4  # necessity beside it


@pytest.mark.parametrize("gene", GENES)
@pytest.mark.parametrize("shown", ["effect", "fold_over_max", "fold_over_min"])
def test_distance(published, gene, shown):
    result = published.result("distance", gene, LINE)
    figure = check(distance_curve(result, LINE, LIGHT, shown=shown))
    np.testing.assert_allclose(trace(figure, "places").y, result.effects(LINE)[shown])
    check(distance_decay(result, LINE, LIGHT, shown))


@pytest.mark.parametrize("gene", GENES)
def test_interaction(published, gene):
    result = published.result("interaction", gene, LINE)
    figure = check(trajectory(result, compare(result), LIGHT))
    greedy = trace(figure, "greedy, 95% interval")
    assert list(greedy.y) == [1.0, *result.effects()["fold_over_wild_type"]]
    # The order was not published, so no tile may be drawn at a place.
    assert not any(x is not None and math.isfinite(x) for x in trace(check(tile_order(result, LIGHT)), "tiles").x)


@pytest.mark.parametrize(("gene", "shown"), [("CHST11", "wild_type"), ("CHST11", "control"), ("IL20RB", "control")])
def test_set_sufficiency(published, gene, shown):
    result = published.result("set_sufficiency", gene, LINE)
    figure = check(set_curve(result, LINE, LIGHT, shown=shown))
    drawn = trace(figure, "mean over shuffles")
    assert list(drawn.y) == result.effects(LINE)[f"fold_over_{shown}"].tolist()
    assert len(drawn.x) == 26


@pytest.mark.parametrize("gene", GENES[:2])
def test_fine_tile(published, gene):
    result = published.result("fine_tile", gene, LINE)
    figure = check(recovery_curve(result, LINE, LIGHT))
    table = result.effects(LINE)
    assert list(trace(figure, "search").y) == table.loc[table["method"] == "search", "recovered"].tolist()
    assert any("TSS tile alone" in words.text for words in figure.layout.annotations)
    check(kept_pieces(result, LIGHT))


def test_swap(published, tmp_path):
    """Its table is not among those beside the checkout, so fold changes of two genes are written here."""
    path = "results/summary_csvs/enformer"
    (tmp_path / path).mkdir(parents=True)
    name = f"{path}/K562_selected_contexts.csv"
    (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    ids = published.loci.loc[published.loci["gene"].isin(GENES[:2]), "seq_id"].tolist()
    lines = ["source,target,normalised,cell_line"]
    lines += [f"{source},{target},{1 + (source != target)},K562" for source in ids for target in ids]
    (tmp_path / path / "context_swap_test.csv").write_text("\n".join(lines) + "\n")
    result = PublishedSource(tmp_path).result("swap", GENES[:2], LINE)
    figure = check(swap_matrix(result, LINE, LIGHT))
    assert np.asarray(figure.data[0].z).tolist() == [[0, 1], [1, 0]]
    framed = [words for row in figure.data[0].customdata for words in row if "its own context" in words]
    assert len(framed) == 2
    check(swap_boxes(result, LINE, LIGHT))
