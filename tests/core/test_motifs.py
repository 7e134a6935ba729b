import numpy as np
import pytest

from creme_core.experiments.perturbations import piece
from creme_core.motifs import find_hits, jaspar_motifs
from creme_core.predictor import Predictor
from creme_core.saliency import gradient_times_input
from creme_core.sequence import encode
from creme_core.tiles import Tile


def exact(word: str) -> np.ndarray:
    """A matrix that wants one word."""
    matrix = np.full((4, len(word)), 0.01)
    matrix[encode(word), np.arange(len(word))] = 0.97
    return matrix


WORD = "GATTACAGGC"


@pytest.fixture(scope="module")
def background() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, 400).astype(np.uint8)


def test_a_word_is_found_on_both_strands_at_its_place(background):
    codes = background.copy()
    codes[50:60] = encode(WORD)
    codes[200:210] = 3 - encode(WORD)[::-1]
    hits = find_hits(codes, {"word": exact(WORD)})
    found = [(row.start, row.end, row.strand) for row in hits.itertuples() if row.p_value < 1e-5]
    assert found == [(50, 60, "+"), (200, 210, "-")]


def test_no_hit_is_rarer_than_its_width_allows(background):
    """Six letters have 4,096 words, so p below 1/4096 is impossible, and with the usual cut there is no hit at all."""
    codes = background.copy()
    codes[50:56] = encode("CAGGTG")
    hits = find_hits(codes, {"short": exact("CAGGTG")}, p_value=1e-3)
    assert (hits["p_value"] >= 4.0**-6).all()
    assert 50 in hits["start"].tolist()
    assert find_hits(codes, {"short": exact("CAGGTG")}).empty


def test_runs_of_n_make_no_hits(background):
    codes = background.copy()
    codes[100:180] = 4
    hits = find_hits(codes, {"word": exact(WORD)}, p_value=0.5)
    assert len(hits)
    assert ((hits["end"] <= 100) | (hits["start"] >= 180)).all()


def test_motifs_wider_than_the_sequence_and_none_at_all_give_no_hits(background):
    assert find_hits(background[:5], {"word": exact(WORD)}).empty
    assert find_hits(background, {}).empty


@pytest.mark.parametrize("p_value", [0, -1, 1.5])
def test_an_impossible_cut_is_refused(background, p_value):
    with pytest.raises(ValueError, match="p_value is"):
        find_hits(background, {"word": exact(WORD)}, p_value=p_value)


def test_jaspar_is_there_without_a_connection():
    motifs = jaspar_motifs()
    assert len(motifs) == 720
    for name in ("MA0139.2 CTCF", "MA0035.5 GATA1"):
        np.testing.assert_allclose(motifs[name].sum(axis=0), 1)
        assert motifs[name].shape[0] == 4


def test_gradient_times_input_picks_the_gradient_of_the_base_that_is_there(toy_model):
    gradient = np.arange(160.0).reshape(40, 4)
    toy_model.gradient = lambda codes, readout: gradient
    codes = encode("ACGT" * 9 + "NNNN")
    saliency = gradient_times_input(Predictor(toy_model), codes, "K562")
    np.testing.assert_allclose(saliency[:4], [0, 5, 10, 15])
    # N is a quarter of each base.
    np.testing.assert_allclose(saliency[36:], gradient[36:].mean(axis=1))


def test_a_piece_can_be_put_elsewhere():
    edit = piece(encode("ACGTACGT"), Tile(2, 4), at=5)
    assert (edit.start, edit.end, edit.codes.tolist()) == (5, 7, [2, 3])
