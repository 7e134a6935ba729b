import numpy as np
import pytest

from creme_core.experiments import swap
from creme_core.locus import Locus
from creme_core.predictor import Predictor


def make_locus(name, seed):
    codes = np.random.default_rng(seed).integers(0, 4, 40).astype(np.uint8)
    return Locus(name, name, "chrT", 120, "+", 100, 140, codes)


@pytest.fixture
def loci():
    return make_locus("A", 1), make_locus("B", 2), make_locus("C", 3)


@pytest.fixture
def compatible(scripted_model, loci):
    """A's and B's TSS tiles (15..25) are worth 20 and 8, times 1 in A's context, 0.5 in B's, 0.02 elsewhere."""

    def activity(codes):
        tss = next(
            (w for locus, w in zip(loci, (20.0, 8.0), strict=False) if (codes[15:25] == locus.codes[15:25]).all()), 1
        )
        context = next(
            (w for locus, w in zip(loci, (1, 0.5), strict=False) if (codes[:15] == locus.codes[:15]).all()), 0.02
        )
        return tss * context

    return Predictor(scripted_model(40, activity))


def test_each_tss_tile_goes_into_each_context(compatible, loci):
    """A keeps half in B's context (Methods: 20 to 10 is 0.5), B doubles in A's, both are lost in C's."""
    result = swap.run(compatible, loci[:2], loci, tile_size=10, shuffles=2)
    np.testing.assert_allclose(result.matrix("K562"), [[1, 0.5, 0.02], [2, 1, 0.04]], rtol=1e-6)
    assert result.matrix("K562").index.tolist() == ["A", "B"]
    assert result.matrix("K562").columns.tolist() == ["A", "B", "C"]


def test_pairs_know_the_context_classes_of_both(compatible, loci):
    """A loses 98% without its context: enhancing. B too (0.5 to 0.02 of 8 is 96%). C's is worth nothing: neutral."""
    table = swap.run(compatible, loci, loci, tile_size=10, shuffles=2).effects("PC-3")
    assert table.loc[table["target"] == "A", "target_context"].unique().tolist() == ["enhancing"]
    assert table.loc[table["source"] == "C", "source_context"].unique().tolist() == ["neutral"]
    assert len(table) == 9


def test_groups_leave_own_contexts_out(compatible, loci):
    groups = swap.run(compatible, loci, loci, tile_size=10, shuffles=2).by_context("K562")
    row = groups[(groups["source_context"] == "enhancing") & (groups["target_context"] == "enhancing")].iloc[0]
    assert row["pairs"] == 2
    assert row["median"] == pytest.approx((0.5 + 2) / 2)


def test_own_context_is_the_wild_type_and_costs_nothing(toy_model, loci):
    predict = Predictor(toy_model)
    swap.run(predict, loci, loci, tile_size=10, shuffles=2)
    assert predict.computed == 3 * (1 + 2) + 6


def test_loci_of_different_lengths_are_refused(toy_model, loci):
    longer = Locus("L", "L", "chrT", 125, "+", 100, 150, np.zeros(50, np.uint8))
    with pytest.raises(ValueError, match=r"different lengths \(A .* with 40 bp, L .* with 50 bp\)"):
        swap.run(Predictor(toy_model), loci[:1], [longer], tile_size=10)


def test_no_loci_are_refused(toy_model, loci):
    with pytest.raises(ValueError, match="at least one source and one target"):
        swap.run(Predictor(toy_model), loci, [], tile_size=10)


def test_a_result_is_read_back_as_it_was_saved(compatible, loci, tmp_path):
    result = swap.run(compatible, loci[:2], loci, tile_size=10, shuffles=2)
    again = swap.SwapResult.load(result.save(tmp_path / "s.npz"))
    assert again.effects("K562").equals(result.effects("K562"))
    assert [locus.digest for locus in again.targets] == [locus.digest for locus in loci]
    assert (again.settings, again.provenance) == (result.settings, result.provenance)
