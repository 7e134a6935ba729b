"""Sources beyond the demo on the page: published results, real genes, data and models."""

import shutil
import sys
from pathlib import Path

import pytest

import creme_core as creme
from creme_core import downloads
from dashboard import data
from dashboard.catalogue import LOCUS_TESTS
from tests.dashboard.pages import labels, open_page, press, settle, shown_effects, shown_table, texts

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "published"
needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published results are not here")


@pytest.fixture
def published(model, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["app.py", "--published", str(PUBLISHED)])


@needs_published
def test_the_published_overview_has_the_paper_s_counts_and_every_locus(published):
    page = open_page(source="published")
    assert not page.error
    for count in ("482", "295", "318", "238", "143", "74", "222"):
        assert f"**{count}**" in texts(page)
    assert len(shown_table(page, "gene", "context")) == 600


@needs_published
def test_a_published_locus_is_drawn_without_any_model(published, model):
    page = open_page(source="published", gene="CHST11")
    assert not page.error
    assert model.calls == 0
    shown = shown_effects(page)
    assert len(shown) == 38
    assert shown["effect"].abs().max() > 0.1
    assert "no intervals" in texts(page)
    code = page.code[-1].value
    assert "source.result('necessity', 'CHST11', 'K562')" in code


@needs_published
def test_a_test_that_was_not_published_is_said_and_the_others_are_offered(published):
    page = open_page(source="published", gene="CHST11", test="multiplicity")
    assert "not among the published tables" in texts(page)
    press(page, "Context Dependence Test")
    assert "enhancing" in texts(page)


@needs_published
@pytest.mark.parametrize("test", LOCUS_TESTS)
@pytest.mark.parametrize("gene", ["CHST11", "METTL26", "ZNF799"])
def test_every_test_of_a_published_locus_is_drawn_or_said_to_be_absent(published, test, gene):
    page = open_page(source="published", gene=gene, test=test)
    assert not page.error
    absent = creme.open_source("published", path=PUBLISHED).tests(gene, "K562")[test]
    assert bool(page.code) == (absent is None)
    if absent is not None:
        assert absent in texts(page).replace("\\", "")


@needs_published
def test_a_cell_line_without_published_results_is_told(published):
    page = open_page(source="published", cell_line="GM12878")
    assert "no published results of the cell line `GM12878`" in texts(page)
    assert next(box for box in page.selectbox if box.label == "Cell line").value == "K562"


@needs_published
@pytest.mark.parametrize("kept", ["distance_test.csv", "K562_selected_contexts.csv", "track_list.csv"])
def test_one_published_table_alone_opens_the_page(model, monkeypatch, tmp_path, kept):
    """What is absent is told; nothing breaks."""
    (table,) = (path for path in PUBLISHED.rglob(kept) if "borzoi" not in path.parts)
    target = tmp_path / table.relative_to(PUBLISHED)
    target.parent.mkdir(parents=True)
    shutil.copy(table, target)
    monkeypatch.setattr(sys, "argv", ["app.py", "--published", str(tmp_path)])
    page = open_page(source="published")
    if kept == "track_list.csv":  # nothing rests on it
        assert "None of the published files" in page.error[0].value
        return
    assert not page.error
    assert any("published tables are not here" in expander.label for expander in page.expander)
    page = open_page(source="published", gene="CHST11")
    assert kept.startswith("K562") or page.error


@needs_published
def test_a_gene_that_was_not_published_is_one_sentence(published):
    page = open_page(source="published", gene="NOSUCHGENE")
    assert "NOSUCHGENE" in page.error[0].value
    assert "482" in texts(page)


def test_without_the_published_files_the_page_says_how_to_get_them(model):
    page = open_page(source="published")
    assert "data get published" in texts(page).replace("\\", "")
    next(box for box in page.selectbox if box.label == "Source").select("demo")
    settle(page)
    assert not page.error
    assert "What drives a gene" in texts(page)


def test_without_genes_the_human_genome_says_how_to_get_them(model):
    page = open_page(source="hg38")
    assert "data get gencode" in texts(page).replace("\\", "")


def test_the_data_page_lists_what_there_is_and_starts_a_download(model, monkeypatch):
    asked = []
    page = open_page("views/downloads.py")
    for item in downloads.CATALOGUE.values():
        assert item.title in texts(page).replace("\\", "")
    monkeypatch.setattr(data.transfers(), "_get", lambda name, on_progress, cancel: asked.append(name))
    next(button for button in page.button if button.key == "get gencode").click()
    settle(page)
    assert asked == ["gencode"]


def test_a_failed_download_is_said_on_the_data_page(model, monkeypatch):
    def fail(name, on_progress, cancel):
        raise OSError("There is no room on the disk: 2 GB are needed, 1 GB is free.")

    page = open_page("views/downloads.py")
    monkeypatch.setattr(data.transfers(), "_get", fail)
    next(button for button in page.button if button.key == "get enformer").click()
    settle(page)
    assert "no room on the disk" in page.error[0].value
    assert any(label in ("Get", "Go on") for label in labels(page))


def test_offline_nothing_can_be_started(model, monkeypatch):
    monkeypatch.setenv("CREME_OFFLINE", "1")
    page = open_page("views/downloads.py")
    assert "CREME_OFFLINE is set" in texts(page).replace("\\", "")
    assert next(button for button in page.button if button.key == "get gencode").disabled
