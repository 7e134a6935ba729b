import pytest
from hypothesis import given
from hypothesis import strategies as st

from creme_core.tiles import TileGrid
from dashboard.catalogue import LOCUS_TESTS
from dashboard.state import (
    SWAP_PAGE,
    PageState,
    enter,
    fit_to_grid,
    from_params,
    leave,
    quoted,
    to_params,
)

SOURCES = ("demo", "fasta")
STATES = st.builds(
    PageState,
    source=st.sampled_from(SOURCES),
    gene=st.sampled_from(["", "ACP1", "ENSG00000143727.17", "chr2:264,926:+"]),
    cell_line=st.sampled_from(["", "K562", "PC-3"]),
    test=st.sampled_from(sorted(LOCUS_TESTS)),
    tile_size=st.integers(1, 999_999_999),
    shuffles=st.integers(1, 999_999_999) | st.just("auto"),
    seed=st.integers(0, 999_999_999),
    axis=st.sampled_from(["distance", "genome"]),
    truth=st.booleans(),
    tile=st.none() | st.integers(0, 1000),
    search=st.sampled_from(["enhancer", "silencer"]),
    rounds=st.integers(1, 999_999_999),
    copies=st.integers(1, 999_999_999),
    tiles=st.lists(st.integers(0, 1000), max_size=8, unique=True).map(tuple),
    normalisation=st.sampled_from(["auto", "wild_type", "control"]),
    shown=st.sampled_from(["effect", "fold_over_max", "fold_over_min"]),
)


@given(STATES)
def test_a_state_comes_back_from_its_own_link(state):
    assert from_params(to_params(state), SOURCES) == (state, ())


def test_an_empty_link_is_the_default_and_warns_of_nothing():
    assert from_params({}, SOURCES) == (PageState(), ())


def test_a_link_names_source_gene_cell_line_test_and_settings():
    state = PageState(gene="ACP1", cell_line="K562", seed=0)
    assert to_params(state) == {
        "source": "demo",
        "gene": "ACP1",
        "cell_line": "K562",
        "test": "necessity",
        "tile_size": "5000",
        "shuffles": "10",
        "seed": "0",
    }


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("source", "hg19", "demo or fasta"),
        ("test", "../../etc", "context or necessity or sufficiency"),
        ("test", "swap", "multiplicity or fine_tile"),
        ("shuffles", "Auto", "or auto"),
        ("search", "both", "enhancer or silencer"),
        ("rounds", "0", "from 1 to 999999999"),
        ("copies", "-2", "from 1 to 999999999"),
        ("tiles", "1,2,1", "different tile numbers"),
        ("tiles", "1,,2", "different tile numbers"),
        ("tiles", ",".join(map(str, range(61))), "up to 60"),
        ("normalisation", "wt", "auto or wild_type or control"),
        ("shown", "decay", "effect or fold_over_max or fold_over_min"),
        ("genes", ",".join(f"G{i}" for i in range(61)), "up to 60 names"),
        ("genes", "A,B\u202eC", "up to 60 names"),
        ("axis", "up", "distance or genome"),
        ("truth", "yes", "0 or 1"),
        ("tile_size", "0", "from 1 to 999999999"),
        ("shuffles", "0", "from 1 to 999999999"),
        ("shuffles", "ten", "from 1 to 999999999"),
        ("shuffles", "1e3", "from 1 to 999999999"),
        ("seed", "-1", "from 0 to 999999999"),
        ("seed", "٣", "from 0 to 999999999"),
        ("seed", "9" * 5000, "from 0 to 999999999"),
        ("tile", "3.5", "from 0 to 999999999"),
        ("gene", "A" * 201, "at most 200 printable letters"),
        ("gene", "A\nB", "at most 200 printable letters"),
    ],
)
def test_garbage_is_named_with_what_is_allowed_and_the_default_is_used(name, value, allowed):
    state, warnings = from_params({"seed": "7", name: value}, SOURCES)
    assert getattr(state, name) == getattr(PageState(seed=7 if name != "seed" else 0), name)
    assert len(warnings) == 1
    assert name in warnings[0]
    assert allowed in warnings[0]
    assert len(warnings[0]) < 350


def test_an_unknown_parameter_is_left_out_and_said():
    state, warnings = from_params({"utm_source": "mail", "gene": "ACP1"}, SOURCES)
    assert state == PageState(gene="ACP1")
    assert warnings == ("The link has `utm_source`, which means nothing here; it was left out.",)


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text()), max_size=5))
def test_no_link_breaks_the_page(params):
    state, warnings = from_params(params, SOURCES)
    assert isinstance(state, PageState)
    assert all(warning.isprintable() for warning in warnings)


@given(st.dictionaries(st.sampled_from(list(PageState.__dataclass_fields__)), st.text(), max_size=10))
def test_what_was_read_from_any_link_can_be_written_back(params):
    state, _ = from_params(params, SOURCES)
    assert from_params(to_params(state, list(PageState.__dataclass_fields__)), SOURCES) == (state, ())


def test_a_stranger_s_text_is_short_and_code_to_markdown():
    assert quoted("![x](http://example.org)") == "`![x](http://example.org)`"
    assert quoted("a`b\u202e\n") == "`a'b??`"
    assert quoted("x" * 100) == "`" + "x" * 40 + "…`"
    assert quoted("") == "(nothing)"


def test_the_link_counts_when_a_session_begins_and_not_again():
    session = {}
    state, warnings = enter(session, {"gene": "ACP1", "seed": "x"}, SOURCES)
    assert state.gene == "ACP1"
    assert len(warnings) == 1
    moved = PageState(gene="TMEM18", seed=3)
    assert leave(session, moved)["gene"] == "TMEM18"
    # A click may carry the address of a moment ago, and a page switch empties it.
    assert enter(session, {"gene": "ACP1"}, SOURCES) == (moved, ())
    assert enter(session, {}, SOURCES)[0] == moved


def test_a_warning_stays_while_the_same_gene_is_shown():
    session = {}
    state, warnings = enter(session, {"gene": "ACP1", "seed": "x"}, SOURCES)
    leave(session, state)
    assert enter(session, {}, SOURCES)[1] == warnings


def test_a_swap_s_address_holds_its_genes_and_settings_and_nothing_of_the_other_page():
    state = PageState(genes=("A1", "chr2:264926:+"), gene="ACP1", tile=3, cell_line="K562")
    address = to_params(state, SWAP_PAGE)
    assert address == {
        "source": "demo",
        "genes": "A1,chr2:264926:+",
        "cell_line": "K562",
        "tile_size": "5000",
        "shuffles": "10",
        "seed": "0",
    }
    assert from_params(address, SOURCES)[0].genes == state.genes


def test_tiles_that_the_window_does_not_have_are_left_out_and_said():
    grid = TileGrid(49, 10)  # tiles 0 to 3, of which 1 holds the TSS
    state, said = fit_to_grid(PageState(tile=1, tiles=(0, 7, 3)), grid)
    assert (state.tile, state.tiles) == (None, (0, 3))
    assert said == (
        "There are no tiles 1, 7 to choose; with tiles of 10 bp this window has 0 to 3 besides the TSS tile, 1.",
    )
    fitting = PageState(tile=3, tiles=(0, 2))
    assert fit_to_grid(fitting, grid) == (fitting, ())
