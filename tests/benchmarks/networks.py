"""The networks that are timed, each with the locus it is asked about and how much of it is affordable."""

import json
from dataclasses import dataclass

import numpy as np
import torch
from enformer_pytorch import Enformer
from safetensors.torch import load_file

import creme_core as creme
from creme_core.locus import Locus
from creme_core.models import DEMO_FOLDER
from creme_core.mutant import Background, Edit, Mutant
from creme_core.shuffle import dinucleotide_shuffle, shuffle_rng
from creme_core.tiles import Tile, TileGrid
from tests.core.networks import make_tracks, randomise

__all__ = ["HEAD", "SEED", "SIZES", "Size", "make_locus", "make_model", "make_module", "nearest_tiles", "shuffled"]

HEAD = "human"
GENE = "SOLO1"
SEED = 0


@dataclass(frozen=True)
class Size:
    """A network, and the work it is given.

    Attributes:
        settings: what the Enformer is made with; None for the demo's own network.
        input_length, tile_size: bases.
        shuffles: of our Necessity Test; 10 is the paper's 380 mutants.
        slow_mutants: mutants that the two slow ways are timed on in one round.
        rounds: how often everything is repeated; medians are reported.
        batch: sequences in a batch of the plain forward pass.
        growth_mutants, growth_tiles, growth_edits: rows of the growth tables.
        growth_count: mutants in each row of the last two.
    """

    settings: dict | None
    input_length: int = 196_608
    tile_size: int = 5_000
    shuffles: int = 10
    slow_mutants: int = 2
    rounds: int = 3
    batch: int = 4
    growth_mutants: tuple[int, ...] = (10, 30, 100, 300, 1_000)
    growth_tiles: tuple[int, ...] = (5_000, 1_000, 500, 200, 50)
    growth_edits: tuple[int, ...] = (1, 2, 5, 10, 20)
    growth_count: int = 40


SIZES = {
    "tiny": Size(  # for the benchmark's own test
        {"dim": 24, "depth": 1, "heads": 2, "dim_divisible_by": 4, "num_downsamples": 4, "target_length": -1},
        input_length=4_096,
        tile_size=500,
        shuffles=2,
        rounds=1,
        growth_mutants=(3, 6),
        growth_tiles=(500, 100),
        growth_edits=(1, 3),
        growth_count=3,
    ),
    "demo": Size(None, slow_mutants=12),
    "mid": Size(
        {"dim": 384, "depth": 4, "heads": 4, "dim_divisible_by": 32, "target_length": 896},
        shuffles=2,
        slow_mutants=4,
        growth_mutants=(10, 30, 100),
        growth_count=12,
    ),
    "full": Size(
        {"dim": 1_536, "depth": 11, "heads": 8, "dim_divisible_by": 128, "target_length": 896, "use_tf_gamma": True},
        shuffles=1,
        rounds=1,
        batch=2,
        growth_mutants=(10, 30),
        growth_tiles=(5_000, 500, 50),
        growth_edits=(1, 5, 20),
        growth_count=6,
    ),
}
TRACKS = {"tiny": 5, "mid": 512, "full": 5_313}


def make_module(name: str) -> Enformer:
    """Make the network of a size, in eval mode on the CPU; the same one every time."""
    settings = SIZES[name].settings
    if settings is None:
        config = json.loads((DEMO_FOLDER / "config.json").read_text(encoding="utf-8"))
        module = Enformer.from_hparams(**{key: value for key, value in config.items() if key not in ("name", "head")})
        module.load_state_dict(load_file(DEMO_FOLDER / "model.safetensors"), strict=False)
        return module.eval()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = Enformer.from_hparams(**settings, output_heads={HEAD: TRACKS[name]})
    randomise(module, seed=1)
    with torch.no_grad():  # wide weights in a wide network otherwise drive the softplus of its head to 0
        module.heads[HEAD][0].weight.mul_(0.3)
    return module.eval()


def make_model(name: str, module: Enformer, device: str) -> creme.EnformerModel:
    """Wrap the network in our model, with nothing cached yet."""
    tracks = make_tracks(module.output_heads[HEAD])
    return creme.EnformerModel(module, tracks, device=device, input_length=SIZES[name].input_length, name=name)


def make_locus(name: str) -> Locus:
    """Return the demo gene every size is asked about."""
    return creme.open_source("demo").locus(GENE, length=SIZES[name].input_length)


def shuffled(codes: np.ndarray, start: int, end: int, replicate: int) -> Edit:
    """Return the edit that a test makes of one interval of codes (length,), 0-based half-open."""
    rng = shuffle_rng(SEED, start, end, replicate)
    return Edit(start, dinucleotide_shuffle(codes[start:end], rng))


def nearest_tiles(name: str, count: int) -> list[Tile]:
    """Return the context tiles nearest the TSS."""
    grid = TileGrid(SIZES[name].input_length, SIZES[name].tile_size)
    centre = grid.tss_tile.start + grid.tss_tile.end
    return sorted(grid.context_tiles, key=lambda tile: abs(tile.start + tile.end - centre))[:count]


def mutants_of(locus: Locus, tiles: list[Tile], replicate: int = 0) -> list[Mutant]:
    """Return one mutant a tile, as the Necessity Test makes them."""
    background = Background(locus.codes)
    return [Mutant(background, (shuffled(locus.codes, tile.start, tile.end, replicate),)) for tile in tiles]
