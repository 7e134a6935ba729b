import numpy as np
import pandas as pd
import pytest

from creme_core.experiments import (
    context,
    distance,
    fine_tile,
    interaction,
    multiplicity,
    necessity,
    set_sufficiency,
    sufficiency,
)
from creme_core.predictor import Predictor

RUNS = {
    necessity.NecessityResult: (necessity.run, {}),
    context.ContextResult: (context.run, {}),
    sufficiency.SufficiencyResult: (sufficiency.run, {}),
    distance.DistanceResult: (distance.run, {"cre": (5, 15)}),
    set_sufficiency.SetSufficiencyResult: (set_sufficiency.run, {"tiles": [(25, 35), (5, 15)]}),
    interaction.InteractionResult: (interaction.run, {"readout": "K562"}),
    multiplicity.MultiplicityResult: (multiplicity.run, {"cre": (5, 15), "readout": 3, "copies": 2}),
    fine_tile.FineTileResult: (
        fine_tile.run,
        {"cre": (5, 15), "readout": "PC-3", "coarse": 10, "fine": 10, "baselines": False},
    ),
}


@pytest.mark.parametrize("kind", RUNS, ids=lambda kind: kind.test)
def test_a_result_is_read_back_as_it_was_saved(kind, toy_model, toy_locus, tmp_path):
    run, settings = RUNS[kind]
    result = run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2, seed=3, **settings)
    again = kind.load(result.save(tmp_path / "r.npz"))
    pd.testing.assert_frame_equal(result.effects("GM12878"), again.effects("GM12878"))
    assert again.settings == result.settings
    assert again.provenance == result.provenance
    assert (again.locus.name, again.locus.digest, again.locus.notes) == (
        toy_locus.name, toy_locus.digest, toy_locus.notes,
    )  # fmt: skip
    pd.testing.assert_frame_equal(result.tracks, again.tracks)


def test_the_result_of_another_test_is_refused(toy_model, toy_locus, tmp_path):
    path = context.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2).save(tmp_path / "r.npz")
    with pytest.raises(ValueError, match="'context_dependence', not of 'necessity'"):
        necessity.NecessityResult.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip", b"no zip at all"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "r.npz").write_bytes(content)
    with pytest.raises(ValueError, match="not a saved result"):
        necessity.NecessityResult.load(tmp_path / "r.npz")
    with pytest.raises(ValueError, match="not a saved result"):
        necessity.NecessityResult.load(tmp_path / "absent.npz")


def test_a_file_with_pickles_inside_is_refused(tmp_path):
    with (tmp_path / "r.npz").open("wb") as file:
        np.savez(file, header=np.array([{"test": "necessity"}], dtype=object))
    with pytest.raises(ValueError, match="not a saved result"):
        necessity.NecessityResult.load(tmp_path / "r.npz")


def test_a_name_that_is_no_npz_is_refused(toy_model, toy_locus, tmp_path):
    result = context.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2)
    with pytest.raises(ValueError, match=r"saved as a \.npz file"):
        result.save(tmp_path / "r.json")
