"""The planted facts of the demo world, found by the tests with the demo network."""

import numpy as np
import pytest

import creme_core as creme

# Fewer and larger tiles than the paper's where a whole greedy search is needed: the planted elements fit in them too.
COARSE = {"tile_size": 10_000, "shuffles": 2}


@pytest.fixture(scope="module")
def source():
    return creme.open_source("demo")


@pytest.fixture(scope="module")
def predict():
    return creme.Predictor(creme.load_model("demo", device="cpu"))


def tile_of(locus, truth, element, tile_size=5_000):
    """The oriented tile of the grid that holds a planted element."""
    row = truth[truth["element"] == element].iloc[0]
    start, end = sorted(locus.from_genome(row["start"], row["end"]))
    first = locus.length // 2 - tile_size // 2
    left = first + (start - first) // tile_size * tile_size
    assert end <= left + tile_size
    return left, left + tile_size


def contexts(source):
    return list(source.scenarios.groupby("gene", sort=False))


def test_every_gene_has_its_planned_context(source, predict):
    for gene, expected in contexts(source):
        result = creme.context_dependence(predict, source.locus(gene), shuffles=3)
        found = {line: result.effects(line)["call"].iloc[0] for line in expected["cell_line"]}
        assert found == dict(zip(expected["cell_line"], expected["expected_context"], strict=True)), gene


@pytest.mark.parametrize("gene", ["SOLO1", "HUSH1", "MINUS1", "EDGE1"])
def test_necessity_finds_the_planted_elements_with_their_sign(source, predict, gene):
    locus = source.locus(gene)
    effects = creme.necessity(predict, locus, shuffles=2).effects("K562").set_index("start")["effect"]
    planted = source.truth.query("gene == @gene and cell_line == 'K562'")
    strong = planted[planted["strength"].abs() > 0.3]
    for row in strong.itertuples():
        found = effects[tile_of(locus, source.truth, row.element)[0]]
        # The planted log-fold on removal, as the share of the wild type that it is.
        assert found == pytest.approx(1 - np.exp(-row.strength), abs=0.1), row.element
    assert set(effects.abs().nlargest(len(strong)).index) == {
        tile_of(locus, source.truth, element)[0] for element in strong["element"]
    }


@pytest.mark.parametrize(
    ("gene", "name"), [("TWIN1", "subadditive"), ("PAIR1", "superadditive"), ("ASYM1", "additive")]
)
def test_pairs_combine_as_planted(source, predict, gene, name):
    result = creme.interaction(predict, source.locus(gene), readout="K562", **COARSE)
    found = creme.compare_additivity(result)
    assert found.additive_class == name
    assert found.missing == ()


def test_an_enhancer_loses_effect_with_distance_and_faster_upstream(source, predict):
    locus = source.locus("SOLO1")
    cre = tile_of(locus, source.truth, "SOLO1-e1")
    table = creme.distance(predict, locus, cre=cre, shuffles=2).effects("K562").set_index("distance")["effect"]
    for near, far in ((10_000, 30_000), (30_000, 60_000), (60_000, 90_000)):
        assert table[near] > table[far]
        assert table[-near] > table[-far]
    for distance in (20_000, 40_000, 60_000, 80_000):
        assert table[distance] > 1.3 * table[-distance]


def test_dosage_saturates(source, predict):
    locus = source.locus("SOLO1")
    cre = tile_of(locus, source.truth, "SOLO1-e1")
    result = creme.multiplicity(predict, locus, cre=cre, readout="K562", copies=5, **{**COARSE, "tile_size": 5_000})
    fold = result.effects()["fold_over_control"].to_numpy()
    gains = np.diff(fold)
    assert (gains > -0.01).all()
    assert gains[-1] < 0.25 * gains[0]


def test_the_fine_tile_search_keeps_the_planted_cores(source, predict):
    locus = source.locus("SOLO1")
    cre = tile_of(locus, source.truth, "SOLO1-e1")
    result = creme.fine_tile_search(predict, locus, cre=cre, readout="K562", shuffles=2, baselines=False)
    sites = source.motif_sites.query("gene == 'SOLO1' and element == 'SOLO1-e1'")
    planted = [sorted(locus.from_genome(row.start, row.end)) for row in sites.itertuples()]
    hit = [any(start < right and left < end for left, right in planted) for start, end in result.kept]
    assert np.mean(hit) >= 0.5
    assert result.effects()["recovered"].iloc[-1] > 0.7
    assert (result.kept[:, 1] - result.kept[:, 0]).sum() <= 500


def test_set_sufficiency_restores_a_gene_of_many_weak_enhancers(source, predict):
    locus = source.locus("MANY1")
    tiles = [tile_of(locus, source.truth, f"MANY1-e{i}") for i in range(1, 6)]
    fold = creme.set_sufficiency(predict, locus, tiles=tiles, shuffles=2).effects("K562")["fold_over_wild_type"]
    assert (np.diff(fold) > 0).all()
    assert fold.iloc[0] < 0.05
    assert fold.iloc[-1] == pytest.approx(1, abs=0.15)


def test_sufficiency_shows_the_redundant_pair_that_necessity_hides(source, predict):
    locus = source.locus("TWIN1")
    start = tile_of(locus, source.truth, "TWIN1-e1")[0]
    needed = creme.necessity(predict, locus, shuffles=2).effects("K562").set_index("start").loc[start]
    enough = creme.sufficiency(predict, locus, shuffles=2).effects("K562").set_index("start").loc[start]
    assert abs(needed["effect"]) < 0.15
    assert enough["call"] == "enhancer"
    assert enough["effect"] > 0.7
