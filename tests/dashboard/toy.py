"""A model small enough to check by eye, with the attributes that the dashboard and the predictor use."""

import threading

import numpy as np
import pandas as pd

CELL_LINES = ("K562", "GM12878", "PC-3")
TRACKS = pd.DataFrame(
    [
        (0, "toy0", "CAGE", "K562", "", ""),
        (1, "toy1", "DNASE", "K562", "", ""),
        (2, "toy2", "CAGE", "GM12878", "", ""),
        (3, "toy3", "CAGE", "PC-3", "", ""),
        (4, "toy4", "CAGE", "PC-3", "", ""),
    ],
    columns=["index", "identifier", "assay", "cell_line", "strand", "description"],
)


class ToyModel:
    """Activity is a weighted count of the bases, another one for each of five tracks; calls are counted.

    gate: when it is given, every model call waits for it.
    """

    name = "toy"
    fingerprint = "toy-fingerprint"
    precision = "float32"
    bin_size = 128
    tss_bins = (0,)
    tracks = TRACKS
    device = "cpu"

    def __init__(self, input_length=30_000, batch_size=2, gate=None):
        self.input_length = input_length
        self.batch_size = batch_size
        self.gate = gate
        self.calls = 0
        self.asked = threading.Event()
        position = np.linspace(-1, 1, input_length)
        # Unlike along the window, so that shuffling one tile or another, or for another track, tells.
        self.weights = np.stack([np.sin(position * (3 + track)) * (1 + track) for track in range(len(TRACKS))])

    def tss_activity(self, mutants):
        self.calls += 1
        self.asked.set()
        if self.gate is not None:
            assert self.gate.wait(30), "the test never opened the gate"
        codes = np.stack([mutant.render() for mutant in mutants]).astype(float)
        return (100 + codes @ self.weights.T / 20).astype(np.float32)

    def gradient(self, codes, readout):
        """Of the first track, whatever is asked: the weight of a position, spread over the four bases."""
        return np.repeat(self.weights[0][:, None], 4, axis=1).astype(np.float32)


def on_k562(values, others=7.0):
    """Activity (..., 5 tracks) with the values on track 0, which is K562's CAGE."""
    values = np.asarray(values, dtype=np.float32)
    activity = np.full((*values.shape, 5), others, dtype=np.float32)
    activity[..., 0] = values
    return activity


def traces(figure):
    return {trace.name: trace for trace in figure.data}
