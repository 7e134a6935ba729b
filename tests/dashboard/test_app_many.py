"""Chromatin of many: the calls of many loci, and the paper's elements."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import creme_core as creme
from creme_core.effects import ENFORMER_CUTOFFS
from creme_core.signals.bigwig import read_signal
from creme_core.signals.characterise import compare
from dashboard import data, many
from dashboard.tracks import OfferedTrack
from tests.dashboard.pages import expected, labels, open_page, press, settle, shown_table, texts

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "published"
PAGE = "views/characterise.py"
PATIENCE = 30


def read_out(page):
    """Wait for what the page reads in the background, then draw it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not any(run.unfinished for run in data.runs().values()):
            return settle(page)
        time.sleep(0.02)
    raise AssertionError("the reading did not end")


def figures(page):
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


@pytest.fixture
def calling(model):
    """A toy that calls nearly every tile."""
    model.cutoffs = replace(ENFORMER_CUTOFFS, enhancer=1e-4, silencer=-1e-4)
    return model


def test_the_calls_of_every_demo_gene_are_put_together(calling):
    page = open_page(PAGE, shuffles=2)
    assert "No Necessity Test has been run yet" in texts(page)
    (label,) = [label for label in labels(page) if label.startswith("Run the Necessity Test")]
    press(page, label)
    read_out(page)
    source = creme.open_source("demo")
    genes = list(source.genes["gene"])
    calls = pd.concat([expected(calling, gene, "K562", shuffles=2).assign(gene=gene) for gene in genes])
    counts = [(calls["effect"] > 1e-4).sum(), (calls["effect"] < -1e-4).sum()]
    assert f"**{counts[0]:,} enhancers and {counts[1]:,} silencers**" in texts(page)
    shown = shown_table(page, "track", "stars")
    assert shown["track"].tolist() == ["DNase", "H3K27ac", "H3K4me3", "H3K9me3"]
    assert shown["n_enhancers"].tolist() == [counts[0]] * 4
    # The same numbers, read tile by tile.
    path = source.signals.query("cell_line == 'K562' and assay == 'H3K27ac'")["path"].item()
    groups = [
        pd.DataFrame({"H3K27ac": [read_signal(path, r.chrom, r.genome_start, r.genome_end, 1)[0] for r in part]})
        for part in (
            list(calls[calls["effect"] > 1e-4].itertuples()),
            list(calls[calls["effect"] < -1e-4].itertuples()),
        )
    ]
    want = compare(*groups)
    row = shown[shown["track"] == "H3K27ac"].iloc[0]
    assert row["log_ratio"] == pytest.approx(want["log_ratio"].item(), rel=1e-5)
    assert row["p"] == pytest.approx(want["p"].item())
    assert len(figures(page)) == 5  # distances, overlaps, marks, factors, volcano
    assert "Run the" not in " ".join(labels(page))
    # Another cell line asks the model nothing and reads its own signals.
    asked = calling.calls
    next(box for box in page.selectbox if box.label == "Cell line").select("PC-3")
    settle(page)
    read_out(page)
    assert calling.calls == asked
    assert "in PC\\-3" in texts(page)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published results are not here")
def test_the_paper_s_elements_and_factors_need_no_server(model, monkeypatch, server):
    monkeypatch.setenv("CREME_OFFLINE", "1")
    monkeypatch.setattr(sys, "argv", ["app.py", "--published", str(PUBLISHED)])
    page = read_out(open_page(PAGE, source="published"))
    said = texts(page)
    assert "**74 enhancers and 222 silencers** in K562" in said
    assert "Bonferroni" in said
    assert model.calls == 0
    factors = shown_table(page, "track", "pvalue")
    assert len(factors) == 524
    volcano = figures(page)[-1]
    assert len(volcano["data"][0]["hovertext"]) == 524
    assert "Bonferroni" in volcano["layout"]["yaxis"]["title"]["text"]
    assert "Not looked up: cCREs and repeats" in said
    press(page, "Read 11 tracks over 296 tiles")
    read_out(page)
    assert len([warning for warning in page.warning if "CREME" in warning.value]) == 11
    assert server.requests == []


def test_annotations_that_are_here_are_looked_up_by_class(monkeypatch):
    elements = pd.DataFrame({"chrom": "chr1", "start": [0, 5000], "end": [5000, 10_000], "kind": many.KINDS})
    genes = pd.DataFrame({"chrom": ["chr1"], "tss": [9000], "strand": ["+"]})

    def read(name, chrom, start, end):
        if name == "ccres":
            raise ValueError("The file is damaged.")
        return pd.DataFrame({"chrom": chrom, "start": [start], "end": [start + 10], "kind": ["LINE"]})

    monkeypatch.setattr(many, "read_regions", read)
    run = many.OverlapRun(elements, genes, ("ccres", "rmsk"))
    run._thread.join(PATIENCE)
    assert run.problems == ["ccres: The file is damaged."]
    shares = run.table.set_index(["region", "class", "kind"])["share"]
    assert shares["Promoters", "", "silencer"] == 1
    assert shares["Promoters", "", "enhancer"] == 0
    assert shares["Repeats", "LINE"].tolist() == [1, 1]


class Slow(OfferedTrack):
    """A track that waits and counts."""

    asked = 0

    def read(self, chrom, start, end, bins, statistic):
        type(self).asked += 1
        time.sleep(0.02)
        if self.name == "bad":
            raise OSError("The server is away.")
        return np.full(bins, float(start))


def test_reading_many_tells_how_far_it_is_stops_and_keeps_what_was_whole():
    elements = pd.DataFrame({"chrom": "chr1", "start": np.arange(50) * 1000, "end": np.arange(50) * 1000 + 500})
    run = many.SignalRun(elements, [Slow("a", ("x",), ""), Slow("bad", ("x",), "")], {"chr1": 10**6})
    run._thread.join(PATIENCE)
    assert run.table["a"].tolist() == (np.arange(50) * 1000.0).tolist()
    assert run.problems == ["bad: The server is away."]
    assert run.done == 50
    Slow.asked = 0
    run = many.SignalRun(elements, [Slow(name, ("x",), "") for name in "abcdefgh"], {"chr1": 10**6})
    time.sleep(0.1)
    assert run.unfinished
    assert 0 < run.done < run.total == 400
    run.cancel()
    run._thread.join(PATIENCE)
    assert Slow.asked < 200
    assert run.problems == []


def test_old_runs_are_stopped_and_dropped(monkeypatch):
    monkeypatch.setattr(many, "KEPT_RUNS", 1)
    elements = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [5]})
    runs = many.Runs()
    first = runs["a"] = many.SignalRun(elements, [Slow("a", ("x",), "")], {})
    runs["b"] = many.SignalRun(elements, [], {})
    assert list(runs) == ["b"]
    assert first.cancelled


def test_a_tile_called_twice_is_listed_once(make_necessity):
    result = make_necessity(np.array([[2.0, 3.0], [9.0, 10.0], [15.0, 14.0]]))
    table = many.called_tiles([result, result], "K562")
    assert list(table.columns) == many.COLUMNS
    assert table["kind"].tolist() == ["enhancer", "silencer"]
    assert (table["end"] - table["start"] == 10).all()
    assert many.called_tiles([], "K562").empty
