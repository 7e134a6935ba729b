"""Training the demo network: what a promoter makes of the doses that reach it.

The trunk and the attention (`network`) hand every column two lists of numbers, the doses that reach it from afar and
those beside it. So a training example is no sequence but such a pair of lists, drawn at random, with what the grammar
makes of it: half a million examples take seconds. The feed-forward block, the final pointwise block and the heads learn
them; no gene of the demo world is among them, and no sequence at all.
"""

import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from creme_core.demo.grammar import MOTIF_NAMES, MOTIFS, decay
from creme_core.demo.network import INPUT_LENGTH, build_network, doses_to_residual
from creme_core.demo.tracks import HUM_MEAN, HUM_SPREAD, planted_tracks, track_table
from creme_core.models.folder import save_model

__all__ = ["draw_examples", "fit", "train_model"]

EXAMPLES = 600_000
STEPS = 60_000
BATCH = 1_024
RATE = 4e-3
THREADS = 1
CAGE_TRACKS = 3
# Other tracks are for show; the activity must be right.
OTHER_WEIGHT = 0.03
# Added before taking logarithms, so that the silent columns of the genome do not dominate.
FLOOR = np.array([0.2] * CAGE_TRACKS + [0.5] * 9)
PROMOTERS = np.array([motif.is_promoter for motif in MOTIFS])
REACH = 97_000


def draw_examples(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random surroundings of a column: distal (n, motifs) and local doses (n, motifs), and hum (n,).

    They hold empty contexts, one element, pairs, crowds, and many copies of one element, mostly at a promoter and
    sometimes in a column without one.
    """
    motifs = len(MOTIFS)
    others = np.flatnonzero(~PROMOTERS)
    # How many motifs act: none, one, two, three, or up to all.
    kinds = rng.choice(5, size=count, p=[0.1, 0.36, 0.3, 0.14, 0.1])
    wanted = np.where(kinds == 4, rng.integers(4, len(others) + 1, count), kinds)
    order = rng.random((count, len(others)))
    chosen = order.argsort(axis=1).argsort(axis=1) < wanted[:, None]
    # A pair that cooperates is rarely met by chance.
    first, second = (list(others).index(MOTIF_NAMES.index(name)) for name in ("COA", "COB"))
    chosen[rng.random(count) < 0.15] |= np.isin(np.arange(len(others)), (first, second))
    distal = np.zeros((count, motifs))
    distal[:, others] = np.where(chosen, _element_doses((count, len(others)), rng), 0.0)

    local = np.zeros((count, motifs))
    # (PRO, HKP) cores; the last is a column without a promoter.
    promoters = np.array([(1, 0), (2, 0), (0, 1), (0, 2), (1, 1), (0, 0)], float)
    drawn = rng.choice(len(promoters), size=count, p=[0.42, 0.13, 0.1, 0.15, 0.05, 0.15])
    local[:, :2] = promoters[drawn] * rng.normal(1.0, 0.02, (count, 1))
    partial = rng.random(count) < 0.05  # columns beside a promoter see some of it
    local[partial, :2] *= rng.random((int(partial.sum()), 1))
    beside = np.flatnonzero((drawn == len(promoters) - 1) & (rng.random(count) < 0.6))
    motif = rng.choice(others, beside.size)
    local[beside, motif] = rng.uniform(0.0, 4.5, beside.size)
    distal[beside, motif] += local[beside, motif]
    hum = np.clip(rng.normal(HUM_MEAN, HUM_SPREAD, count), 0.0, None)
    return distal, local, hum


def _element_doses(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Summed dose x decay of one to four elements, or, one time in twelve, anything up to 60."""
    total = np.zeros(shape)
    number = rng.integers(1, 5, shape)
    for element in range(4):
        cores = rng.integers(1, 5, shape)
        weight = decay(rng.uniform(-REACH, REACH, shape))
        total += np.where(element < number, cores * weight * rng.normal(1.0, 0.05, shape), 0.0)
    wide = np.exp(rng.uniform(np.log(0.02), np.log(60.0), shape))
    return np.where(rng.random(shape) < 0.08, wide, total)


def fit(module: torch.nn.Module, seed: int, steps: int = STEPS, examples: int = EXAMPLES) -> None:
    """Train the module's feed-forward block, final pointwise block and heads, in place."""
    rng = np.random.default_rng([seed, 2])
    distal, local, hum = draw_examples(examples, rng)
    residual = torch.from_numpy(doses_to_residual(np.column_stack([distal[:, ~PROMOTERS], hum]), local))
    floor = torch.from_numpy(FLOOR.astype(np.float32))
    targets = torch.log(torch.from_numpy(planted_tracks(distal, local, hum).astype(np.float32)) + floor)
    weights = torch.tensor([1.0] * CAGE_TRACKS + [OTHER_WEIGHT] * (len(FLOOR) - CAGE_TRACKS))

    module.requires_grad_(False)
    parts = [module.transformer[0][1], module.final_pointwise, module.heads["human"]]
    parameters = [parameter.requires_grad_() for part in parts for parameter in part.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.05)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(examples, (BATCH,), generator=generator)
        predicted = react(module, residual[rows])
        loss = (weights * (torch.log(predicted + floor) - targets[rows]).square()).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
    module.requires_grad_(False)


def react(module: torch.nn.Module, residual: torch.Tensor) -> torch.Tensor:
    """The rest of the network after the attention: residual (n, dim) to tracks (n, tracks).

    The same numbers as the modules give, three times as fast: for single columns a convolution of one tap is a matrix.
    """
    norm, hidden, _, _, out, _ = module.transformer[0][1].fn
    block = module.final_pointwise[1]
    head = module.heads["human"][0]
    x = residual + out(F.relu(hidden(norm(residual))))
    x = gelu(x * block[0].weight + block[0].bias)
    x = gelu(F.linear(x, block[2].weight[:, :, 0], block[2].bias))
    return F.softplus(head(x))


def gelu(x: torch.Tensor) -> torch.Tensor:
    """Enformer's GELU."""
    return x * torch.sigmoid(1.702 * x)


def train_model(folder: Path, seed: int) -> None:
    """Build, train and save the demo network as a model folder."""
    threads = torch.get_num_threads()
    torch.set_num_threads(min(THREADS, os.cpu_count() or 1))
    torch.use_deterministic_algorithms(True)
    try:
        tracks = track_table()
        module = build_network(len(tracks), seed)
        fit(module, seed)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
    save_model(folder, module, tracks, input_length=INPUT_LENGTH, name="Demo Enformer")
