"""The human genome on the page: real sequence of chr2 served as UCSC and Ensembl do, a GENCODE sample, a toy model."""

import gzip
import sys
import threading
import time

import pytest
import streamlit as st

import creme_core as creme
from creme_core import downloads, remote_genome
from dashboard import data
from tests.core import public_servers
from tests.dashboard.pages import (
    address_of,
    choose,
    finish,
    labels,
    metrics,
    open_page,
    press,
    settle,
    shown_effects,
    texts,
)
from tests.dashboard.toy import ToyModel
from tests.faulty_server import Status

ALT = "chr2:264873:+"

pytestmark = pytest.mark.skipif(not public_servers.CHR2.is_file(), reason="the real sequence is not here")


@pytest.fixture
def genes_here(model):
    """GENCODE is downloaded."""
    downloads.folder("gencode").mkdir(parents=True)
    (downloads.folder("gencode") / public_servers.GENCODE).write_bytes(public_servers.gencode_sample())


@pytest.fixture
def hg38(genes_here, mirror):
    """The services have chr2."""
    public_servers.serve_chr2(mirror)
    return mirror


def said(page):
    """The page's words without Markdown's escapes."""
    return texts(page).replace("\\", "")


def box(page, label):
    return next(box for box in page.selectbox if box.label.startswith(label))


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("ACP1", "ACP1  :gray[TSS chr2:264,926 (1-based) · + strand"),
        ("acp1", "ACP1  :gray[TSS chr2:264,926"),
        ("HAAP", "ACP1  :gray[TSS chr2:264,926"),
        ("ENSG00000143727", "ACP1  :gray[TSS chr2:264,926"),
        ("ENSG00000143727.17", "ACP1  :gray[TSS chr2:264,926"),
        ("ENST00000484464", "ACP1  :gray[TSS chr2:272,000"),
        ("chr2:264,810:-", "SH3YL1  :gray[TSS chr2:264,810 (1-based) · − strand"),
        ("chr2:300001:+", "chr2:300001:+  :gray[TSS chr2:300,001"),
    ],
)
def test_a_gene_is_found_by_what_people_type(hg38, typed, title):
    page = open_page(source="hg38", gene=typed)
    assert not page.error
    assert f"### {title}" in said(page)
    assert "GRCh38 (fetched window by window from UCSC or Ensembl)" in said(page)


def test_every_tss_of_a_gene_can_be_chosen_and_the_name_stays(hg38):
    page = open_page(source="hg38", gene="ACP1")
    tss = box(page, "TSS, one of 3")
    assert tss.value == "chr2:264926:+"
    assert [option.split(" · ")[0] for option in tss.options] == [
        "chr2:264,926 +",
        "chr2:264,873 +",
        "chr2:272,000 +",
    ]
    choose(page, "TSS, one of 3", ALT)
    assert "### ACP1  :gray[TSS chr2:264,873" in said(page)
    assert address_of(page)["tss"] == ALT
    again = open_page(**address_of(page))
    assert "### ACP1  :gray[TSS chr2:264,873" in said(again)
    assert box(again, "TSS, one of 3").value == ALT
    choose(again, "TSS, one of 3", "chr2:264926:+")
    assert "tss" not in address_of(again)


@pytest.mark.parametrize("typed", ["chr2:272000:+", "ENST00000484464.2"])
def test_the_tss_that_was_typed_is_the_one_in_the_box(hg38, typed):
    page = open_page(source="hg38", gene=typed)
    assert box(page, "TSS, one of 3").value == "chr2:272000:+"
    assert "TSS chr2:272,000" in said(page)


def test_a_tss_of_another_gene_in_the_link_is_not_taken(hg38):
    page = open_page(source="hg38", gene="ACP1", tss="chr2:264810:-")
    assert "### ACP1  :gray[TSS chr2:264,926" in said(page)
    assert "tss" not in address_of(page)


def test_a_run_on_real_sequence_says_what_the_library_says(hg38):
    page = open_page(source="hg38", gene="ACP1", tss=ALT, cell_line="K562", shuffles=2)
    press(page, "Run the Necessity Test")
    toy = ToyModel()
    source = creme.open_source(public_servers.CHR2, genes=public_servers.SHARED / "grch38" / "gene-bounds.hg38.bed")
    locus = source.locus(ALT, length=toy.input_length)
    expected = creme.necessity(creme.Predictor(toy), locus, shuffles=2).effects("K562")
    assert shown_effects(page)["effect"].tolist() == pytest.approx(expected["effect"].tolist())
    code = page.code[-1].value
    assert "creme.open_source('hg38')" in code
    assert f"source.locus('{ALT}', length=model.input_length)" in code
    assert "creme.load_model('enformer')" in code


@pytest.mark.parametrize(
    ("typed", "sentence", "offered"),
    [
        ("ACP", "No gene 'ACP' in this source; nearest are ACP1", "ACP1"),
        ("chr2:264,000", "'chr2:264,000' is not a position", "SH3YL1"),
        ("ENSG000001437", "No gene 'ENSG000001437'", "ACP1"),
    ],
)
def test_what_is_no_gene_is_one_sentence_with_the_genes_it_may_mean(hg38, typed, sentence, offered):
    page = open_page(source="hg38", gene=typed)
    assert sentence in page.error[0].value.replace("\\", "")
    assert offered in labels(page)
    press(page, offered)
    assert not page.error
    assert f"### {offered}" in said(page)
    assert address_of(page)["gene"] == offered


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("chr10:135000000:+", "are of one assembly (chr10 is long enough for it in hg19"),
        ("2:264926:+", "which writes it 'chr2'"),
        ("chr2:20000:+", "since N hides sequence"),
        ("<b>x</b>", "No gene '<b>x</b>' in this source"),
    ],
)
def test_places_that_are_not_there_are_one_sentence(hg38, typed, sentence):
    page = open_page(source="hg38", gene=typed)
    assert sentence in page.error[0].value.replace("\\", "")


def test_without_the_services_it_is_one_sentence_and_the_other_sources_work(genes_here, mirror, monkeypatch):
    monkeypatch.setattr(remote_genome, "ATTEMPTS", 1)
    page = open_page(source="hg38", gene="ACP1")
    assert len(page.error) == 1
    assert "could not be had from either service (UCSC: " in page.error[0].value.replace("\\", "")
    assert "data get hg38" in said(page)
    assert "Do you mean" not in said(page)
    choose(page, "Source", "demo")
    assert not page.error
    public_servers.serve_chr2(mirror)
    page = open_page(source="hg38", gene="ACP1")
    assert not page.error


def test_one_service_is_enough(hg38):
    hg38.fault(public_servers.UCSC, Status(503), always=True)
    page = open_page(source="hg38", gene="TMEM18")
    assert not page.error
    assert "### TMEM18" in said(page)


def test_enformer_s_activity_is_placed_among_the_published_ones(hg38, monkeypatch):
    """Nobody predicts 20,000 genes first: the paper's 10,000 most active ones stand for them, where they are here."""
    monkeypatch.setattr("dashboard.engine.MOST_GENES", 1)
    page = open_page(source="hg38", gene="ACP1")
    assert metrics(page)["Percentile"] == "not computed"
    monkeypatch.setattr("dashboard.views.facts.ENFORMER_TRACKS", len(ToyModel.tracks))
    monkeypatch.setattr(sys, "argv", ["app.py", "--published", str(public_servers.SHARED / "published")])
    st.cache_resource.clear()
    st.cache_data.clear()
    page = open_page(source="hg38", gene="ACP1", cell_line="K562")
    known = data.published_activities("K562")
    value = float(metrics(page)["Predicted activity, K562"])
    assert len(known) == 10_000
    assert metrics(page)["Percentile of 10,000 genes"] == f"{100 * (known <= value).mean():.0f}%"
    assert 0 < (known <= value).mean() < 1
    page = open_page(source="hg38", gene="ACP1", cell_line="PC-3")  # whose table is not here
    assert metrics(page)["Percentile"] == "not computed"


def test_a_link_opens_the_same_source_model_gene_and_tss(hg38):
    page = open_page(source="hg38", model="borzoi-0", gene="ACP1", tss=ALT, test="sufficiency", cell_line="PC-3")
    assert not page.error
    address = address_of(page)
    assert {"source": "hg38", "model": "borzoi-0", "gene": "ACP1", "tss": ALT}.items() <= address.items()
    again = open_page(**address)
    assert address_of(again) == address
    assert box(again, "Model").value == "borzoi-0"
    assert box(again, "Cell line").value == "PC-3"


def test_an_unknown_model_in_the_link_is_told_and_the_source_s_own_is_used(hg38):
    page = open_page(source="hg38", model="alphagenome", gene="ACP1")
    assert "The link says model=" in said(page)
    assert box(page, "Model").value == "enformer"
    assert not page.error


def test_a_model_of_another_source_in_the_link_is_told(hg38):
    page = open_page(source="hg38", model="demo", gene="ACP1")
    assert "The model `demo` does not go with this source; Enformer is used" in said(page)
    page = open_page(source="demo", model="borzoi", gene="SOLO1")
    assert "The model `borzoi` does not go with this source; Demo network is used" in said(page)


def test_a_model_folder_of_the_operator_is_offered_and_loaded(hg38, model, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(creme, "load_model", lambda name: (asked.append(name), model)[1])
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", str(tmp_path / "mine")])
    page = open_page(source="hg38", model="own", gene="ACP1")
    assert not page.error
    assert tmp_path / "mine" in asked
    assert "enformer" not in asked
    assert box(page, "Model").options[-1] == "Own model"


def test_a_model_that_is_not_here_says_so_and_leads_to_the_data_page(hg38, monkeypatch, model):
    def load(name):
        if name == "demo":
            return model
        raise ValueError(
            "Enformer weights (enformer) is not here; get it with `python -m creme_core data get enformer`."
        )

    monkeypatch.setattr(creme, "load_model", load)
    page = open_page(source="hg38", gene="ACP1")
    assert "data get enformer" in page.error[0].value.replace("\\", "")
    assert any(getattr(link.proto, "label", "") == "Open Data and models" for link in page.get("page_link"))
    choose(page, "Source", "demo")
    assert not page.error


def test_genes_that_arrive_open_the_source_that_was_refused(model, mirror):
    public_servers.serve_chr2(mirror)
    public_servers.serve_download(mirror, "gencode", {public_servers.GENCODE: public_servers.gencode_sample()})
    page = open_page(source="hg38", gene="ACP1")
    assert "data get gencode" in page.error[0].value.replace("\\", "")
    data.transfers().start("gencode")
    while data.transfers().unfinished:
        time.sleep(0.01)
    settle(page)
    assert not page.error


def test_another_release_that_arrives_is_read_anew(hg38):
    """First only release 50 is here, then the paper's comes: names and windows are the newer file's."""
    old = downloads.folder("gencode") / public_servers.GENCODE
    newer = downloads.folder("gencode-50")
    newer.mkdir(parents=True)
    old.rename(newer / "gencode.v50.basic.annotation.gtf.gz")
    page = open_page(source="hg38", gene="ACP1")
    assert "gencode.v50" in said(page)
    assert "GATA2" in data.gene_names("hg38")
    import gzip

    text = gzip.decompress((newer / "gencode.v50.basic.annotation.gtf.gz").read_bytes()).decode()
    old.write_bytes(gzip.compress(text.replace("GATA2", "GATB2").encode(), mtime=0))
    data.forget_files()
    settle(page)
    assert "gencode.v44" in said(page)
    assert "GATB2" in data.gene_names("hg38")


def test_twenty_thousand_genes_keep_the_page_quick(model, mirror, monkeypatch):
    """The picker of a whole annotation."""
    text = "".join(
        f"chr2\tX\ttranscript\t{30_000 + 100 * number}\t{30_050 + 100 * number}\t.\t+\t.\t"
        f'gene_id "ENSG{number:011}.1"; '
        f'transcript_id "ENST{number:011}.1"; gene_type "protein_coding"; gene_name "GENE{number}"; level 2;\n'
        for number in range(20_000)
    )
    downloads.folder("gencode").mkdir(parents=True)
    (downloads.folder("gencode") / public_servers.GENCODE).write_bytes(gzip.compress(text.encode(), 1))
    public_servers.serve_chr2(mirror)
    page = open_page(source="hg38", gene="GENE2500")
    assert not page.error
    assert len(box(page, "Gene").options) == 20_000
    started = time.monotonic()
    page.run()
    assert time.monotonic() - started < 3


def test_no_connection_of_another_visitor_holds_up_a_local_source(genes_here, mirror, monkeypatch):
    """A window that is being fetched locks nobody else out."""
    asked, answer = threading.Event(), threading.Event()

    def slow(self, chrom, start, end):
        asked.set()
        assert answer.wait(20)
        raise remote_genome.SequenceUnavailable("too late")

    monkeypatch.setattr(remote_genome.RemoteGenome, "fetch", slow)
    source = data.source("hg38")

    def wait_for_sequence():
        with pytest.raises(remote_genome.SequenceUnavailable, match="too late"):
            source.locus("ACP1", length=1_000)

    waiting = threading.Thread(target=wait_for_sequence)
    waiting.start()
    try:
        assert asked.wait(20)
        assert data.locus("demo", "SOLO1", 30_000).gene == "SOLO1"
    finally:
        answer.set()
        waiting.join()
    finish()
    st.cache_resource.clear()
