import numpy as np
import pytest

from creme_core.experiments import fine_tile
from creme_core.locus import Locus
from creme_core.predictor import Predictor


@pytest.fixture
def locus():
    """1,200 bp: with tiles of 400 the TSS tile is 400..800; the CRE is 0..400, its cores at 130..150 and 270..280."""
    codes = np.random.default_rng(2).integers(0, 4, 1200).astype(np.uint8)
    return Locus("G", "G", "chrT", 700, "+", 100, 1300, codes)


@pytest.fixture
def two_cores(scripted_model, locus):
    """The CRE works through two cores: 60 and 30 of 100, and 10 of the TSS tile alone."""

    def activity(codes):
        first = (codes[130:150] == locus.codes[130:150]).all()
        second = (codes[270:280] == locus.codes[270:280]).all()
        return 10.0 + 60 * first + 30 * second

    model = scripted_model(1200, activity)
    # All the gradient is where the first core is: saliency finds that one and then goes by position.
    gradient = np.zeros((1200, 4))
    gradient[130:150] = 1
    model.gradient = lambda codes, readout: gradient
    return Predictor(model)


def search(predict, locus, **settings):
    return fine_tile.run(
        predict, locus, **({"cre": (0, 400), "readout": "K562", "coarse": 40, "fine": 10, "tile_size": 400,
                            "shuffles": 2, "step": 2, "motifs": {}} | settings)
    )  # fmt: skip


def test_what_is_not_needed_is_pruned_until_the_thresholds(two_cores, locus):
    """Coarse, above 0.9: all but 120..160 and 240..280 go. Fine, above 0.69: the second core may go too (0.7)."""
    result = search(two_cores, locus, fine_threshold=0.69, step=1)
    coarse = result.effects().query("stage == 40")
    assert coarse["bases"].iloc[-1] == 80
    assert coarse["recovered"].iloc[-1] == 1
    assert result.kept.tolist() == [[130, 140], [140, 150]]
    assert result.effects().query("stage == 10")["recovered"].iloc[-1] == pytest.approx(0.7)


def test_a_step_below_the_threshold_is_undone(two_cores, locus):
    result = search(two_cores, locus, fine_threshold=0.71, step=1)
    assert result.kept.tolist() == [[130, 140], [140, 150], [270, 280]]
    assert result.effects().query("method == 'search'")["recovered"].min() == 1


def test_steps_of_several_pieces_prune_by_their_independent_effects(two_cores, locus):
    table = search(two_cores, locus, step=2).effects().query("stage == 10")
    assert np.diff([80, *table["bases"]]).tolist() == [-20] * len(table)


def test_the_curve_starts_with_the_whole_cre(two_cores, locus):
    first = search(two_cores, locus).effects().iloc[0]
    assert first[["method", "stage", "bases", "recovered"]].tolist() == ["search", 0, 400, 1.0]


def test_baselines_recover_what_their_bases_do(two_cores, locus, monkeypatch):
    monkeypatch.setattr("creme_core.experiments.fine_tile_baselines.SALIENCY_STEP", 100)
    result = search(two_cores, locus, fine_threshold=0.71, step=1)
    saliency = result.effects().query("method == 'saliency'").set_index("bases")["recovered"]
    # 30 is what the search kept; the first core is salient, the second (270..280) comes with the first 300 bases.
    assert saliency.to_dict() == {30: 0.7, 100: 0.7, 200: 0.7, 300: 1.0, 400: 1.0}
    random = result.effects().query("method == 'random'").set_index("bases")["recovered"]
    assert random[30] == pytest.approx(0.1)
    assert random[400] == 1
    motifs = result.effects().query("method == 'motifs'")
    assert motifs[["bases", "recovered"]].values.tolist() == [[0, pytest.approx(0.1)]]


def test_without_baselines_there_are_none(two_cores, locus):
    result = search(two_cores, locus, baselines=False)
    assert set(result.effects()["method"]) == {"search"}


def test_a_silencer_is_recovered_while_activity_stays_low(scripted_model, locus):
    def activity(codes):
        return 10.0 if (codes[130:150] == locus.codes[130:150]).all() else 40.0

    result = search(Predictor(scripted_model(1200, activity)), locus, search="silencer", baselines=False, step=1)
    assert result.kept.tolist() == [[130, 140], [140, 150]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coarse": 45}, "coarse must be a multiple of fine"),
        ({"fine_threshold": 1.5}, "fine_threshold is 1.5; it must be between 0 and 1"),
        ({"step": 0}, "step is 0; it must be 1 or more"),
        ({"cre": (300, 500)}, "overlaps the TSS tile"),
    ],
)
def test_settings_out_of_range_are_refused(two_cores, locus, settings, message):
    with pytest.raises(ValueError, match=message):
        search(two_cores, locus, **settings)


def test_when_nothing_is_needed_nothing_is_kept(scripted_model, locus):
    result = search(Predictor(scripted_model(1200, lambda codes: 10.0)), locus, baselines=False)
    assert result.kept.shape == (0, 2)
    assert result.pieces().empty
    assert result.effects().iloc[-1][["bases", "recovered"]].tolist() == [0, 1]
