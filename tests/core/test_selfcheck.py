"""The self-check's verdicts, on the demo model and on made-up published values."""

import numpy as np
import pandas as pd
import pytest

import creme_core as creme
from creme_core import selfcheck
from creme_core.mutant import Background, Mutant


@pytest.fixture(scope="module")
def demo():
    source, model = creme.open_source("demo"), creme.load_model("demo")
    loci = source.genes.head(4).assign(cell_line="K562")
    windows = [
        source.locus(f"{row.chrom}:{row.tss + 1}:{row.strand}", length=model.input_length, convention="paper")
        for row in loci.itertuples()
    ]
    activity = model.tss_activity([Mutant(Background(window.codes)) for window in windows])
    return source, model, loci.assign(wild_type=activity[:, 0], tss_base=loci["tss"])


def test_predictions_equal_to_the_published_ones_agree(demo):
    source, model, loci = demo
    table = selfcheck.compare(creme.Predictor(model), source, loci, genes=4)
    assert list(table["gene"].sort_values()) == sorted(loci["gene"])
    assert table["relative_difference"].max() < 1e-5
    finding = selfcheck.judge(table)
    assert finding.verdict == "ok"
    assert "4 loci" in finding.told


def test_windows_one_base_off_do_not_agree_exactly(demo):
    source, model, loci = demo
    shifted = loci.assign(tss_base=loci["tss_base"] + 1)
    table = selfcheck.compare(creme.Predictor(model), source, shifted, genes=4)
    assert table["relative_difference"].max() > 1e-4


@pytest.mark.parametrize(
    ("predicted", "verdict"),
    [([1.0, 2.0, 3.01], "ok"), ([1.0, 2.0, 3.3], "wrong"), ([2.0, 1.0, 3.0], "wrong"), ([1.0, np.nan, 3.0], "wrong")],
)
def test_the_verdict_follows_the_numbers(predicted, verdict):
    published = np.array([1.0, 2.0, 3.0])
    table = pd.DataFrame({"gene": ["A", "B", "C"], "published": published, "predicted": predicted})
    table["relative_difference"] = (table["predicted"] - published).abs() / published
    assert selfcheck.judge(table).verdict == verdict


def test_two_loci_are_no_verdict():
    table = pd.DataFrame({"gene": ["A", "B"], "published": [1, 2], "predicted": [1, 2], "relative_difference": [0, 0]})
    assert selfcheck.judge(table).verdict == "note"


def test_incremental_inference_is_compared_with_a_whole_pass(demo, monkeypatch):
    _, model, _ = demo
    finding = selfcheck.exactness(model)
    assert finding.verdict == "ok"
    assert "Equal to" in finding.told
    whole = model.plain_tss_activity
    monkeypatch.setattr(model, "plain_tss_activity", lambda mutants: whole(mutants) * 1.01, raising=False)
    assert selfcheck.exactness(model).verdict == "wrong"


def test_a_model_without_whole_passes_has_nothing_to_compare():
    class Whole:
        name = "whole"

    assert selfcheck.exactness(Whole()).verdict == "ok"


def test_the_demo_is_checked_without_any_download():
    report = selfcheck.check("demo")
    assert report.verdict == "note"
    told = {finding.name: finding.told for finding in report.findings}
    assert "fingerprint" in told["Model"]
    assert "none to compare" in told["Published values"]
    assert report.genes.empty


def test_a_model_that_is_not_here_is_a_note_and_no_crash():
    report = selfcheck.check("enformer")
    assert report.findings[-1].name == "Model"
    assert "data get enformer" in report.findings[-1].told
