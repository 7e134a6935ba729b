"""The benchmark itself, on a network small enough for that."""

import numpy as np
import pytest

pytest.importorskip("creme.creme", reason="creme-nn is not installed; see requirements-reference.txt")

from tests.benchmarks import engines, growth, report
from tests.benchmarks.networks import SIZES, make_locus, make_model, make_module


@pytest.fixture(scope="module")
def network():
    return make_module("tiny")


def test_three_ways_predict_the_same_sequences_and_edits_matter(network):
    locus = make_locus("tiny")
    _, published = engines.run_published("tiny", network, locus, "cpu")
    _, plain = engines.run_plain("tiny", network, locus, "cpu")
    timing, ours = engines.run_ours("tiny", make_model("tiny", network, "cpu"), locus, "cpu")
    assert published.shape == plain.shape == ours.shape == (2, 5)
    np.testing.assert_allclose(plain, published, rtol=1e-4)
    np.testing.assert_allclose(ours, published, rtol=1e-4)
    assert np.abs(published[0] / published[1] - 1).max() > 0.01
    assert timing.computed == 0
    assert timing.each > 0
    assert timing.first > timing.setup > 0


def test_difference_is_stated_against_wild_type_and_against_what_edits_do():
    wild_type = np.array([10.0, 10.0, 0.0])
    reference = np.array([[12.0, 10.5, 0.0], [9.0, 10.1, 0.0]])
    other = reference + np.array([[0.1, 0.0, 0.0], [0.0, 0.2, 0.0]])
    of_wild_type, of_spread = report.difference(other, reference, wild_type)
    assert of_wild_type == pytest.approx(0.2 / 10)
    assert of_spread == pytest.approx(0.2 / 0.5)


def test_report_has_a_line_a_way(monkeypatch):
    lines = list(report.compare("tiny", "cpu", 1, memory=False))
    assert [line.split("  ")[0] for line in lines[1:4]] == [
        "creme-nn necessity_test",
        "full forward, batches of 4",
        "ours",
    ]
    assert "0 sequences computed" in lines[5]


def test_growth_tables_have_a_row_a_point(network):
    locus, size = make_locus("tiny"), SIZES["tiny"]
    for table, points in [
        (growth.by_mutants, size.growth_mutants),
        (growth.by_tile_size, size.growth_tiles),
        (growth.by_edits, size.growth_edits),
    ]:
        rows = table("tiny", network, locus, "cpu")
        assert [row.grows for row in rows] == list(points)
        assert all(row.seconds > 0 for row in rows)
        assert all(row.trunk is None or 0 < row.trunk < row.each for row in rows)


def test_grown_mutants_all_differ_in_as_many_places_as_asked():
    locus = make_locus("tiny")
    mutants = growth.random_mutants(locus, 4, 3, 100)
    assert len({mutant.digest for mutant in mutants}) == 4
    for mutant in mutants:
        assert len(mutant.edits) == 3
        assert 0 < (mutant.render() != locus.codes).sum() <= 300
