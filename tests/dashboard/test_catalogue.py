import inspect
import re
from dataclasses import fields

import pytest

import creme_core as creme
from creme_core.experiments.replicates import AUTO
from dashboard.catalogue import DIAGRAMS, ENTRIES, LOCUS_TESTS, SWAP
from dashboard.state import PageState
from dashboard.views.panels import PANELS

STATE = PageState(cell_line="K562", tile_size=10, shuffles=2, seed=3, tile=0, tiles=(3, 0), rounds=9, copies=9)
LENGTH = 49  # tiles 0 to 3 of 10 bp, of which 1 holds the TSS


def test_every_drawing_has_a_test_and_every_test_its_own_drawing():
    assert sorted(entry.diagram for entry in ENTRIES.values()) == sorted(path.name for path in DIAGRAMS.glob("*.svg"))


def test_every_test_of_a_locus_has_a_panel():
    assert set(PANELS) == set(LOCUS_TESTS)
    assert SWAP.key not in PANELS


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_entry_names_an_experiment_that_takes_its_settings(entry):
    parameters = inspect.signature(getattr(creme, entry.call)).parameters
    names = {part.name for part in fields(entry.settings_type)}
    assert names <= set(parameters)
    assert set(entry.needs) == names - {"tile_size", "shuffles", "seed", "half_width", "budget"} - {
        "coarse", "fine", "coarse_threshold", "fine_threshold", "step"
    }  # fmt: skip
    assert entry.auto == ("half_width" in names)
    assert set(entry.controls) <= {part.name for part in fields(PageState)}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_entry_says_in_two_sentences_what_it_does(entry):
    assert len(re.findall(r"\.(?= |$)", entry.what)) == 2
    assert entry.question.endswith("?")
    assert entry.sign


@pytest.mark.parametrize("entry", LOCUS_TESTS.values(), ids=LOCUS_TESTS)
def test_only_adaptive_tests_depend_on_the_cell_line(entry):
    here = entry.settings(STATE, LENGTH)
    other = entry.settings(PageState(**{**vars(STATE), "cell_line": "PC-3"}), LENGTH)
    assert (here == other) == (entry.key not in ("interaction", "multiplicity", "fine_tile"))


def test_tiles_become_the_intervals_of_the_grid_and_counts_stay_within_it():
    assert LOCUS_TESTS["distance"].settings(STATE, LENGTH).cre == (9, 19)
    assert LOCUS_TESTS["set_sufficiency"].settings(STATE, LENGTH).tiles == ((39, 49), (9, 19))
    assert LOCUS_TESTS["interaction"].settings(STATE, LENGTH).rounds == 3
    assert LOCUS_TESTS["multiplicity"].settings(STATE, LENGTH).copies == 3


@pytest.mark.parametrize(("tile", "said"), [(1, "no tile 1 beside"), (9, "no tile 9 beside")])
def test_the_tss_tile_and_tiles_beyond_the_window_are_refused(tile, said):
    state = PageState(**{**vars(STATE), "tile": tile})
    with pytest.raises(ValueError, match=said):
        LOCUS_TESTS["distance"].settings(state, LENGTH)


@pytest.mark.parametrize("key", ["distance", "multiplicity", "fine_tile", "set_sufficiency"])
def test_what_is_missing_is_a_sentence(key):
    state = PageState(cell_line="K562")
    assert "choose" in LOCUS_TESTS[key].lacks(state)
    with pytest.raises(ValueError, match="choose"):
        LOCUS_TESTS[key].settings(state, LENGTH)


@pytest.mark.parametrize("entry", LOCUS_TESTS.values(), ids=LOCUS_TESTS)
def test_auto_shuffles_reach_the_tests_that_have_them_and_ten_the_others(entry):
    state = PageState(**{**vars(STATE), "shuffles": AUTO})
    assert entry.settings(state, LENGTH).shuffles == (AUTO if entry.auto else 10)


@pytest.mark.parametrize("entry", LOCUS_TESTS.values(), ids=LOCUS_TESTS)
def test_the_plan_is_what_the_test_asks_the_model_for(entry, make_locus, monkeypatch):
    from tests.dashboard.toy import ToyModel

    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)
    predict = creme.Predictor(ToyModel(LENGTH))
    settings = entry.settings(STATE, LENGTH)
    reports = []
    entry.run(predict, (make_locus(),), settings, on_progress=reports.append)
    asked = predict.computed + predict.reused
    if entry.bound:
        assert asked <= entry.planned(settings, LENGTH) + 200  # the baselines come on top
    else:
        assert asked == entry.planned(settings, LENGTH)
