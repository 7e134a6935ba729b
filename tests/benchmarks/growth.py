"""How the cost grows: more mutants, smaller tiles, more edits a mutant."""

from typing import NamedTuple
from unittest import mock

import numpy as np
import torch
from enformer_pytorch import Enformer

import creme_core as creme
from creme_core.locus import Locus
from creme_core.models.incremental import IncrementalEnformer
from creme_core.mutant import Background, Edit, Mutant
from creme_core.shuffle import dinucleotide_shuffle
from tests.benchmarks.engines import timed
from tests.benchmarks.networks import SIZES, make_model

__all__ = ["EDIT_LENGTH", "Row", "by_edits", "by_mutants", "by_tile_size"]

EDIT_LENGTH = 500


class Row(NamedTuple):
    """One row of a growth table: what grows, seconds in all, seconds a mutant, of those in the trunk (or None)."""

    grows: int
    seconds: float
    each: float
    trunk: float | None


def random_mutants(locus: Locus, count: int, edits: int, length: int) -> list[Mutant]:
    """Return mutants with non-overlapping shuffled intervals at random places, no two alike."""
    rng = np.random.default_rng(7)
    background = Background(locus.codes)
    slots = np.arange(0, locus.length - length, length)
    mutants = []
    for _ in range(count):
        starts = sorted(rng.choice(slots, size=edits, replace=False).tolist())
        mutants.append(
            Mutant(
                background,
                tuple(Edit(at, dinucleotide_shuffle(locus.codes[at : at + length], rng)) for at in starts),
            )
        )
    return mutants


def by_mutants(name: str, module: Enformer, locus: Locus, device: str) -> list[Row]:
    """Time whole predictions of more and more mutants with one 5 kb tile shuffled, the background included."""
    rows = []
    for count in SIZES[name].growth_mutants:
        mutants = random_mutants(locus, count, 1, SIZES[name].tile_size)
        model = make_model(name, module, device)
        seconds, _ = timed(lambda model=model, mutants=mutants: creme.Predictor(model).predict(mutants), device)
        rows.append(Row(count, seconds, seconds / count, None))
    return rows


def by_tile_size(name: str, module: Enformer, locus: Locus, device: str) -> list[Row]:
    """Time mutants with one shuffled tile of ever smaller size, the background known."""
    return [_row(name, module, locus, device, size, 1, size) for size in SIZES[name].growth_tiles]


def by_edits(name: str, module: Enformer, locus: Locus, device: str) -> list[Row]:
    """Time mutants with more and more shuffled pieces of EDIT_LENGTH bases, the background known."""
    length = min(EDIT_LENGTH, SIZES[name].tile_size // 5)
    return [_row(name, module, locus, device, edits, edits, length) for edits in SIZES[name].growth_edits]


def _row(name: str, module: Enformer, locus: Locus, device: str, grows: int, edits: int, length: int) -> Row:
    mutants = random_mutants(locus, SIZES[name].growth_count, edits, length)
    predict = creme.Predictor(make_model(name, module, device))
    predict.predict([Mutant(Background(locus.codes))])
    columns, in_trunk = IncrementalEnformer.columns, []

    def timed_columns(engine: IncrementalEnformer, batch: list[Mutant]) -> torch.Tensor:
        seconds, result = timed(lambda: columns(engine, batch), device)
        in_trunk.append(seconds)
        return result

    with mock.patch.object(IncrementalEnformer, "columns", timed_columns):
        seconds, _ = timed(lambda: predict.predict(mutants), device)
    return Row(grows, seconds, seconds / len(mutants), sum(in_trunk) / len(mutants))
