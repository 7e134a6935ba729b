"""The three ways to predict the same mutants: the published implementation, a plain forward pass, and ours."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar
from unittest import mock

import creme.creme as published
import numpy as np
import torch
from enformer_pytorch import Enformer

import creme_core as creme
from creme_core.locus import Locus
from creme_core.mutant import Background, Mutant
from creme_core.sequence import one_hot
from tests.benchmarks.networks import HEAD, SEED, SIZES, mutants_of, nearest_tiles

__all__ = ["Ours", "run_ours", "run_plain", "run_published", "timed", "tss_columns"]

T = TypeVar("T")


def timed(action: Callable[[], T], device: str) -> tuple[float, T]:
    """Return the seconds of an action and its result: device events on CUDA, the clock elsewhere."""
    if device != "cuda":
        started = time.perf_counter()
        result = action()
        return time.perf_counter() - started, result
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    result = action()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1_000, result


def tss_columns(output: torch.Tensor) -> torch.Tensor:
    """Mean of the two central bins of (n, bins, tracks): (n, tracks)."""
    centre = output.shape[1] // 2
    return output[:, centre - 1 : centre + 1].mean(dim=1)


class PublishedModel:
    """What creme-nn's tests call: predict on one-hot arrays (n, length, 4) gives (n, tracks)."""

    def __init__(self, module: Enformer, device: str):
        self.module = module
        self.device = device
        self.calls = 0

    def predict(self, x: np.ndarray) -> np.ndarray:
        self.calls += 1
        with torch.inference_mode():
            batch = torch.from_numpy(np.asarray(x, dtype=np.float32)).to(self.device)
            return tss_columns(self.module(batch)[HEAD]).cpu().numpy()


def run_published(name: str, module: Enformer, locus: Locus, device: str) -> tuple[float, np.ndarray]:
    """Run creme-nn's own necessity_test on the tiles nearest the TSS, one shuffle each.

    Its shuffle is called, and timed; what it returns is then replaced by our shuffle of the same tile, so that all
    three predict identical sequences.

    Returns:
        Seconds a prediction, wild type included; float32 (mutants, tracks).
    """
    tiles = nearest_tiles(name, SIZES[name].slow_mutants)
    ours = iter([mutant.edits[0].codes for mutant in mutants_of(locus, tiles)])
    original = published.shuffle.dinuc_shuffle

    def shuffle(sequence: np.ndarray) -> np.ndarray:
        original(sequence)
        return one_hot(next(ours))

    model = PublishedModel(module, device)
    positions = [[tile.start, tile.end] for tile in tiles]
    with (
        mock.patch.object(published.shuffle, "dinuc_shuffle", shuffle),
        mock.patch.object(published, "tqdm", lambda tiles, total: tiles),  # no progress bar in the report
    ):
        seconds, (_, activity) = timed(
            lambda: published.necessity_test(model, one_hot(locus.codes), positions, 1, mean=False), device
        )
    return seconds / model.calls, activity[:, 0]


def run_plain(name: str, module: Enformer, locus: Locus, device: str) -> tuple[float, np.ndarray]:
    """Give the same mutants to the network in batches, whole.

    Returns:
        Seconds a prediction; float32 (mutants, tracks).
    """
    mutants = mutants_of(locus, nearest_tiles(name, SIZES[name].slow_mutants))
    seconds, activity = timed(lambda: plain_forward(module, mutants, SIZES[name].batch, device), device)
    return seconds / len(mutants), activity


def plain_forward(module: Enformer, mutants: Sequence[Mutant], batch: int, device: str) -> np.ndarray:
    """Activity (n, tracks) by the network's own forward pass."""
    activity = []
    for first in range(0, len(mutants), batch):
        x = torch.from_numpy(np.stack([one_hot(mutant.render()) for mutant in mutants[first : first + batch]]))
        with torch.inference_mode():
            activity.append(tss_columns(module(x.to(device))[HEAD]).cpu().numpy())
    return np.concatenate(activity)


class Ours(NamedTuple):
    """How long a Necessity Test took.

    Attributes:
        setup: seconds for the wild type, which every mutant builds on.
        first: seconds from the start until the first mutants were shown, setup included.
        each: seconds a mutant after the setup.
        again: seconds for the same test a second time, from the store.
        computed: sequences computed that second time.
    """

    setup: float
    first: float
    each: float
    again: float
    computed: int

    def total(self, mutants: int) -> float:
        """Seconds for a test of so many mutants."""
        return self.setup + self.each * mutants


def run_ours(name: str, model: creme.EnformerModel, locus: Locus, device: str) -> tuple[Ours, np.ndarray]:
    """Run our Necessity Test, from an empty store, and again from the full one.

    Returns:
        The timing; float32 (slow mutants, tracks): what the test predicted for the mutants of the other two ways.
    """
    size = SIZES[name]
    predict = creme.Predictor(model)
    setup, _ = timed(lambda: predict.predict([Mutant(Background(locus.codes))]), device)
    started, shown = time.perf_counter(), []

    def note(progress: creme.Progress) -> None:
        if progress.done > 1 and not shown:
            shown.append(time.perf_counter() - started)

    def test(**hooks) -> object:
        return creme.necessity(predict, locus, tile_size=size.tile_size, shuffles=size.shuffles, seed=SEED, **hooks)

    seconds, _ = timed(lambda: test(on_progress=note), device)
    mutants = predict.computed - 1
    before = predict.computed
    again, _ = timed(test, device)
    timing = Ours(setup, setup + shown[0], seconds / mutants, again, predict.computed - before)
    compared = mutants_of(locus, nearest_tiles(name, size.slow_mutants))
    activity = predict.predict(compared)
    if predict.computed != before:
        raise RuntimeError("The compared mutants are not those of the Necessity Test; the comparison would be unfair.")
    return timing, activity
