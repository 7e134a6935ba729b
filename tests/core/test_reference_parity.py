"""The reference implementation (creme-nn, from PyPI) and ours, fed the same shuffles, on a randomised small Enformer.

Where the reference is wrong, a test shows it and holds ours to what is right.
"""

from collections import deque

import numpy as np
import pandas as pd
import pytest
import torch
from enformer_pytorch import Enformer

from creme_core.experiments import (
    context,
    distance,
    fine_tile,
    interaction,
    multiplicity,
    necessity,
    sufficiency,
    swap,
)
from creme_core.experiments.perturbations import control, shuffled_tile
from creme_core.locus import Locus
from creme_core.models.enformer import EnformerModel
from creme_core.predictor import Predictor
from creme_core.sequence import one_hot
from creme_core.tiles import TileGrid

creme = pytest.importorskip("creme.creme", reason="creme-nn, the reference, is not installed")
reference_shuffle = pytest.importorskip("creme.shuffle")

LENGTH = 3072
TILE = 384
# Of two shuffles both are as near to their mean, so that the most representative one would be a toss-up.
SHUFFLES = 3
SEED = 4


@pytest.fixture(scope="module")
def network():
    """A small Enformer whose parameters are drawn widely, so that a far tile moves the prediction."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Enformer.from_hparams(
            dim=48, depth=2, heads=2, target_length=8, dim_divisible_by=8, num_downsamples=7, output_heads={"human": 5}
        )
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "to_out" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
            elif parameter.ndim > 1:
                parameter.mul_(2)
            else:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module.eval()


@pytest.fixture(scope="module")
def predict(network):
    tracks = pd.DataFrame(
        {
            "index": range(5),
            "identifier": [f"T{i}" for i in range(5)],
            "assay": "CAGE",
            "cell_line": ["K562", "GM12878", "PC-3", "A", "B"],
            "strand": ".",
            "description": "",
        }
    )
    return Predictor(EnformerModel(network, tracks, device="cpu", input_length=LENGTH))


@pytest.fixture(scope="module")
def locus():
    codes = np.random.default_rng(8).integers(0, 4, LENGTH).astype(np.uint8)
    return Locus("G", "G", "chrT", LENGTH // 2, "+", 0, LENGTH, codes)


@pytest.fixture
def reference(network):
    """What the reference calls a model: predict((n, length, 4)) -> (n, two TSS bins, one track)."""

    class Reference:
        seq_length = LENGTH
        track = 0

        def predict(self, x):
            x = x[None] if x.ndim == 2 else x
            with torch.inference_mode():
                return network(torch.from_numpy(x).float())["human"][:, 3:5, [self.track]].numpy()

    return Reference()


@pytest.fixture
def feed(monkeypatch):
    """Make the reference's shuffle hand out given sequences, codes (length,), in order."""

    def start(sequences):
        waiting = deque(one_hot(codes) for codes in sequences)

        def next_one(x, num_shufs=None, **_):
            if num_shufs:
                return np.stack([waiting.popleft() for _ in range(num_shufs)])
            return waiting.popleft()

        monkeypatch.setattr(reference_shuffle, "dinuc_shuffle", next_one)
        return waiting

    return start


def controls(locus):
    return [control(locus, TILE, SEED, replicate).codes for replicate in range(SHUFFLES)]


def tile_list(locus):
    return [[tile.start, tile.end] for tile in TileGrid(LENGTH, TILE).context_tiles]


def tss_tile():
    tile = TileGrid(LENGTH, TILE).tss_tile
    return [tile.start, tile.end]


def tile_shuffles(locus):
    tiles = TileGrid(LENGTH, TILE).context_tiles
    return [shuffled_tile(locus.codes, tile, SEED, r).codes for tile in tiles for r in range(SHUFFLES)]


OURS = {"tile_size": TILE, "shuffles": SHUFFLES, "seed": SEED}


def test_the_network_feels_far_tiles(predict, locus):
    effects = necessity.run(predict, locus, **OURS).effects("K562")["effect"]
    assert effects.abs().iloc[[0, -1]].min() > 1e-3


def test_context_dependence(predict, locus, reference, feed):
    feed(controls(locus))
    wild_type, mutants = creme.context_dependence_test(
        reference, one_hot(locus.codes), tss_tile(), SHUFFLES, mean=False
    )
    ours = context.run(predict, locus, **OURS)
    theirs = creme.context_effect_on_tss(wild_type.mean(), mutants.mean(axis=(1, 2))).mean()
    assert ours.wild_type("K562") == pytest.approx(wild_type.mean(), rel=1e-4)
    assert ours.effects("K562")["effect"].iloc[0] == pytest.approx(theirs, rel=1e-4)


def test_necessity(predict, locus, reference, feed):
    feed(tile_shuffles(locus))
    wild_type, mutants = creme.necessity_test(reference, one_hot(locus.codes), tile_list(locus), SHUFFLES, mean=False)
    theirs = (wild_type.mean() - mutants.mean(axis=(1, 2, 3))) / wild_type.mean()
    np.testing.assert_allclose(
        necessity.run(predict, locus, **OURS).effects("K562")["effect"], theirs, rtol=1e-4, atol=1e-4
    )


def test_sufficiency(predict, locus, reference, feed):
    tiles = tile_list(locus)
    feed(controls(locus) * len(tiles))
    wild_type, mutants, alone = creme.sufficiency_test(
        reference, one_hot(locus.codes), tss_tile(), tiles, SHUFFLES, mean=False
    )
    mutants, alone = mutants.mean(axis=(2, 3)), alone.mean(axis=(2, 3))
    ours = sufficiency.run(predict, locus, **OURS).effects("K562")
    np.testing.assert_allclose(
        ours["over_wild_type"], ((mutants - alone) / wild_type.mean()).mean(axis=1), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(ours["over_control"], ((mutants - alone) / alone).mean(axis=1), rtol=1e-4, atol=1e-4)


def test_distance(predict, locus, reference, feed):
    tiles = tile_list(locus)
    feed(controls(locus) * (1 + len(tiles)))
    theirs = creme.distance_test(
        reference, one_hot(locus.codes), tss_tile(), tiles[1], [start for start, _ in tiles], SHUFFLES, mean=False
    )
    activity = theirs["mut"].mean(axis=(2, 3))
    ours = distance.run(predict, locus, cre=tuple(tiles[1]), **OURS).effects("K562")
    np.testing.assert_allclose(ours["fold_over_max"], (activity / activity.max(axis=0)).mean(axis=1), rtol=1e-4)


def test_context_swap(predict, locus, reference):
    other = Locus("H", "H", "chrT", LENGTH // 2, "+", 0, LENGTH, np.random.default_rng(9).integers(0, 4, LENGTH))
    theirs = creme.context_swap_test(reference, one_hot(locus.codes), one_hot(other.codes), tss_tile())
    ours = swap.run(predict, [locus], [other], **OURS)
    wild_type = reference.predict(one_hot(locus.codes)).mean()
    assert ours.matrix("K562").iloc[0, 0] == pytest.approx(theirs.mean() / wild_type, rel=1e-4)


@pytest.mark.parametrize(("search", "choose"), [("enhancer", np.argmin), ("silencer", np.argmax)])
def test_higher_order_interaction(predict, locus, reference, feed, search, choose):
    rounds = 3
    ours = interaction.run(predict, locus, readout="K562", search=search, rounds=rounds, **OURS)
    left = list(TileGrid(LENGTH, TILE).context_tiles)
    sequences = []
    for start, _ in ours.order:
        sequences += [shuffled_tile(locus.codes, tile, SEED, r).codes for tile in left for r in range(SHUFFLES)]
        left = [tile for tile in left if tile.start != start]
    feed(sequences)
    theirs = creme.higher_order_interaction_test(
        reference, one_hot(locus.codes), tile_list(locus), choose, SHUFFLES, rounds
    )
    assert [tuple(theirs[i]["selected_tile"]) for i in range(rounds)] == ours.order
    activity = np.array([theirs[i]["selected_mean_pred"] for i in range(rounds)])
    np.testing.assert_allclose(ours.effects()["fold_over_wild_type"], activity / theirs[0]["initial_pred"], rtol=1e-4)


@pytest.mark.parametrize(("search", "choose"), [("enhancer", np.argmax), ("silencer", np.argmin)])
def test_multiplicity(predict, locus, reference, feed, search, choose):
    tiles = tile_list(locus)
    start, end = tiles[1]
    feed(controls(locus))
    theirs = creme.multiplicity_test(
        reference, one_hot(locus.codes), tss_tile(), tiles[1], one_hot(locus.codes)[start:end], tile_list(locus),
        SHUFFLES, 3, choose,
    )  # fmt: skip
    ours = multiplicity.run(predict, locus, cre=(start, end), readout="K562", search=search, copies=3, **OURS)
    assert [[tile.start, tile.end] for tile in (ours.grid.context_tiles[i] for i in ours.chosen)] == [
        list(tile) for tile in theirs["selected_tile_order"]
    ]
    np.testing.assert_allclose(ours.mutant_activity[..., 0].mean(axis=1), theirs["best_tss_signal"], rtol=1e-4)
    assert ours.control_activity[:, 0].mean() == pytest.approx(theirs["tss_and_cre_pred"], rel=1e-4)
    assert ours.tss_activity[:, 0].mean() == pytest.approx(theirs["only_tss_pred"], rel=1e-4)


def test_the_fine_tile_search_prunes_the_same_pieces_when_both_put_the_same_bases_there(
    predict, locus, reference, monkeypatch
):
    """The reference puts the background's bases where it prunes; the Methods say to shuffle the piece, and so do we."""
    start, end = tile_list(locus)[5]
    backgrounds = controls(locus)

    def background_piece(codes, tile, seed, replicate):
        return fine_tile.piece(backgrounds[replicate], tile)

    monkeypatch.setattr(fine_tile, "shuffled_tile", background_piece)
    # Where a tile of this random network works as an enhancer.
    reference.track = 3
    scales, thresholds, steps = [96, 32], [0.8, 0.6], [1, 2]
    ours = fine_tile.run(
        predict, locus, cre=(start, end), readout=3, baselines=False, coarse=96, fine=32,
        coarse_threshold=thresholds[0], fine_threshold=thresholds[1], step=2, **OURS,
    )  # fmt: skip
    theirs = creme.prune_sequence(
        reference, one_hot(locus.codes), np.stack([one_hot(codes) for codes in backgrounds]),
        ours.control_activity[:, 3].mean(), start, end, scales, thresholds, 1, steps,
    )  # fmt: skip
    table = ours.effects()
    for scale, threshold in zip(scales, thresholds, strict=True):
        # The reference lists the step that falls below the threshold too, though it undoes it as we do.
        kept = [score for score in theirs[scale]["scores"] if score > threshold]
        assert 0 < len(kept) < len(theirs[scale]["scores"])
        np.testing.assert_allclose(kept, table.query("stage == @scale")["recovered"], rtol=1e-4)


def test_the_reference_ignores_seed_zero_and_we_do_not(predict, locus):
    draws = {reference_shuffle.dinuc_shuffle(one_hot(locus.codes), seed=0).tobytes() for _ in range(3)}
    assert len(draws) == 3
    first, second = (context.plan(locus, context.Settings(TILE, SHUFFLES, seed=0))[1].digest for _ in range(2))
    assert first == second


def test_the_reference_changes_the_callers_list_and_we_have_none_to_change(locus, reference, feed):
    tiles = tile_list(locus)
    feed(tile_shuffles(locus))
    creme.higher_order_interaction_test(reference, one_hot(locus.codes), tiles, np.argmin, SHUFFLES, 1)
    assert len(tiles) == len(tile_list(locus)) - 1


def test_the_reference_predicts_the_control_for_every_tile_and_we_once(predict, locus, reference, feed):
    tiles = tile_list(locus)
    feed(controls(locus) * len(tiles))
    calls = []
    original = reference.predict
    reference.predict = lambda x: calls.append(len(x)) or original(x)
    creme.sufficiency_test(reference, one_hot(locus.codes), tss_tile(), tiles, SHUFFLES, mean=False)
    assert len(calls) == 1 + 2 * len(tiles) * SHUFFLES
    fresh = Predictor(predict.model)
    sufficiency.run(fresh, locus, **OURS)
    assert fresh.computed == 1 + SHUFFLES + len(tiles) * SHUFFLES
