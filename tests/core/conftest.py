"""Small worlds with answers that can be worked out on paper."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creme_core.locus import Locus
from creme_core.sequence import encode

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


def track_table(cell_lines=("K562", "GM12878", "PC-3")) -> pd.DataFrame:
    """Five tracks: a CAGE of each line and two others."""
    rows = [(i, f"CAGE{i}", "CAGE", line, ".", f"CAGE:{line}") for i, line in enumerate(cell_lines)]
    rows += [(3, "DNASE3", "DNASE", "K562", ".", "DNASE:K562"), (4, "CHIP4", "CHIP", "K562", ".", "CHIP:H3K27ac:K562")]
    return pd.DataFrame(rows, columns=["index", "identifier", "assay", "cell_line", "strand", "description"])


class ToyModel:
    """Activity of track k is a weighted count of which base stands where: shuffling a tile changes it, order matters.

    weights: (length, 5 codes, 5 tracks).
    """

    name = "toy"
    fingerprint = "toy-1"
    precision = "float32"
    bin_size = 1
    tss_bins = (14, 15)
    batch_size = 4

    def __init__(self, weights: np.ndarray):
        self.weights = weights
        self.input_length = len(weights)
        self.tracks = track_table()
        self.batches: list[int] = []

    def activity(self, codes: np.ndarray) -> np.ndarray:
        return self.weights[np.arange(len(codes)), codes].sum(axis=0)

    def tss_activity(self, mutants) -> np.ndarray:
        self.batches.append(len(mutants))
        return np.stack([self.activity(mutant.render()) for mutant in mutants]).astype(np.float32)


class ScriptedModel(ToyModel):
    """Says what a function of the rendered codes says, the same on every track times the track's factor."""

    def __init__(self, length: int, script, factors=(1, 2, 3, 4, 5)):
        super().__init__(np.zeros((length, 5, 5)))
        self.script = script
        self.factors = np.array(factors, float)

    def activity(self, codes: np.ndarray) -> np.ndarray:
        return self.script(codes) * self.factors


@pytest.fixture
def toy_model() -> ToyModel:
    return ToyModel(np.random.default_rng(5).uniform(1, 9, size=(40, 5, 5)))


@pytest.fixture
def scripted_model():
    return ScriptedModel


@pytest.fixture
def toy_locus() -> Locus:
    """40 bp on the plus strand: with tiles of 10 the TSS tile is 15..25 and two context tiles are 5..15 and 25..35."""
    codes = encode("ACGTTGCAACCGATTACAGGTCAGCATTGAGTCCATGACT")
    return Locus("TOY1", "ENSTOY1", "chrT", 120, "+", 100, 140, codes)


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real-data folder shared/data does not stand beside this checkout")
    return SHARED_DATA
