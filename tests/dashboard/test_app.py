"""The page through Streamlit's own test runner, on the demo genome with a toy model; one test with the demo model."""

import sys
import threading

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import creme_core as creme
from dashboard import data
from tests.dashboard.pages import (
    APP,
    PATIENCE,
    address_of,
    expected,
    finish,
    metrics,
    open_page,
    press,
    settle,
    shown_effects,
    texts,
)
from tests.dashboard.toy import CELL_LINES


def test_an_empty_page_offers_the_genes_and_a_click_opens_one(model):
    page = open_page()
    assert "What drives a gene" in texts(page)
    assert not page.error
    next(button for button in page.button if button.label == "MINUS1").click()
    settle(page)
    assert page.query_params["gene"] in ("MINUS1", ["MINUS1"])
    assert "### MINUS1" in texts(page)
    assert "− strand" in texts(page)


def test_a_gene_shows_its_facts_before_anything_is_run(model):
    page = open_page(gene="SOLO1")
    source = creme.open_source("demo")
    loci = [source.locus(gene, length=model.input_length) for gene in source.genes["gene"]]
    activity = model.tss_activity([creme.Mutant(creme.Background(locus.codes)) for locus in loci])[:, 0]
    own = activity[list(source.genes["gene"]).index("SOLO1")]
    shown = metrics(page)
    assert shown["Predicted activity, K562"] == f"{own:.4g}"
    assert shown[f"Percentile of {len(loci)} genes"] == f"{100 * np.mean(activity <= own):.0f}%"
    assert shown["Context"] == "not tested"
    assert shown["Model"] == "toy · CPU"
    said = texts(page)
    assert "TSS demo1\\:110,001 (1-based)" in said
    assert "+ strand · K562" in said
    assert "synthetic" in said
    assert "not measurements" in said
    assert "41 sequences to predict" in said  # the wild type and 4 tiles of 10 shuffles


def test_the_necessity_test_shows_what_the_engine_computes_headless(model):
    page = press(open_page(gene="SOLO1", shuffles=3, seed=5), "Run the Necessity Test")
    effects = expected(model, "SOLO1", "K562", shuffles=3, seed=5)
    shown = shown_effects(page)
    assert np.allclose(shown["effect"], effects["effect"])
    assert np.allclose(shown["ci_low"], effects["ci_low"])
    assert list(shown["call"]) == list(effects["call"])
    assert "13 sequences" in texts(page)


def test_another_cell_line_redraws_without_calling_the_model(model):
    page = press(open_page(gene="SOLO1", shuffles=2), "Run the Necessity Test")
    calls = model.calls
    before = shown_effects(page)["effect"]
    next(box for box in page.selectbox if box.label == "Cell line").select("PC-3")
    settle(page)
    assert model.calls == calls
    assert np.allclose(shown_effects(page)["effect"], expected(model, "SOLO1", "PC-3", shuffles=2)["effect"])
    assert not np.allclose(shown_effects(page)["effect"], before)
    assert metrics(page)["Predicted activity, PC-3"]
    # The counter itself has to be able to rise.
    next(number for number in page.number_input if number.label == "Seed").set_value(9)
    press(settle(page), "Run the Necessity Test")
    assert model.calls > calls


def test_the_context_test_names_its_class_on_the_page_and_among_the_facts(model):
    page = press(open_page(gene="SOLO1", test="context", shuffles=4), "Run the Context Dependence Test")
    row = expected(model, "SOLO1", "K562", creme.context_dependence, shuffles=4).iloc[0]
    assert metrics(page)["Context"].removesuffix(" ?") == row["call"]
    said = texts(page)
    assert f"#### {row['call'].capitalize()} context" in said
    assert "With its surroundings shuffled, SOLO1" in said


def test_a_link_reopened_in_another_session_shows_the_result_at_once(model):
    first = press(open_page(gene="SOLO1", shuffles=2, cell_line="GM12878"), "Run the Necessity Test")
    calls = model.calls
    second = open_page(**address_of(first))
    assert model.calls == calls
    assert np.allclose(shown_effects(second)["effect"], shown_effects(first)["effect"])


def test_the_address_holds_the_state_of_every_widget(model):
    page = open_page(gene="SOLO1", axis="genome", truth=1, tile=0, tile_size=6000)
    next(box for box in page.selectbox if box.label == "Cell line").select("PC-3")
    page.radio[0].set_value("necessity")
    settle(page)
    assert address_of(page) == {
        "source": "demo",
        "gene": "SOLO1",
        "cell_line": "PC-3",
        "test": "necessity",
        "tile_size": "6000",
        "shuffles": "10",
        "seed": "0",
        "axis": "genome",
        "truth": "1",
        "tile": "0",
    }


def test_a_bad_link_is_said_in_plain_sentences_and_the_rest_of_it_is_used(model):
    page = open_page(gene="SOLO1", shuffles="many", cell_line="HeLa", nonsense="<script>", seed=4)
    said = [warning.value for warning in page.warning]
    assert any("shuffles=`many`" in text and "10 is used" in text for text in said)
    assert any("`HeLa`" in text and ", ".join(CELL_LINES) in text for text in said)
    assert any("`nonsense`" in text for text in said)
    assert "### SOLO1" in texts(page)
    assert next(number for number in page.number_input if number.label == "Seed").value == 4


def test_an_unknown_gene_is_said_with_the_nearest_and_the_page_goes_on(model):
    page = open_page(gene="SOLO9")
    assert len(page.error) == 1
    assert "No gene 'SOLO9'" in page.error[0].value
    assert "SOLO1" in page.error[0].value
    next(box for box in page.selectbox if box.label == "Gene").select("SOLO1")
    settle(page)
    assert not page.error
    assert "### SOLO1" in texts(page)


@pytest.mark.parametrize(
    ("typed", "name"), [("ENSDEMO00000000001", "SOLO1"), ("demo1:110,001:-", "demo1\\:110001\\:\\-")]
)
def test_the_gene_box_takes_an_id_and_a_position(model, typed, name):
    page = open_page(gene=typed)
    assert not page.error
    assert f"### {name}" in texts(page)


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        ("Shuffles", 0, "shuffles is 0; it must be 1 or more"),
        ("Shuffles", 5000, "shuffles is 5000; at most 1000"),
        ("Tile size, bp", 0, "tile\\_size is 0; it must be 1 or more"),
        ("Tile size, bp", 20000, "A tile size of 20,000 bp does not fit a window of 30,000 bp"),
    ],
)
def test_settings_that_do_not_fit_are_said_in_the_engine_s_words(model, label, value, sentence):
    page = open_page(gene="SOLO1")
    next(number for number in page.number_input if number.label == label).set_value(value)
    settle(page)
    assert len(page.error) == 1
    assert sentence in page.error[0].value.replace("\\.", ".").replace("\\(", "(")
    assert not any(button.label.startswith("Run the") for button in page.button)


def test_the_planted_truth_stands_next_to_what_was_found(model):
    page = open_page(gene="SOLO1", truth=1)
    assert "Planted truth and what the test found" in texts(page)
    plain = open_page(gene="SOLO1")
    assert "Planted truth" not in texts(plain)


def test_notes_of_the_window_are_on_the_page(model):
    model.__init__(input_length=196_608)  # its window reaches beyond the chromosome only at full length
    page = open_page(gene="EDGE1")
    assert "lie beyond the end of demo1 and are N" in texts(page).replace("\\", "")


def test_cancel_stops_a_run_and_it_can_be_continued(model):
    page = open_page(gene="SOLO1", shuffles=2)
    turns = data.engines().begin("demo").result(PATIENCE).jobs.turns
    with turns.take(lambda: "other", threading.Event()):  # somebody else holds the device, so the run can't start
        next(button for button in page.button if button.label == "Run the Necessity Test").click()
        page.run()
        assert not page.exception
        next(button for button in page.button if button.label == "Cancel").click()
        page.run()
        finish()
        page.run()
        assert any("Cancelled after" in warning.value for warning in page.warning)
    press(page, "Continue")
    assert np.allclose(shown_effects(page)["effect"], expected(model, "SOLO1", "K562", shuffles=2)["effect"])


def test_a_model_that_fails_is_one_sentence_and_no_stack_trace(model, monkeypatch, caplog):
    page = open_page(gene="SOLO1", shuffles=2)

    def broken(mutants):
        raise RuntimeError("CUDA error: secret")

    monkeypatch.setattr(model, "tss_activity", broken)
    press(page, "Run the Necessity Test")
    assert "stopped on an unexpected error" in page.error[0].value
    assert "secret" not in texts(page)
    assert "CUDA error: secret" in caplog.text


def write_genome(folder, text=None, chrom="chr1"):
    rng = np.random.default_rng(0)
    bases = "".join(np.array(list("ACGT"))[rng.integers(0, 4, 60_000)]) if text is None else text
    (folder / "own.fa").write_text(">chr1\n" + "\n".join(bases[i : i + 60] for i in range(0, len(bases), 60)) + "\n")
    (folder / "own.bed").write_text(f"{chrom}\t30000\t40000\tMINE\t0\t+\n{chrom}\t1000\t1100\tEDGY\t0\t+\n")
    return ["app.py", "--fasta", str(folder / "own.fa"), "--genes", str(folder / "own.bed")]


def test_the_operator_s_genome_is_a_second_source(model, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", write_genome(tmp_path))
    page = press(open_page(source="fasta", gene="MINE", shuffles=2), "Run the Necessity Test")
    assert "own.fa with genes of own.bed" in texts(page).replace("\\", "")
    assert "synthetic" not in texts(page)
    assert len(shown_effects(page)) == 4
    assert not any(toggle.label == "Show planted truth" for toggle in page.toggle)
    code = page.code[-1].value
    assert "open_source('own.fa', genes='own.bed')" in code
    assert str(tmp_path) not in code


def test_a_window_with_too_much_n_is_refused_in_a_sentence(model, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", write_genome(tmp_path))
    page = open_page(source="fasta", gene="EDGY")
    assert "at most 10% is allowed" in page.error[0].value.replace("\\", "")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"chrom": "1"}, "the table writes '1' where the genome writes 'chr1'"),
        ({"text": "ACGTRYKM" * 7500}, "own.fa"),
    ],
)
def test_a_bad_genome_is_said_and_the_demo_stays_within_reach(model, monkeypatch, tmp_path, change, sentence):
    monkeypatch.setattr(sys, "argv", write_genome(tmp_path, **change))
    page = open_page(source="fasta", gene="MINE")
    assert sentence in page.error[0].value.replace("\\", "")
    next(box for box in page.selectbox if box.label == "Source").select("demo")
    settle(page)
    assert not page.error
    assert "What drives a gene" in texts(page)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fasta", "x.fa"], "--fasta without --genes"),
        (["--fasta"], "expected one argument"),
        (["--port", "1"], "unrecognized arguments: --port 1"),
        (["--fasta", "missing.fa", "--genes", "missing.bed"], "There is no FASTA file at missing.fa"),
    ],
)
def test_a_bad_command_line_is_one_sentence_on_the_page(model, monkeypatch, arguments, sentence):
    monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
    page = AppTest.from_file(str(APP), default_timeout=PATIENCE)
    page.query_params["source"] = "fasta"
    page.run()
    assert not page.exception
    assert sentence in page.error[0].value.replace("\\", "")
    monkeypatch.setattr(sys, "argv", ["app.py"])
    st.cache_resource.clear()


def test_the_teaching_page_opens(model):
    page = AppTest.from_file(str(APP), default_timeout=PATIENCE)
    page.switch_page("views/about.py").run()
    assert not page.exception
    assert "What it does not say" in texts(page)


def test_the_demo_model_finds_the_enhancer_that_was_planted():
    st.cache_resource.clear()
    page = press(open_page(gene="SOLO1", shuffles=2, truth=1), "Run the Necessity Test")
    source, model = creme.open_source("demo"), creme.load_model("demo")
    locus = source.locus("SOLO1", length=model.input_length)
    effects = creme.necessity(creme.Predictor(model), locus, shuffles=2).effects("K562")
    assert np.allclose(shown_effects(page)["effect"], effects["effect"], atol=1e-4)
    answers = next(frame.value for frame in page.dataframe if "agreement" in frame.value)
    assert "found" in set(answers["agreement"])
    st.cache_resource.clear()
