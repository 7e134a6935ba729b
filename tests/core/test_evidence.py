"""Every sentence on an element is traceable to a number, says "the model predicts", and says what is not certain."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import creme_core as creme
from creme_core.effects import BORZOI_CUTOFFS, ENFORMER_CUTOFFS
from creme_core.evidence import chromatin_of, row_of, summarise, tile_of
from creme_core.evidence.statement import TONES, percent, written
from creme_core.locus import Locus
from creme_core.tiles import Tile, TileGrid
from creme_core.vetting.element import Element

ELEMENT = Element("chr1", 1_000, 1_500, "GENE", "K562", "enhancer")


def row(effect, low=math.nan, high=math.nan, **more):
    call = "enhancer" if effect > 0.3 else "silencer" if effect < -0.3 else "none"
    return {"effect": effect, "ci_low": low, "ci_high": high, "n": 10, "call": call, **more}


def summary(element=ELEMENT, **evidence):
    return summarise(element, readout="K562 CAGE", **evidence)


def from_source(statements, source):
    return [statement for statement in statements if statement.source == source]


def numbers_in(text):
    """Numbers as written, but for those of "95%", which no table holds."""
    text = text.replace("95% interval", "interval")
    return [found.replace(",", "") for found in re.findall(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?", text)]


def check_traceable(statement, cutoffs=ENFORMER_CUTOFFS.tile + ENFORMER_CUTOFFS.context):
    values = list(statement.numbers.values())
    allowed = {written(value, *near) for value in values for near in ((), cutoffs[:2], cutoffs[2:], (50,))}
    allowed |= {f"{value:g}" for value in values} | {f"{value:.0e}" for value in values}
    allowed |= {f"{value:.0f}" for value in values} | {f"{value:+.0f}" for value in values}
    allowed |= {percent(value).rstrip("%") for value in values}
    assert [number for number in numbers_in(statement.text) if number not in allowed] == [], statement
    assert statement.tone in TONES
    assert all(isinstance(value, float) and math.isfinite(value) for value in values)


def test_a_clear_enhancer_is_told_with_its_numbers():
    said = summary(
        Element("chr1", 0, 9, "GENE"),
        necessity=row(0.4213, 0.3551, 0.4875),
        sufficiency=row(0.52, 0.48, 0.56, normalisation="wild_type"),
    )
    (necessity,) = from_source(said, "necessity")
    assert necessity.text == (
        "With the tile shuffled, the model predicts that GENE loses this share of its K562 CAGE (a gain is negative):"
        " 0.42 over 10 shuffles (95% interval 0.36 to 0.49), above 0.3: called an enhancer that GENE needs."
    )
    assert necessity.numbers["effect"] == 0.4213
    assert necessity.tone == "finding"
    (both,) = from_source(said, "necessity + sufficiency")
    assert both.text == "The model predicts the tile to be both necessary and sufficient, as an enhancer."
    assert "as a share of the wild type" in from_source(said, "sufficiency")[0].text


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.25, 0.41, "crosses 0.3,"), (-0.4, 0.5, "crosses -0.3 and 0.3,"), (math.nan, math.nan, "No interval is known")],
)
def test_an_interval_that_crosses_a_cut_off_is_uncertain(low, high, words):
    (statement,) = from_source(summary(Element("chr1", 0, 9), necessity=row(0.33, low, high)), "necessity")
    assert statement.tone == "uncertain"
    assert words in statement.text


@pytest.mark.parametrize(
    ("necessity", "sufficiency", "words", "tone"),
    [
        (0.5, 0.1, "necessary (enhancer) but not sufficient: it may", "contradiction"),
        (0.1, 0.5, "sufficient (enhancer) but not necessary: other sequence may", "contradiction"),
        (0.5, -0.5, "an enhancer by necessity, a silencer by sufficiency: the two disagree", "contradiction"),
        (-0.5, -0.6, "both necessary and sufficient, as a silencer", "finding"),
        (0.0, 0.1, "neither necessary nor sufficient", "finding"),
    ],
)
def test_the_two_tests_are_compared(necessity, sufficiency, words, tone):
    rows = [row(effect, effect - 0.01, effect + 0.01) for effect in (necessity, sufficiency)]
    said = summary(Element("chr1", 0, 9), necessity=rows[0], sufficiency=rows[1])
    (both,) = from_source(said, "necessity + sufficiency")
    assert words in both.text
    assert both.tone == tone


def test_an_uncertain_call_makes_the_comparison_uncertain():
    said = summary(Element("chr1", 0, 9), necessity=row(0.5, 0.2, 0.8), sufficiency=row(0.5, 0.45, 0.55))
    (both,) = from_source(said, "necessity + sufficiency")
    assert both.tone == "uncertain"
    assert both.text.endswith("as an enhancer. The call by necessity is uncertain.")


@pytest.mark.parametrize(
    ("kind", "effect", "words", "tone"),
    [
        ("enhancer", 0.5, "by necessity the model predicts one", "finding"),
        ("enhancer", 0.1, "predicts none that passes the cut-off", "contradiction"),
        ("silencer", 0.5, "but by necessity the model predicts the opposite", "contradiction"),
    ],
)
def test_the_claim_of_the_list_is_judged(kind, effect, words, tone):
    said = summary(Element("chr1", 0, 9, "G", kind=kind), necessity=row(effect, effect - 0.01, effect + 0.01))
    (claim,) = [statement for statement in said if "The list claims" in statement.text]
    assert words in claim.text
    assert claim.tone == tone


def test_chromatin_that_does_not_fit_is_said():
    chromatin = pd.DataFrame(
        {"track": ["DNase", "H3K27ac", "CTCF"], "value": [0.1, 0.2, math.nan], "percentile": [20.0, 80.0, math.nan]}
    )
    said = summary(sufficiency=row(0.5, 0.4, 0.6), chromatin=chromatin)
    (against,) = from_source(said, "sufficiency + chromatin")
    assert "open chromatin is measured in the lower half" in against.text
    assert against.tone == "contradiction"
    measured, bare = from_source(said, "chromatin")
    assert "DNase 0.10 (above 20% of the window's other tiles), H3K27ac 0.20 (above 80%)." in measured.text
    assert bare.text == "No signal is known over the tile for CTCF."
    quiet = summary(sufficiency=row(0.5, 0.4, 0.6), chromatin=chromatin.drop(columns="percentile"))
    assert not from_source(quiet, "sufficiency + chromatin")  # without the other tiles nothing is called low
    assert not from_source(summary(sufficiency=row(0.1, 0, 0.2), chromatin=chromatin), "sufficiency + chromatin")


def test_only_the_tracks_that_tell_are_named():
    tracks = ["SYNA", "DNase", "CTCF", "H3K27ac", "H3K9me3", "JUN", "FOS", "MYC"]
    percentiles = [97.4, 40.0, 30.0, 99.9, 100.0, 92.0, 91.0, 89.9]
    chromatin = pd.DataFrame({"track": tracks, "value": np.arange(8.0), "percentile": percentiles})
    (measured,) = from_source(summary(chromatin=chromatin), "chromatin")
    assert measured.text == (
        "Measured signal over the tile: DNase 1.00 (above 40% of the window's other tiles), H3K27ac 3.00 (above 99%),"
        " H3K9me3 4.00 (above 100%), SYNA 0.00 (above 97%), JUN 5.00 (above 92%). Signal is known in 3 other tracks."
    )
    check_traceable(measured)
    assert measured.numbers["FOS.percentile"] == 91.0  # what is not named stands in the numbers all the same
    (quiet,) = from_source(summary(chromatin=chromatin[chromatin["track"] != "FOS"].iloc[[1, 2, 6]]), "chromatin")
    assert quiet.text.endswith("By 2 further tracks it does not stand out: above less than 90% of them.")
    check_traceable(quiet)


def test_what_is_still_to_come_is_not_said_to_be_missing():
    everything = ("necessity", "sufficiency", "distance", "context", "chromatin", "motifs", "overlaps")
    assert summary(Element("chr1", 0, 9), awaited=everything) == []
    (missing,) = summary(Element("chr1", 0, 9), awaited=everything[1:])
    assert missing.text == "Not looked at: necessity."


def test_the_gene_that_was_guessed_is_named():
    (said, *_) = summary(Element("chr1", 0, 9), gene="NEAR1", necessity=row(0.5, 0.4, 0.6))
    assert "called an enhancer that NEAR1 needs" in said.text


def test_annotations_without_an_overlap_are_named():
    regions = pd.DataFrame({"kind": ["promoter of the gene itself"], "name": ["GENE"], "bp": [100.0]})
    annotated = ("promoter of another gene", "cCRE")
    said = summary(sufficiency=row(0.5, 0.4, 0.6), overlaps=regions, annotated=annotated)
    assert [s.text for s in from_source(said, "overlaps")] == [
        "It overlaps promoter of the gene itself: GENE (100 bp).",
        "It overlaps no promoter of another gene and no cCRE.",
    ]
    assert not from_source(said, "sufficiency + overlaps")  # only another gene's promoter speaks against


def test_percentiles_are_of_the_other_tiles():
    signals = pd.DataFrame({"DNase": [1.0, 2.0, 2.0, 5.0, math.nan], "X": [math.nan] * 5})
    table = chromatin_of(signals, 1).set_index("track")
    assert table.loc["DNase", "percentile"] == pytest.approx(100 * 1.5 / 3)  # 1 below, 1 equal, of 3 known others
    assert table.loc["X"].isna().all()
    assert chromatin_of(signals.iloc[:1], 0)["percentile"].isna().all()


def test_motifs_overlaps_and_what_is_missing():
    hits = pd.DataFrame({"motif": ["MA1 GATA1"] * 2 + ["MA2 CTCF"], "p_value": [1e-5, 2e-6, 5e-5]})
    regions = pd.DataFrame(
        {"kind": ["cCRE", "cCRE", "promoter of another gene"], "name": ["dELS", "pELS", "<b>"], "bp": [350, 20, 100]}
    )
    said = summary(sufficiency=row(0.5, 0.4, 0.6), motifs=hits, overlaps=regions)
    assert "3 motif hits of 2 motifs, the strongest MA1 GATA1 (p 2e-06)" in from_source(said, "motifs")[0].text
    assert "does not show that a factor binds" in from_source(said, "motifs")[0].text
    assert [s.text for s in from_source(said, "overlaps")] == [
        "It overlaps cCRE: dELS (350 bp), pELS (20 bp).",
        "It overlaps promoter of another gene: <b> (100 bp).",
    ]
    assert "may be the promoter" in from_source(said, "sufficiency + overlaps")[0].text
    assert said[-1].text == "Not looked at: necessity, distance, context, chromatin."
    nothing = summary(motifs=hits.iloc[:0], overlaps=regions.iloc[:0])
    assert [s.text for s in nothing[:2]] == [
        "No motif hit was found in the element.",
        "It overlaps none of the annotated regions that were looked at.",
    ]


def test_tile_without_a_shuffle_or_an_activity():
    assert "can't be shuffled" in summary(necessity=row(0.0, testable=False))[0].text
    undefined = row(math.nan) | {"call": ""}
    assert "is not defined" in summary(necessity=undefined)[0].text
    assert not from_source(summary(necessity=undefined, sufficiency=row(0.5)), "necessity + sufficiency")


# 30 bases, minus strand: the oriented tiles 0-10, 10-20 (TSS) and 20-30 are chr1 120-130, 110-120 and 100-110.
MINUS = Locus("G", "G", "chr1", 114, "-", 100, 130, np.zeros(30, np.uint8))
GRID = TileGrid(30, 10)


@pytest.mark.parametrize(
    ("start", "end", "number", "tile", "share", "outside"),
    [
        (121, 129, 0, Tile(0, 10), 1.0, 0.0),
        (100, 110, 2, Tile(20, 30), 1.0, 0.0),
        (112, 130, 0, Tile(0, 10), 10 / 18, 0.0),
        (96, 104, 2, Tile(20, 30), 0.5, 0.5),
        (105, 115, 1, Tile(10, 20), 0.5, 0.0),  # as much in either: the one nearer to the TSS
        (115, 125, 1, Tile(10, 20), 0.5, 0.0),
    ],
)
def test_elements_find_their_tile_on_the_minus_strand(start, end, number, tile, share, outside):
    place = tile_of(Element("chr1", start, end), MINUS, GRID)
    assert (place.number, place.tile, place.share, place.outside) == (number, tile, share, pytest.approx(outside))
    assert place.is_tss == (number == 1)
    assert sum(part for _, part in place.tiles) + place.outside == pytest.approx(1)


def test_a_base_over_the_edge_is_not_worth_a_word():
    locus = Locus("G", "G", "chr1", 17_500, "+", 0, 35_000, np.zeros(35_000, np.uint8))
    place = tile_of(Element("chr1", 4_999, 9_999), locus, TileGrid(35_000, 5_000))
    assert (place.tile, place.notes) == (Tile(5_000, 10_000), ())
    assert summary(place=place, awaited=("context", "chromatin", "motifs", "overlaps"))[0].source != "tile"
    assert tile_of(Element("chr1", 4_900, 9_900), locus, TileGrid(35_000, 5_000)).notes


@pytest.mark.parametrize(
    ("chrom", "start", "end", "words"),
    [("chr2", 100, 110, "is on chr2"), ("chr1", 10, 20, "beyond the window"), ("chr1", 130, 140, "beyond the window")],
)
def test_elements_elsewhere_are_told(chrom, start, end, words):
    place = tile_of(Element(chrom, start, end), MINUS, GRID)
    assert place.tile is None
    assert words in place.notes[0]
    said = summary(place=place)
    assert said[0].tone == "missing"
    assert said[-1].text == "Not looked at: context, chromatin, motifs, overlaps."


def test_rim_and_tss_tile_are_told():
    locus = Locus("G", "G", "chr1", 17, "+", 0, 34, np.zeros(34, np.uint8))  # tiles from 2 to 32
    assert "rim" in tile_of(Element("chr1", 0, 2), locus, TileGrid(34, 10)).notes[0]
    place = tile_of(Element("chr1", 11, 23), locus, TileGrid(34, 10))
    assert place.is_tss
    assert "no test shuffles" in place.notes[0]
    assert "across 3 tiles" in place.notes[1]


def test_real_tables_give_traceable_sentences(toy_model, toy_locus):
    predict = creme.Predictor(toy_model)
    settings = {"tile_size": 10, "shuffles": 4}
    necessity = creme.necessity(predict, toy_locus, **settings)
    sufficiency = creme.sufficiency(predict, toy_locus, **settings)
    distance = creme.distance(predict, toy_locus, cre=(5, 15), **settings).effects("K562")
    for start in (105, 125):
        element = Element("chrT", start + 1, start + 9, "TOY1", "K562", "silencer")
        place = tile_of(element, toy_locus, necessity.grid)
        rows = [row_of(result.effects("K562"), place) for result in (necessity, sufficiency)]
        assert rows[0]["genome_start"] == start
        context = sufficiency.context("K562").iloc[0]
        said = summary(element, place=place, necessity=rows[0], sufficiency=rows[1], distance=distance, context=context)
        for statement in said:
            check_traceable(statement)
            if statement.source not in ("tile",) and statement.tone != "missing":
                assert "the model predicts" in statement.text.lower()
        assert from_source(said, "necessity")[0].numbers["effect"] == rows[0]["effect"]
    assert row_of(distance, tile_of(Element("chrT", 116, 120), toy_locus, necessity.grid)) is None  # the TSS tile
    (moved,) = from_source(summary(distance=distance), "distance")
    own = distance[distance["own_place"]].iloc[0]
    assert moved.numbers["fold_over_max"] == own["fold_over_max"]
    assert f"({own['distance']:+,.0f} bp)" in moved.text


effects = st.floats(-5, 5) | st.sampled_from([0.3, -0.3, 0.2999, 0.3001, 0.30000001, math.nan])


@settings(deadline=None)
@given(effects, effects, effects, effects, st.sampled_from(["", "enhancer", "silencer"]), st.booleans())
def test_no_sentence_has_a_number_of_its_own(first, second, low, high, kind, borzoi):
    cutoffs = BORZOI_CUTOFFS if borzoi else ENFORMER_CUTOFFS
    rows = [{"effect": effect, "ci_low": low, "ci_high": high, "n": 5} for effect in (first, second)]
    said = summary(
        Element("chr1", 0, 9, "G", kind=kind), necessity=rows[0], sufficiency=rows[1], context=rows[0], cutoffs=cutoffs
    )
    for statement in said:
        check_traceable(statement, cutoffs.tile + cutoffs.context)


def test_two_decimals_unless_a_cut_off_needs_more():
    assert written(0.426) == "0.43"
    assert written(0.2996, 0.3) == "0.2996"
    assert written(0.3, 0.3) == "0.30"
    assert written(0.30000001, 0.3) == "0.30000"
    assert written(-0.001) == "0.00"
    assert written(math.nan) == "unknown"
