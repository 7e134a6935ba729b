"""What the vetting desk finds out about an element, off the page's thread, and the tests of whole lists."""

import threading

import numpy as np
import pandas as pd
import pytest

import creme_core as creme
from creme_core.locus import Locus
from creme_core.store import MemoryStore
from creme_core.vetting.element import Element
from creme_core.web import Offline
from dashboard import surroundings as around
from dashboard.background import Background
from dashboard.desk import Bench, gene_of
from dashboard.engine import Engine, NotStored
from dashboard.jobs import UNEXPECTED, Jobs
from dashboard.list_runs import ListRun, ListRuns
from dashboard.surroundings import overlapping, surroundings, view_of
from dashboard.tracks import OfferedTrack
from tests.dashboard.toy import ToyModel

PATIENCE = 30


@pytest.fixture(scope="module")
def demo():
    return creme.open_source("demo")


@pytest.fixture
def bench(demo):
    """A desk with a toy model, an empty store and nothing known."""
    return make_bench(demo, Engine(ToyModel(), MemoryStore(), Jobs()))


def make_bench(source, engine, **settings):
    return Bench(source, engine, Background(4), "me", "K562", shuffles=2, **settings)


def near(demo, offset=6000, size=600, gene="SOLO1", **more):
    row = demo.genes[demo.genes["gene"] == "SOLO1"].iloc[0]
    return Element(row["chrom"], row["tss"] + offset, row["tss"] + offset + size, gene, **more)


def run(bench, case, *tests):
    for test in tests:
        bench.engine.finish(bench.request(test, case), bench.session, threading.Event())


def test_what_was_never_run_is_missing_and_what_ended_is_found(demo, bench):
    element = near(demo)
    case = bench.case(element, PATIENCE)
    assert (case.missing, case.awaited) == (("necessity", "sufficiency", "distance"), ())
    assert bench.engine.model.calls == 0
    run(bench, case, "necessity")
    case = bench.case(element, PATIENCE)
    assert case.missing == ("sufficiency", "distance")
    headless = creme.necessity(creme.Predictor(ToyModel()), case.locus, shuffles=2).effects("K562")
    assert case.row("necessity")["effect"] == headless["effect"][headless["tile"] == case.place.number].iloc[0]


def test_stored_tests_are_found_without_a_run_and_without_the_model(demo, bench):
    element = near(demo)
    case = bench.case(element, PATIENCE)
    run(bench, case, *case.missing)
    later = make_bench(demo, Engine(ToyModel(), bench.engine.store, Jobs()))
    again = later.case(element, PATIENCE)
    assert again.missing == ()
    assert later.engine.model.calls == 0
    for test in case.tests:
        pd.testing.assert_frame_equal(again.effects(test), bench.case(element, PATIENCE).effects(test))
    assert again.context["call"] == bench.case(element, PATIENCE).context["call"]


def test_a_test_is_recalled_only_when_all_of_it_is_stored(demo, bench):
    case = bench.case(near(demo), PATIENCE)
    request = bench.request("necessity", case)
    predict = creme.Predictor(bench.engine.model, bench.engine.store)
    with pytest.raises(NotStored):
        bench.engine.recall(request)
    creme.necessity(predict, case.locus, shuffles=1)
    calls = bench.engine.model.calls
    with pytest.raises(NotStored):
        bench.engine.recall(request)
    creme.necessity(predict, case.locus, shuffles=2)
    asked = bench.engine.model.calls
    assert bench.engine.recall(request).effects("K562")["effect"].notna().all()
    assert bench.engine.model.calls == asked > calls


def test_a_window_that_takes_its_time_holds_nobody_up(demo, bench, monkeypatch):
    gate = threading.Event()
    real = type(demo).locus

    def slow(self, *arguments, **settings):
        assert gate.wait(PATIENCE)
        return real(self, *arguments, **settings)

    monkeypatch.setattr(type(demo), "locus", slow)
    assert bench.case(near(demo), 0.01) is None
    gate.set()
    assert bench.case(near(demo), PATIENCE).locus.gene == "SOLO1"


def test_an_unknown_gene_is_the_source_s_sentence(demo, bench):
    with pytest.raises(ValueError, match="NOSUCH"):
        bench.case(near(demo, gene="NOSUCH"), PATIENCE)


def test_without_a_gene_the_nearest_tss_is_taken_and_without_any_it_is_said(demo, bench):
    element = near(demo, gene="")
    assert bench.case(element, PATIENCE).guessed
    assert bench.case(element, PATIENCE).locus.gene == "SOLO1"
    with pytest.raises(ValueError, match="none on chrZ"):
        gene_of(Element("chrZ", 1, 2), demo.genes)


@pytest.mark.parametrize(("offset", "tests"), [(0, ("necessity", "sufficiency")), (500_000, ())])
def test_only_tests_that_say_something_are_asked_for(demo, bench, offset, tests):
    case = bench.case(near(demo, offset), PATIENCE)
    assert case.missing == case.tests == tests
    assert not case.movable


def test_the_element_s_own_cell_line_counts_where_it_is_known(demo, bench):
    assert bench.line_of(near(demo, cell_line="PC-3")) == "PC-3"
    assert bench.line_of(near(demo, cell_line="K562_chr22")) == "K562"


# -- surroundings --


def known(bench, element, tracks=(), source=None):
    case = bench.case(element, PATIENCE)
    return surroundings(case, source or bench.opened, tracks, bench.background, PATIENCE)


def demo_tracks(demo, line="K562"):
    mine = demo.signals[demo.signals["cell_line"] == line]
    return [OfferedTrack(row.assay, (str(row.path),), "") for row in mine.itertuples()]


def test_signals_motifs_and_promoters_around_an_element(demo, bench, monkeypatch):
    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)
    found = known(bench, near(demo, -200, 400), demo_tracks(demo)[:2])
    assert found.awaited == ()
    assert found.problems == ()
    assert list(found.signals.chromatin["track"]) == [lane.name for lane in found.signals.lanes]
    assert found.signals.chromatin["percentile"].between(0, 100).all()
    assert list(found.overlaps["kind"]) == ["promoter of the gene itself"]
    assert found.kinds == ("promoter of another gene",)
    assert found.motifs.empty


def test_a_track_that_fails_is_a_sentence_and_the_others_are_there(demo, bench, tmp_path, monkeypatch):
    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)
    missing = OfferedTrack("LOST", (str(tmp_path / "lost.bw"),), "")
    found = known(bench, near(demo), [missing, *demo_tracks(demo)[:1]])
    assert [lane.name for lane in found.signals.lanes] == [demo_tracks(demo)[0].name]
    assert "LOST" in found.problems[0]


@pytest.mark.parametrize("end", ["first", "last"])
def test_tiles_beyond_the_chromosome_do_not_take_the_signals_away(demo, monkeypatch, end):
    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)
    genes = demo.genes.sort_values("tss")
    edge = genes.iloc[0 if end == "first" else -1]
    tss, size = int(edge["tss"]), demo.chrom_sizes[edge["chrom"]]
    # A window that reaches four tiles further than the chromosome.
    length = 2 * (tss if end == "first" else size - tss) + 40_000
    wide = make_bench(demo, Engine(ToyModel(input_length=length), MemoryStore(), Jobs()))
    element = Element(edge["chrom"], tss + 6000, tss + 6400, edge["gene"])
    locus = wide.case(element, PATIENCE).locus
    assert locus.start < 0 or locus.end > size
    found = known(wide, element, demo_tracks(demo)[:1])
    assert found.problems == ()
    assert found.signals.chromatin["value"].notna().all()


def test_an_element_on_another_chromosome_has_no_picture(demo, bench, monkeypatch):
    case = bench.case(Element("chr2", 5, 500, "SOLO1"), PATIENCE)
    assert view_of(case, {"chr2": 10_000, "demo1": 3_000_000}) is None
    beyond = bench.case(Element("demo1", 2_000, 3_000, "SOLO1"), PATIENCE)
    assert view_of(beyond, {"demo1": 1_500}) is None
    start, end = view_of(bench.case(near(demo), PATIENCE), demo.chrom_sizes)
    assert start < case.locus.tss < end


def test_annotations_of_grch38_are_read_and_a_server_that_is_away_is_said(demo, bench, monkeypatch):
    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)
    monkeypatch.setattr(around, "is_grch38", lambda source: True)
    asked = []

    def read(name, chrom, start, end):
        asked.append(name)
        if name == "rmsk":
            raise Offline("UCSC's server can't be reached.")
        return pd.DataFrame(
            {"chrom": [chrom], "start": [start - 50], "end": [start + 100], "name": ["EH38E1"], "kind": ["dELS"]}
        )

    monkeypatch.setattr(around, "read_regions", read)
    found = known(bench, near(demo, 8000))
    assert found.overlaps[["kind", "name", "bp"]].values.tolist() == [["cCRE", "dELS", 100.0]]
    assert found.kinds == ("promoter of another gene", "cCRE")
    assert found.problems == ("repeats: UCSC's server can't be reached.",)
    known(bench, near(demo, 8000))
    assert sorted(asked) == ["ccres", "rmsk"]  # nobody is asked again


def test_overlaps_are_counted_in_bases():
    regions = pd.DataFrame({"chrom": ["c", "c", "d"], "start": [0, 8, 5], "end": [6, 30, 9], "name": ["a", "b", "x"]})
    found = overlapping(Element("c", 5, 10), regions, "k")
    assert found.values.tolist() == [["k", "b", 2.0], ["k", "a", 1.0]]


def test_motifs_are_looked_for_in_the_element_s_own_bases(demo, bench, monkeypatch):
    scanned = []
    monkeypatch.setattr(around, "find_hits", lambda codes: scanned.append(codes) or pd.DataFrame())
    element = near(demo)
    known(bench, element)
    text = demo.genome.fetch(element.chrom, element.start, element.end)
    assert "".join("ACGTN"[code] for code in scanned[0]) == text.upper()
    known(bench, near(demo, 5000, size=14_000))  # longer than the window: cut
    assert len(scanned) == 2
    monkeypatch.setattr(around, "LONGEST_SCAN", 100)
    assert known(bench, near(demo, 4000)).motifs is None


# -- lists --


def test_a_list_is_dealt_with_in_order_and_failures_are_named():
    def work(thing, _):
        if thing == 2:
            raise ValueError("no such gene")
        if thing == 3:
            raise KeyError("a mistake of ours")
        return thing * 10

    done = ListRun(4, lambda: [1, 2, 3, 4], work, name=lambda thing: f"thing {thing}")
    assert done.wait(PATIENCE)
    assert (done.done, done.failed, done.found) == (4, 2, [10, 40])
    assert done.problems == ["thing 2: no such gene", f"thing 3: {UNEXPECTED}"]
    assert not done.unfinished


def test_a_list_stops_at_once_and_what_was_broken_off_is_not_counted():
    begun, gate = threading.Event(), threading.Event()

    def work(thing, cancel):
        begun.set()
        assert gate.wait(PATIENCE)
        assert cancel.is_set()

    stopped = ListRun(2, lambda: [1, 2], work)
    assert begun.wait(PATIENCE)
    stopped.cancel()
    gate.set()
    assert stopped.wait(PATIENCE)
    assert (stopped.done, stopped.cancelled) == (0, True)


def test_a_list_that_can_t_be_read_says_so():
    def lost():
        raise ValueError("There is no worklist here.")

    run = ListRun(1, lost, lambda thing, cancel: None)
    assert run.wait(PATIENCE)
    assert run.error == "There is no worklist here."


def test_work_is_joined_while_it_goes_on_and_begun_anew_after():
    gate, runs = threading.Event(), ListRuns()

    def make():
        return ListRun(1, lambda: [1], lambda thing, cancel: gate.wait(PATIENCE) and None)

    first = runs.start(("list", "a"), make)
    assert runs.start(("list", "a"), make) is first is runs.get(("list", "a"))
    other = runs.start(("list", "b"), make)
    runs.cancel(lambda key: key[1] == "b")
    assert (first.cancelled, other.cancelled) == (False, True)
    gate.set()
    assert first.wait(PATIENCE)
    assert runs.start(("list", "a"), make) is not first


def test_a_stopped_list_leaves_the_run_that_somebody_else_wants_too(demo):
    gate = threading.Event()
    engine = Engine(ToyModel(gate=gate), MemoryStore(), Jobs())
    locus = Locus("G", "G", "c", 15_000, "+", 0, 30_000, np.arange(30_000, dtype=np.uint8) % 4)
    bench = make_bench(demo, engine)
    case = type("Case", (), {"locus": locus})
    request = bench.request("necessity", case)
    engine.start(request, "somebody else")
    assert engine.model.asked.wait(PATIENCE)
    cancel = threading.Event()
    cancel.set()
    assert engine.finish(request, "the list", cancel) is None  # does not wait for it
    assert engine.snapshot(request, "somebody else").unfinished
    gate.set()
    assert engine.jobs.wait(engine.key(request), PATIENCE).state == "done"
