"""Saliency: gradient times input, what each base of a sequence contributes to first order (Simonyan et al., 2013)."""

import numpy as np

from creme_core.predictor import Predictor
from creme_core.sequence import one_hot

__all__ = ["gradient_times_input"]


def gradient_times_input(predict: Predictor, codes: np.ndarray, readout: str | int) -> np.ndarray:
    """Gradient x input of a readout's TSS activity (its two central bins): codes (length,) to float64 (length,)."""
    return (predict.gradient(codes, readout) * one_hot(codes)).sum(axis=-1).astype(np.float64)
