"""Each model's own cut-offs decide its classes, without anybody passing them on."""

import numpy as np

from creme_core.effects import BORZOI_CUTOFFS
from creme_core.experiments import context, necessity, sufficiency
from creme_core.predictor import Predictor


def test_a_result_takes_the_cutoffs_of_its_model(toy_model, toy_locus, monkeypatch, tmp_path):
    plain = necessity.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2)
    assert plain.cutoffs.silencer == -0.3
    monkeypatch.setattr(toy_model, "cutoffs", BORZOI_CUTOFFS, raising=False)
    result = sufficiency.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2)
    assert result.cutoffs == BORZOI_CUTOFFS
    result.save(tmp_path / "result.npz")
    assert type(result).load(tmp_path / "result.npz").cutoffs == BORZOI_CUTOFFS


def test_the_class_follows_the_model_s_cutoffs(toy_model, toy_locus, monkeypatch):
    monkeypatch.setattr(toy_model, "cutoffs", BORZOI_CUTOFFS, raising=False)
    result = context.run(Predictor(toy_model), toy_locus, tile_size=10, shuffles=2)
    wild_type = np.full_like(result.wild_type_activity, 10)
    # An effect of 0.92 is enhancing for Borzoi (above 0.9) and not for Enformer (above 0.95).
    made = context.ContextResult(
        toy_locus,
        result.settings,
        result.tracks,
        result.provenance,
        wild_type,
        np.full_like(result.mutant_activity, 0.8),
    )
    readout = 0
    assert made.effects(readout)["call"].iloc[0] == "enhancing"
    plain = context.ContextResult(
        toy_locus, result.settings, result.tracks, {}, wild_type, np.full_like(result.mutant_activity, 0.8)
    )
    assert plain.effects(readout)["call"].iloc[0] == "unclassified"
