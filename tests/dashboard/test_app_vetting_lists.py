"""Worklists on the vetting desk's page: from calls, from the paper, from files; taken along, brought back, compared."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from creme_core.vetting.decisions import Desk
from creme_core.vetting.exchange import export_json, export_tsv
from dashboard import data
from tests.dashboard.pages import PATIENCE, address_of, open_page, texts
from tests.dashboard.vetting_pages import VIEW, click, element, rest

SHARED = Path(__file__).parents[3] / "shared" / "data"
PUBLISHED, ABC = SHARED / "published", SHARED / "k562-chr22" / "abc-enhancer-predictions.tsv"
MOST_BASES = 17_250_000  # of chr22, which holds the first elements of that list


def lists_page(tab="New list", **params):
    page = open_page(VIEW, shuffles=2, **params)
    page.session_state[f"lists {bool(params.get('worklist'))}"] = True
    page.session_state["list tabs"] = tab
    return rest(page)


def bring(page, name, content):
    page.file_uploader[0].upload(name, content, "text/plain")
    return rest(page)


def keys(page):
    return [button.key for button in page.button]


def label(page, key):
    return next(button.label for button in page.button if button.key == key)


def listed(desk):
    """The newest list on the desk, as it is in the file."""
    lists = desk.worklists()
    return desk.elements(lists["worklist_id"].iloc[-1]), lists["name"].iloc[-1]


def test_the_calls_of_one_test_or_of_all_become_a_list(desk, model):
    for gene in ("SOLO1", "MINUS1"):
        page = open_page(gene=gene, shuffles=2)
        next(button for button in page.button if button.key == "run").click()
        rest(page)
    page = lists_page()
    assert next(box for box in page.selectbox if box.label == "Test").options[0] == "All 2 of these tests"
    click(page, "list of calls")
    elements, name = listed(desk)
    assert name == "All 2 of these tests, K562"
    assert set(elements["gene"]) == {"SOLO1", "MINUS1"}
    assert set(elements["kind"]) <= {"enhancer", "silencer"}
    assert f"has {len(elements)} elements" in page.success[0].value
    assert "Element **1**" in texts(page)


def test_every_gene_of_the_demo_makes_one_list(desk, model):
    page = lists_page()
    assert label(page, "run every gene") == "Run the Necessity Test of all 15 genes"
    next(button for button in page.button if button.key == "run every gene").click().run()
    run = next(iter(data.list_runs()._runs.values()))
    assert run.wait(PATIENCE)
    page = lists_page()  # another session finds it done
    assert "Done: 15 of 15 genes tested" in texts(page)
    click(page, "list of every gene")
    elements, name = listed(desk)
    assert name == "Every gene, necessity, K562"
    assert elements["gene"].nunique() > 5


def test_a_file_that_seems_to_count_from_1_is_asked_about_before_a_list_is_offered(desk, model):
    page = bring(lists_page("Bring a file"), "points.bed", b"demo1\t500\t500\nDemo1\t700\t700\ndemo1\t900\t950\n")
    assert not page.error
    assert "list of a file" not in keys(page)
    assert "answer one_based True" in keys(page)
    click(page, "answer one_based True")
    assert label(page, "list of a file") == "Make a list of its 2 elements"
    click(page, "list of a file")
    assert listed(desk)[0][["start", "end"]].values.tolist() == [[499, 500], [899, 950]]


def test_a_file_of_nothing_but_single_bases_has_a_question_and_no_list_yet(desk, model):
    page = bring(lists_page("Bring a file"), "points.bed", b"demo1\t500\t500\ndemo1\t900\t900\n")
    assert "list of a file" not in keys(page)
    click(page, "answer one_based True")
    assert label(page, "list of a file") == "Make a list of its 2 elements"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.bed", b"", "empty"),
        ("page.bed", b"<!doctype html><html></html>", "web page"),
        ("words.tsv", b"a\tb\tc\nx\ty\tz\n", "no list of elements"),
        ("export.json", b"{}", "JSON"),
        ("export.tsv", b"element_id\tchrom\n", "first line must name"),
    ],
)
def test_a_bad_file_is_a_sentence_and_the_page_lives(desk, model, name, content, words):
    page = bring(lists_page("Bring a file"), name, content)
    if "import" in keys(page):
        click(page, "import")
    assert words in " ".join(found.value for found in page.error).replace("\\", "")
    assert desk.worklists().empty
    assert "list of a file" not in keys(page)


def test_a_file_of_another_genome_leaves_nothing_to_make_a_list_of(desk, model):
    page = bring(lists_page("Bring a file"), "other.bed", b"chr22\t5\t50\nchr22\t70\t90\n")
    assert "list of a file" not in keys(page)
    assert "chr22" in (texts(page) + " ".join(found.value for found in page.error))


def test_names_of_strangers_are_shown_as_they_are(desk, model):
    table = b"chrom\tstart\tend\tgene\tname\ndemo1\t116000\t116600\tSOLO1\t=cmd|'!A0 <img src=x> **b**\n"
    page = bring(lists_page("Bring a file"), "<b>*x*.tsv", table)
    click(page, "list of a file")
    shown = " ".join(found.value for kind in (page.markdown, page.caption, page.success) for found in kind)
    assert "\\<img src\\=x\\>" in shown or "\\<img src=x\\>" in shown
    assert "<img" not in shown.replace("\\<img", "")
    assert "**b**" not in shown
    assert listed(desk)[0]["name"].iloc[0] == "=cmd|'!A0 <img src=x> **b**"


def test_a_file_is_read_once_however_often_the_page_is_drawn(desk, model, monkeypatch):
    from dashboard.views import vetting_lists

    read, real = [], vetting_lists.read_worklist
    monkeypatch.setattr(vetting_lists, "read_worklist", lambda *a, **k: read.append(1) or real(*a, **k))
    page = bring(lists_page("Bring a file"), "mine.bed", b"demo1\t5\t50\n")
    rest(page)
    assert len(read) == 1


def test_what_was_taken_along_comes_back_and_decisions_join(desk, model, tmp_path):
    with Desk(tmp_path / "elsewhere.sqlite") as elsewhere:
        there = elsewhere.add_worklist("from elsewhere", [element(), element(-9000)])
        elsewhere.decide(there, element().element_id, "Bea", "silencer", "quiet & <b>dark</b>")
        content, table = export_json(elsewhere, there), export_tsv(elsewhere, there)
    page = bring(lists_page("Bring a file", reviewer="Ada"), "taken.json", content)
    click(page, "import")
    assert address_of(page)["worklist"] == there
    assert "1 decision" in page.success[0].value
    assert "Bea: **silencer**. quiet \\& \\<b\\>dark" in texts(page)
    page = bring(lists_page("Bring a file", worklist=there), "taken.tsv", table)
    page.radio[0].set_value(there)
    click(rest(page), "import")
    assert len(desk.worklists()) == 1
    page = bring(lists_page("Bring a file", worklist=there), "taken.tsv", table)
    click(page, "import")
    assert listed(desk)[1] == "taken.tsv"


def test_agreement_names_where_two_reviewers_differ(desk, model):
    mine = desk.add_worklist("mine", [element(), element(-9000)])
    for one, first, second in ((element(), "enhancer", "enhancer"), (element(-9000), "enhancer", "neither")):
        desk.decide(mine, one.element_id, "Ada", first)
        desk.decide(mine, one.element_id, "Bea", second)
    page = lists_page("Agreement", worklist=mine)
    assert "decided 2 elements both, 1 of them alike" in texts(page)
    differ = page.dataframe[-1].value
    assert differ.values.tolist() == [[element(-9000).label, "enhancer", "neither"]]


def test_what_is_taken_along_says_with_which_settings(desk, model):
    mine = desk.add_worklist("mine", [element()])
    page = lists_page("Take along", worklist=mine, reviewer="Ada", seed=3)
    assert not page.exception
    downloads = page.get("download_button")
    assert [found.proto.label for found in downloads] == ["Everybody's (JSON)", "Everybody's (TSV)", "Mine (BED9)"]
    whole = json.loads(export_json(desk, mine, provenance={"seed": 3}))
    assert whole["provenance"]["seed"] == 3


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published results are not here")
def test_the_paper_s_cres_become_a_list_that_is_judged_without_a_model(model, monkeypatch, request):
    monkeypatch.setenv("CREME_OFFLINE", "1")
    monkeypatch.setattr(sys, "argv", ["app.py", "--published", str(PUBLISHED)])
    desk = request.getfixturevalue("desk")  # reads the command line
    page = lists_page(source="published")
    click(page, "list of CREs")
    elements, name = listed(desk)
    assert name == "Published CREs, K562"
    assert len(elements) > 50
    assert not page.error
    assert "With the tile beside the TSS tile" in texts(page)
    assert model.calls == 0
    page = rest(page)
    told = texts(page).replace("\\", "")
    assert "CREME_OFFLINE" in told  # signals and annotations can't be had: said, and nothing waits
    assert "Still being read" not in told
    assert next(metric.value for metric in page.metric if metric.label == "Context") == "enhancing"


@pytest.mark.skipif(not ABC.is_file(), reason="the list of K562 enhancers is not here")
def test_a_real_list_goes_on_over_genes_that_the_source_does_not_have(model, monkeypatch, tmp_path, request):
    bases = np.random.default_rng(0).integers(0, 4, 20_000)
    line = "".join("ACGT"[base] for base in bases)
    with open(tmp_path / "chr22.fa", "w") as file:
        file.write(">chr22\n")
        file.writelines([line + "\n"] * (MOST_BASES // len(line)))
    (tmp_path / "genes.tsv").write_text("gene\tgene_id\tchrom\ttss\tstrand\nCCT8L2\tENSG1\tchr22\t16592810\t-\n")
    argv = ["app.py", "--fasta", str(tmp_path / "chr22.fa"), "--genes", str(tmp_path / "genes.tsv")]
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setenv("CREME_OFFLINE", "1")
    desk = request.getfixturevalue("desk")  # reads the command line
    page = lists_page("Bring a file", source="fasta")
    assert not page.error, [e.value for e in page.error]
    page = bring(page, ABC.name, ABC.read_bytes())
    click(page, "list of a file")
    elements, _ = listed(desk)
    genes = elements["gene"].tolist()
    assert genes[0] == "CCT8L2"
    assert not page.error
    assert "K562_chr22 is not known here; judged in K562" in texts(page).replace("\\", "")
    absent = elements["element_id"].iloc[next(place for place, gene in enumerate(genes) if gene != "CCT8L2")]
    mine = address_of(page)["worklist"]
    page = rest(open_page(VIEW, source="fasta", worklist=mine, element=absent, reviewer="Ada", shuffles=2))
    assert "No gene" in page.error[0].value
    click(page, "decide unsure")
    assert desk.progress(mine, "Ada").done == 1
    click(page, "next")
    assert address_of(page)["element"] != absent
