import numpy as np
import pytest

from creme_core.experiments import multiplicity
from creme_core.locus import Locus
from creme_core.predictor import Predictor


@pytest.fixture
def locus():
    codes = np.random.default_rng(13).integers(0, 4, 70).astype(np.uint8)
    return Locus("G", "G", "chrT", 135, "+", 100, 170, codes)


@pytest.fixture
def dosage(scripted_model, locus):
    """Each place with the CRE (40..50) adds what the place is worth, up to 30: the response saturates."""
    worth = {0: 1.0, 10: 2.0, 20: 8.0, 40: 10.0, 50: 9.0, 60: 3.0}
    cre = locus.codes[40:50]

    def activity(codes):
        return min(10 + sum(w for start, w in worth.items() if (codes[start : start + 10] == cre).all()), 30)

    return Predictor(scripted_model(70, activity))


def test_copies_go_where_they_do_most_until_nothing_more_happens(dosage, locus):
    """CONTROL has the CRE at its own place: 20 (the paper's example of 20 over 10 is in the effects' tests)."""
    result = multiplicity.run(dosage, locus, cre=(40, 50), readout="K562", copies=4, tile_size=10, shuffles=2)
    table = result.effects()
    assert table["copies"].tolist() == [1, 2, 3, 4]
    assert table["start"].tolist()[:2] == [40, 50]
    np.testing.assert_allclose(table["fold_over_control"], [1, 29 / 20, 1.5, 1.5])


def test_silencers_go_where_activity_is_lowest(dosage, locus):
    result = multiplicity.run(
        dosage, locus, cre=(40, 50), readout="K562", search="silencer", copies=2, tile_size=10, shuffles=2
    )
    assert result.effects()["start"].tolist() == [0, 10]


def test_axes_are_copies_by_shuffles_by_tracks(dosage, locus):
    result = multiplicity.run(dosage, locus, cre=(40, 50), readout="K562", copies=4, tile_size=10, shuffles=3)
    assert result.mutant_activity.shape == (4, 3, 5)
    assert result.control_activity.shape == result.tss_activity.shape == (3, 5)


def test_more_copies_than_places_are_refused(dosage, locus):
    with pytest.raises(ValueError, match="copies is 7, but there are 6 places"):
        multiplicity.run(dosage, locus, cre=(40, 50), readout="K562", copies=7, tile_size=10)
