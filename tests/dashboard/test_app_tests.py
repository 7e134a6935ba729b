"""Every test on the page: what it asks for, what it shows, and that these are the engine's numbers."""

import json
import sqlite3

import numpy as np
import pytest
import streamlit as st

import creme_core as creme
from creme_core.tiles import TileGrid
from dashboard import data
from dashboard.catalogue import ENTRIES, LOCUS_TESTS
from tests.dashboard.pages import (
    address_of,
    choose,
    expected,
    labels,
    metrics,
    open_page,
    press,
    settle,
    shown_effects,
    shown_table,
    texts,
)
from tests.dashboard.toy import ToyModel

TILES = TileGrid(30_000, 5000).tiles  # 0 to 4; 2 holds the TSS
CRE = (TILES[3].start, TILES[3].end)
# What a link says, the settings it stands for, the test's function, and the columns that have to agree.
RUNS = {
    "sufficiency": ({}, {}, creme.sufficiency, ["effect", "ci_low", "over_control"]),
    "distance": ({"tile": 3}, {"cre": CRE}, creme.distance, ["effect", "fold_over_max", "own_place"]),
    "interaction": (
        {"rounds": 3, "search": "silencer"},
        {"readout": "K562", "search": "silencer", "rounds": 3},
        creme.interaction,
        ["tile", "fold_over_wild_type", "single"],
    ),
    "set_sufficiency": (
        {"tiles": "3,0"},
        {"tiles": [CRE, (TILES[0].start, TILES[0].end)]},
        creme.set_sufficiency,
        ["tiles", "fold_over_wild_type", "fold_over_control"],
    ),
    "multiplicity": (
        {"tile": 3, "copies": 2},
        {"cre": CRE, "readout": "K562", "copies": 2},
        creme.multiplicity,
        ["copies", "tile", "fold_over_control"],
    ),
    "fine_tile": (
        {"tile": 3},
        {"cre": CRE, "readout": "K562"},
        creme.fine_tile_search,
        ["method", "bases", "recovered"],
    ),
}


def figures(page):
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


@pytest.mark.parametrize("key", RUNS)
def test_every_test_shows_the_engine_s_numbers_with_its_words_picture_files_and_code(model, key):
    link, settings, function, columns = RUNS[key]
    entry = LOCUS_TESTS[key]
    page = open_page(gene="SOLO1", test=key, shuffles=2, **link)
    assert entry.what in texts(page)
    assert entry.reading() in texts(page)
    assert len(page.get("image")) == 1
    page = press(page, f"Run the {entry.title}")
    assert not page.error
    wanted = expected(model, "SOLO1", "K562", function, shuffles=2, **settings)
    shown = shown_table(page, *columns)
    for column in columns:
        if shown[column].dtype == object or column == "method":
            assert list(shown[column]) == list(wanted[column])
        else:
            assert np.allclose(shown[column].astype(float), wanted[column].astype(float), equal_nan=True)
    assert figures(page)
    assert f"creme.{entry.call}(" in page.code[-1].value
    files = [button.proto.label for button in page.get("download_button")]
    assert {"Table (TSV)", "Figure (HTML)", "Whole result (npz)", "Provenance (JSON)"} <= set(files)
    tracks = {
        "sufficiency": "Effects (bedGraph)",
        "distance": "Effect by place (bedGraph)",
        "interaction": "Tiles (BED)",
    }
    assert tracks.get(key, files[0]) in files


def test_a_test_that_needs_a_tile_says_so_and_offers_the_one_that_matters_most(model):
    page = open_page(gene="SOLO1", test="distance", shuffles=2)
    assert "choose it above" in texts(page)
    assert not any(label.startswith("Run the") for label in labels(page))
    assert not any(label.startswith("Use tile") for label in labels(page))
    page.radio[0].set_value("necessity")
    page = press(settle(page), "Run the Necessity Test")
    effects = expected(model, "SOLO1", "K562", shuffles=2)
    best = int(effects.loc[effects["effect"].abs().idxmax(), "tile"])
    page.radio[0].set_value("distance")
    page = press(settle(page), f"Use tile {best}")
    assert address_of(page)["tile"] == str(best)
    assert "Run the Distance Test" in labels(page)


def test_a_chosen_tile_offers_the_tests_that_make_sense_and_a_button_keeps_it(model):
    page = press(open_page(gene="SOLO1", cell_line="PC-3", shuffles=2), "Run the Necessity Test")
    assert "Distance Test" not in labels(page)
    effects = expected(model, "SOLO1", "PC-3", shuffles=2)
    lowest = effects.loc[effects["effect"].idxmin()]
    assert lowest["effect"] < 0
    page = choose(page, "Tile", int(lowest["tile"]))
    assert {"Sufficiency Test", "Distance Test", "Multiplicity Test", "Fine-Tile Search"} <= set(labels(page))
    page = press(page, "Multiplicity Test")
    address = address_of(page)
    assert (address["test"], address["tile"]) == ("multiplicity", str(lowest["tile"]))
    assert address["search"] == "silencer"  # activity rose without the tile
    assert "Run the Multiplicity Test" in labels(page)
    assert "Sufficiency Test" in labels(page)


def test_an_interaction_hands_its_order_to_set_sufficiency(model):
    page = press(open_page(gene="SOLO1", test="interaction", shuffles=2, rounds=2), "Run the Interaction Test")
    order = [int(tile) for tile in shown_table(page, "round", "single")["tile"]]
    assert "additive" in texts(page).lower()
    page = press(page, "Are these tiles enough? Set Sufficiency")
    assert address_of(page)["tiles"] == ",".join(map(str, order))
    page = press(page, "Run the Set Sufficiency")
    assert len(shown_table(page, "tiles", "fold_over_control")) == 3


def test_rounds_are_at_most_the_tiles_there_are(model):
    page = open_page(gene="SOLO1", test="interaction", shuffles=2, rounds=900)
    assert next(box for box in page.number_input if box.label == "Rounds").value == 4
    assert "21 sequences to predict" in texts(page)  # the wild type and 2 shuffles of 4, 3, 2 and 1 tiles


def test_another_cell_line_runs_only_the_adaptive_tests_again(model):
    page = press(open_page(gene="SOLO1", test="distance", tile=3, shuffles=2), "Run the Distance Test")
    calls = model.calls
    page = choose(page, "Cell line", "PC-3")
    assert model.calls == calls
    wanted = expected(model, "SOLO1", "PC-3", creme.distance, cre=CRE, shuffles=2)
    assert np.allclose(shown_effects(page)["effect"], wanted["effect"])
    page.radio[0].set_value("interaction")
    page = press(settle(page), "Run the Interaction Test")
    assert page.dataframe
    page = choose(page, "Cell line", "K562")
    assert "Run the Interaction Test" in labels(page)
    assert not page.dataframe


def test_sufficiency_stands_beside_necessity_and_names_what_both_find(model):
    page = press(open_page(gene="SOLO1", test="sufficiency", shuffles=2), "Run the Sufficiency Test")
    assert [trace["name"] for trace in figures(page)[0]["data"]] == ["sufficiency", "TSS tile"]
    assert metrics(page)["Context"] != "not tested"  # its controls are the Context Dependence Test
    page.radio[0].set_value("necessity")
    page = press(settle(page), "Run the Necessity Test")
    page.radio[0].set_value("sufficiency")
    page = settle(page)
    assert "necessity" in [trace["name"] for trace in figures(page)[0]["data"]]
    assert "sufficient and necessary" in texts(page)


def test_the_divisor_of_sufficiency_can_be_chosen_without_the_model(model):
    page = press(open_page(gene="SOLO1", test="sufficiency", shuffles=2), "Run the Sufficiency Test")
    calls = model.calls
    second = open_page(gene="SOLO1", test="sufficiency", shuffles=2, normalisation="control")
    assert model.calls == calls
    shown = shown_effects(second)
    assert np.allclose(shown["effect"], shown["over_control"])
    assert set(shown["normalisation"]) == {"control"}
    assert page.dataframe


def test_auto_shuffles_are_kept_in_the_address_and_counted(model):
    page = open_page(gene="SOLO1", shuffles="auto")
    assert "at least 21 sequences" in texts(page)
    page = press(page, "Run the Necessity Test")
    wanted = expected(model, "SOLO1", "K562", shuffles="auto")
    assert list(shown_effects(page)["n"]) == list(wanted["n"])
    assert address_of(page)["shuffles"] == "auto"
    assert "budget=50" in page.code[-1].value
    page.radio[0].set_value("context")
    page = settle(page)
    assert "11 sequences to predict" in texts(page)
    assert "takes a fixed number: 10" in texts(page)
    assert address_of(page)["shuffles"] == "auto"
    page = choose(page, "As many shuffles as needed", False)
    assert address_of(page)["shuffles"] == "10"


def test_a_link_with_tiles_that_are_not_there_is_said_and_the_rest_is_used(model):
    page = open_page(gene="SOLO1", test="set_sufficiency", tiles="3,2,99", tile=50, shuffles=2)
    said = next(warning.value for warning in page.warning)
    assert "no tiles 2, 50, 99" in said
    assert "Run the Set Sufficiency" in labels(page)


@pytest.mark.parametrize(
    ("name", "value"),
    [("search", "both"), ("rounds", "0"), ("copies", "x"), ("tiles", "a"), ("normalisation", "1"), ("shown", "<b>")],
)
def test_a_bad_value_in_a_link_is_one_warning(model, name, value):
    page = open_page(gene="SOLO1", test="interaction", **{name: value})
    assert len(page.warning) == 1
    assert f"{name}=`" in page.warning[0].value
    assert "Run the Interaction Test" in labels(page)


def test_predictions_outlast_the_process_unless_the_operator_says_no(model, monkeypatch):
    page = press(open_page(gene="SOLO1", shuffles=2), "Run the Necessity Test")
    calls = model.calls
    forget()
    page = press(open_page(gene="SOLO1", shuffles=2), "Run the Necessity Test")
    assert model.calls == calls
    assert "9 of them from the store" in texts(page)
    monkeypatch.setattr("sys.argv", ["app.py", "--no-store"])
    forget()
    press(open_page(gene="SOLO1", shuffles=2), "Run the Necessity Test")
    assert model.calls > calls


def forget():
    """What ending the process does to what it kept."""
    st.cache_resource.clear()


def test_a_store_that_can_t_be_used_is_said_and_the_page_works(model, monkeypatch, tmp_path):
    path = tmp_path / "notes.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE diary (day TEXT)")
    connection.commit()
    connection.close()
    monkeypatch.setattr("sys.argv", ["app.py", "--store", str(path)])
    page = press(open_page(gene="SOLO1", shuffles=2), "Run the Necessity Test")
    assert len(page.warning) == 1
    assert "kept in memory" in page.warning[0].value
    assert shown_effects(page) is not None
    assert data.store().stats().entries


def test_contexts_are_swapped_and_the_matrix_is_the_engine_s(model):
    page = open_page("views/swap.py", genes="SOLO1,HUSH1,MINUS1", shuffles=2)
    assert ENTRIES["swap"].what in texts(page)
    page = press(page, "Run the Context Swap Test")
    headless = ToyModel()
    source = creme.open_source("demo")
    loci = [source.locus(gene, length=headless.input_length) for gene in ("SOLO1", "HUSH1", "MINUS1")]
    wanted = creme.context_swap(creme.Predictor(headless), loci, loci, shuffles=2).effects("K562")
    shown = shown_table(page, "source", "target")
    assert np.allclose(shown["fold_over_wild_type"], wanted["fold_over_wild_type"])
    assert list(shown["target_context"]) == list(wanted["target_context"])
    calls = model.calls
    page = choose(page, "Cell line", "PC-3")
    assert model.calls == calls
    assert address_of(page)["genes"] == "SOLO1,HUSH1,MINUS1"
    assert "gene" not in address_of(page)


@pytest.mark.parametrize(
    ("genes", "said"),
    [
        ("SOLO1", "at least two genes"),
        ("SOLO1,NOSUCH", "No gene 'NOSUCH'"),
        (",".join(f"demo1:{20_000 + 1000 * i}:+" for i in range(16)), "at most 15"),
    ],
)
def test_a_swap_that_can_t_be_done_is_one_sentence(model, genes, said):
    page = open_page("views/swap.py", genes=genes)
    assert len(page.error) == 1
    assert said in page.error[0].value.replace("\\", "")


def test_a_swap_starts_from_genes_of_different_context(model):
    page = open_page("views/swap.py")
    assert len(address_of(page)["genes"].split(",")) == 6
    assert "Run the Context Swap Test" in labels(page)
