"""The overlay on the page, with the demo's own signals: tracks, scales, views, the profile, and the address."""

from dataclasses import replace

import numpy as np
import pytest

import creme_core as creme
from creme_core.effects import ENFORMER_CUTOFFS
from creme_core.signals.bigwig import read_signal
from creme_core.tiles import TileGrid
from dashboard.views.region_nav import read_region
from tests.dashboard.chromatin_pages import (
    ProfiledToy,
    headings,
    open_overlay,
    overlay_of,
    settled_reads,
    trace,
    values_of,
)
from tests.dashboard.pages import address_of, choose, press, settle, shown_effects, shown_table, texts

MARKS = ["DNase", "H3K27ac", "H3K4me3", "H3K9me3", "SYNA", "SYNC", "SYNP", "SYNR"]


def multiselect(page, label="Tracks, in the order they are drawn"):
    return next(box for box in page.multiselect if box.label == label)


def click(page, key):
    next(button for button in page.button if button.key == key).click()
    return settled_reads(page)


def locus_of(gene="SOLO1", length=30_000):
    return creme.open_source("demo").locus(gene, length=length)


def signal_of(mark, cell_line="K562"):
    signals = creme.open_source("demo").signals
    return signals[(signals["assay"] == mark) & (signals["cell_line"] == cell_line)]["path"].item()


def test_the_overlay_shows_every_signal_of_the_cell_line_as_it_is_in_the_file(model):
    page = open_overlay()
    figure = overlay_of(page)
    assert headings(figure)[1:] == MARKS
    locus = locus_of()
    drawn = [one for one in figure["data"] if one["name"] == "H3K27ac"][-1]
    want = read_signal(signal_of("H3K27ac"), locus.chrom, locus.start, locus.end)
    assert np.allclose(values_of(drawn), want, atol=1e-5)
    page.selectbox(key=next(box.key for box in page.selectbox if box.label == "Cell line")).select("PC-3")
    other = overlay_of(settled_reads(page))
    want = read_signal(signal_of("H3K27ac", "PC-3"), locus.chrom, locus.start, locus.end)
    assert np.allclose(values_of([one for one in other["data"] if one["name"] == "H3K27ac"][-1]), want, atol=1e-5)


def test_tracks_are_chosen_ordered_and_kept_in_the_address(model):
    page = open_overlay()
    assert "tracks" not in address_of(page)
    multiselect(page).set_value(["SYNA", "DNase"])
    settled_reads(page)
    assert headings(overlay_of(page))[1:] == ["SYNA", "DNase"]
    assert address_of(page)["tracks"] == "SYNA,DNase"
    choose(page, "Track", "SYNA")
    click(page, "track Down")
    assert headings(overlay_of(page))[1:] == ["DNase", "SYNA"]
    # Another cell line keeps the choice.
    choose(page, "Cell line", "GM12878")
    settled_reads(page)
    assert headings(overlay_of(page))[1:] == ["DNase", "SYNA"]
    again = open_overlay(**address_of(page))
    assert headings(overlay_of(again))[1:] == ["DNase", "SYNA"]
    multiselect(again).set_value([])
    settled_reads(again)
    assert headings(overlay_of(again)) == ["Genes"]
    assert address_of(again)["tracks"] == "none"
    assert headings(overlay_of(open_overlay(**address_of(again)))) == ["Genes"]


def test_scales_are_shared_and_logarithmic_on_demand_and_in_the_address(model):
    page = open_overlay(tracks="H3K27ac,H3K9me3")

    def tops(page=page):
        figure = overlay_of(page)
        return [figure["layout"][f"yaxis{number}"]["range"][1] for number in (2, 3)]

    own = tops()
    assert own[0] > 2 * own[1]
    choose(page, "Shared scale", True)
    settled_reads(page)
    assert tops() == [pytest.approx(own[0])] * 2
    choose(page, "log(1 + x)", True)
    settled_reads(page)
    assert tops()[0] == pytest.approx(1.05 * np.log1p(own[0] / 1.05), rel=1e-5)
    assert {"shared": "1", "log": "1"}.items() <= address_of(page).items()
    assert tops(open_overlay(**address_of(page))) == tops()


def test_zooming_reads_again_at_the_finer_scale_and_stands_in_the_address(model):
    page = open_overlay()
    coarse = trace(overlay_of(page), "DNase")["dx"]
    click(page, "view Zoom in")
    figure = overlay_of(page)
    assert trace(figure, "DNase")["dx"] < coarse
    first, last = (int(end) for end in address_of(page)["region"].replace(",", "").split("-"))
    assert figure["layout"]["xaxis"]["range"] == [first - 0.5, last + 0.5]
    locus = locus_of()
    want = read_signal(signal_of("DNase"), locus.chrom, first - 1, last)
    assert np.allclose(values_of([one for one in figure["data"] if one["name"] == "DNase"][-1]), want, atol=1e-5)
    click(page, "view Right")
    moved = int(address_of(page)["region"].replace(",", "").split("-")[0])
    assert moved > first
    click(page, "view Whole window")
    assert "region" not in address_of(page)
    assert trace(overlay_of(page), "DNase")["dx"] == coarse


def test_a_typed_region_is_shown_and_a_wrong_one_is_a_sentence(model):
    page = open_overlay()
    box = next(box for box in page.text_input if box.label.startswith("Region"))
    box.set_value("demo1:109,001-111,000")
    settled_reads(page)
    assert overlay_of(page)["layout"]["xaxis"]["range"] == [109_000.5, 111_000.5]
    box = next(box for box in page.text_input if box.label.startswith("Region"))
    box.set_value("<b>chr7</b>:1-2")
    settled_reads(page)
    assert "is no region of this window" in texts(page)
    assert overlay_of(page)["layout"]["xaxis"]["range"] == [95_000.5, 125_000.5]


@pytest.mark.parametrize(
    ("typed", "view"),
    [
        ("101,001-102,000", (101_000, 102_000)),
        ("demo1:101001–102000", (101_000, 102_000)),
        ("1-104,000", (95_000, 104_000)),
        ("120,000-999,999,999", (119_999, 125_000)),
        ("110,000-110,000", (109_899, 110_099)),
        ("95,001-95,002", (95_000, 95_200)),
        ("1-1000", None),
        ("chr2:101001-102000", None),
        ("102,000-101,000", None),
        ("99999999999999999999-99999999999999999999999", None),
        ("١٠١٠٠١-١٠٢٠٠٠", None),
        ("", None),
    ],
)
def test_a_region_is_read_as_it_is_meant(typed, view):
    assert read_region(typed, locus_of(), 3_175_134) == view


@pytest.mark.parametrize("gene", ["SOLO1", "MINUS1"])
def test_the_predicted_profile_lies_on_the_chromosome_and_the_shuffled_tile_shows(model, monkeypatch, gene):
    toy = ProfiledToy()
    monkeypatch.setattr(creme, "load_model", lambda name: toy)
    page = open_overlay(gene=gene, profile=1, tile=1)
    assert not page.error
    locus = locus_of(gene)
    figure = overlay_of(page)
    wild_type, perturbed = trace(figure, "wild type"), trace(figure, "perturbed")
    assert wild_type["x0"] == pytest.approx(locus.start + 5000 + 500.5, abs=1)
    oriented = toy.profile(locus.codes, ["K562"])[:, 0]
    assert np.allclose(values_of(wild_type), oriented if locus.strand == "+" else oriented[::-1])
    # Tile 1 is bases 7,500 to 12,500 of the window: bins 2 to 7 of the profile, from the right on the minus strand.
    moved = np.flatnonzero(values_of(wild_type) != values_of(perturbed))
    bins = range(2, 8) if locus.strand == "+" else range(12, 18)
    assert moved.size
    assert set(moved) <= set(bins)
    assert "tile 1 shuffled" in " ".join(headings(figure))
    assert address_of(page)["profile"] == "1"


def test_a_model_without_a_profile_is_a_sentence_and_the_rest_is_drawn(model):
    page = open_overlay(profile=1)
    assert page.warning
    assert "DNase" in headings(overlay_of(page))


def test_called_tiles_are_characterised_from_the_same_signals(model):
    model.cutoffs = replace(ENFORMER_CUTOFFS, enhancer=1e-4, silencer=-1e-4)
    page = press(open_overlay(shuffles=2, tile_size=2000), "Run the Necessity Test")
    settled_reads(page)
    effects = shown_effects(page)
    called = effects["call"].isin(["enhancer", "silencer"]).to_numpy()
    counts = effects["call"].value_counts()
    assert counts["enhancer"] >= 3
    assert counts["silencer"] >= 3
    locus = locus_of()
    tiles = [tile for tile in TileGrid(locus.length, 2000).tiles if tile != TileGrid(locus.length, 2000).tss_tile]
    places = [(locus.chrom, *locus.to_genome(tile.start, tile.end)) for tile in tiles]
    means = [read_signal(signal_of("DNase"), *place, 1)[0] for place in np.array(places, dtype=object)[called]]
    peaks = [read_signal(signal_of("SYNA"), *place, 1, "max")[0] for place in np.array(places, dtype=object)[called]]
    shown = shown_table(page, "call", "DNase")
    assert np.allclose(shown["DNase"].iloc[: len(means)], means, atol=1e-3)
    assert np.allclose(shown["SYNA"].iloc[: len(means)], peaks, atol=1e-3)
    compared = shown_table(page, "track", "stars")
    assert compared["track"].tolist() == MARKS
    assert (compared["n_enhancers"] == counts["enhancer"]).all()


def test_what_a_link_holds_may_be_nonsense(model):
    page = open_overlay(tracks="<b>x</b>,DNase,../etc", region="x", regions="nope")
    assert not page.exception
    assert headings(overlay_of(page)) == ["Genes", "DNase"]
    settle(page)
