"""Small Enformers with weights that matter, and what they say by their own forward pass."""

from functools import cache

import numpy as np
import pandas as pd
import torch
from enformer_pytorch import Enformer

from creme_core.models.base import TRACK_COLUMNS
from creme_core.models.enformer import EnformerModel
from creme_core.mutant import Mutant
from creme_core.sequence import one_hot

__all__ = ["make_tracks", "own_forward", "random_network", "randomise", "wrap"]


def make_tracks(count: int) -> pd.DataFrame:
    rows = [(index, f"track{index}", "CAGE", f"line{index}", ".", f"CAGE:line{index}") for index in range(count)]
    return pd.DataFrame(rows, columns=TRACK_COLUMNS)


def randomise(module: Enformer, seed: int) -> Enformer:
    """Draw every parameter and running statistic anew, widely, in place.

    A fresh Enformer's attention gives zeros and its batch norms do nothing: a fast path could leave both out unnoticed.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for path, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if path.endswith("to_out.weight"):
                parameter.copy_(noise)
            elif parameter.dim() > 1:
                parameter.mul_(2)
            else:
                parameter.add_(0.3 * noise)
        for path, buffer in module.named_buffers():
            if path.endswith("running_mean"):
                buffer.copy_(0.3 * torch.randn(buffer.shape, generator=generator))
            elif path.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return module


@cache
def random_network(dtype: torch.dtype = torch.float32, seed: int = 3, **settings) -> Enformer:
    """A randomised Enformer of five human tracks and two mouse ones, in eval mode; shared, so not to be changed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = Enformer.from_hparams(**settings, output_heads={"human": 5, "mouse": 2})
    return randomise(module, seed).to(dtype).eval()


def wrap(module: Enformer, input_length: int, **settings) -> EnformerModel:
    tracks = make_tracks(module.output_heads[settings.get("head", "human")])
    return EnformerModel(module, tracks, device="cpu", input_length=input_length, **settings)


def own_forward(module: Enformer, mutants: list[Mutant], head: str = "human") -> np.ndarray:
    """TSS activity by the module's own forward pass on whole sequences: (n, tracks)."""
    dtype = next(module.parameters()).dtype
    bases = torch.from_numpy(one_hot(np.stack([mutant.render() for mutant in mutants]), np.float64)).to(dtype)
    with torch.inference_mode():
        output = module(bases)[head]
    centre = output.shape[1] // 2
    return output[:, centre - 1 : centre + 1].mean(dim=1).numpy()
