"""Small Borzois with weights that matter, and what they say by their own forward pass."""

from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from borzoi_pytorch import Borzoi
from borzoi_pytorch.pytorch_borzoi_transformer import get_positional_embed

from creme_core.models.borzoi import BorzoiModel
from creme_core.models.target_table import read_borzoi_targets
from creme_core.mutant import Mutant
from creme_core.sequence import one_hot

__all__ = [
    "SMALL",
    "TARGETS_FILE",
    "own_forward",
    "own_outputs",
    "random_borzoi",
    "randomise",
    "targets",
    "unsquashed",
    "wrap",
]

# Widths of the convolutions and of the head are fixed in borzoi_pytorch: it does not get smaller than 34 M weights.
SMALL = {"dim": 48, "depth": 2, "heads": 2, "attn_dim_key": 12, "attn_dim_value": 20, "bins_to_return": 24}
TARGETS_FILE = Path(str(resources.files("borzoi_pytorch"))) / "precomputed" / "targets.txt"
CALIBRATION_LENGTH = 4096


@cache
def targets() -> pd.DataFrame:
    """The public table of Borzoi's outputs."""
    return read_borzoi_targets(TARGETS_FILE)


def randomise(module: Borzoi, seed: int) -> Borzoi:
    """Draw every parameter and running statistic anew, widely, in place.

    A fresh Borzoi's attention gives zeros and its batch norms do nothing: a fast path could leave both out unnoticed.
    Running statistics lie round those of a random sequence, or activations would grow beyond what softplus tells apart.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=generator)

    with torch.no_grad():
        for path, parameter in module.named_parameters():
            if path.endswith(("to_out.weight", "to_v.weight")):
                parameter.copy_(noise(parameter))
            elif path.endswith(("to_rel_k.weight", "rel_pos_bias")):
                # Were they large, every column would look at one distance only.
                parameter.copy_(0.3 * noise(parameter))
            elif parameter.dim() > 1:
                parameter.mul_(2)
            else:
                parameter.add_(0.3 * noise(parameter))
        _calibrate(module, generator)
        for path, buffer in module.named_buffers():
            if path.endswith("running_mean"):
                buffer.add_(0.3 * noise(buffer))
            elif path.endswith("running_var"):
                buffer.mul_(0.5 + torch.rand(buffer.shape, generator=generator))
        _set_head(module, generator)
    return module


def _calibrate(module: Borzoi, generator: torch.Generator) -> None:
    """Set running statistics to those of one random sequence."""
    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm1d)]
    module.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    module(_random_bases(generator))
    module.eval()


def _set_head(module: Borzoi, generator: torch.Generator) -> None:
    """Half of the outputs low, half of them round where squashing begins, all moving much from bin to bin."""
    head = module.human_head
    embedded = module.final_joined_convs(module.get_embs_after_crop(_random_bases(generator)))[0]
    head.weight.copy_(torch.randn(head.weight.shape, generator=generator))
    moved = torch.cov(embedded)
    spread = torch.sqrt(((head.weight[:, :, 0] @ moved) * head.weight[:, :, 0]).sum(dim=1))
    head.weight.mul_((3 / spread)[:, None, None])
    bends = torch.tensor((targets()["clip_soft"] * targets()["scale"]).to_numpy(), dtype=torch.float32)
    low = torch.rand(bends.shape, generator=generator) < 0.5
    centres = torch.where(low, torch.tensor(3.0), bends)
    head.bias.copy_(centres - head.weight[:, :, 0] @ embedded.mean(dim=1))


def _random_bases(generator: torch.Generator) -> torch.Tensor:
    codes = torch.randint(0, 4, (1, CALIBRATION_LENGTH), generator=generator)
    return torch.nn.functional.one_hot(codes, 4).float().transpose(1, 2)


@cache
def random_borzoi(dtype: torch.dtype = torch.float32, seed: int = 3, **settings) -> Borzoi:
    """A randomised Borzoi in eval mode; shared, so not to be changed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = Borzoi.from_hparams(**SMALL | settings)
    return randomise(module, seed).to(dtype)


def wrap(modules, input_length: int, **settings) -> BorzoiModel:
    return BorzoiModel(modules, targets(), device="cpu", input_length=input_length, **settings)


def own_outputs(module: Borzoi, codes: np.ndarray) -> torch.Tensor:
    """Raw outputs of the module's own layers on codes (n, length): (n, outputs, bins).

    Its `forward` as it stands takes float32 only: position features and the head's input are made float32 there.
    """
    dtype = module.human_head.weight.dtype
    for layer in module.transformer:
        # Or else it keeps those of the first length that it sees.
        layer[0].fn[1].positions = get_positional_embed(codes.shape[1] // 128, 4096, 32, "cpu").to(dtype)
    bases = torch.from_numpy(one_hot(codes, np.float64)).to(dtype).transpose(1, 2)
    if dtype == torch.float32:
        return module(bases)
    embedded = module.final_joined_convs(module.get_embs_after_crop(bases))
    return module.final_softplus(module.human_head(embedded))


def unsquashed(raw: np.ndarray) -> np.ndarray:
    """Coverage from raw outputs (..., outputs), written out as the table says it."""
    table = targets()
    x = raw / table["scale"].to_numpy()
    clip = np.broadcast_to(table["clip_soft"].to_numpy(float), x.shape)
    x = np.where(x > clip, (x - clip) ** 2 + clip, x)
    rna = (table["sum_stat"] == "sum_sqrt").to_numpy()
    x[..., rna] = x[..., rna] ** (4 / 3)
    return x


def own_forward(module: Borzoi, mutants: list[Mutant]) -> np.ndarray:
    """TSS activity by the module's own forward pass on whole sequences, in float64 from there on: (n, tracks)."""
    activity = []
    for mutant in mutants:
        with torch.inference_mode():
            raw = own_outputs(module, mutant.render()[None])[0].T.double().numpy()
        centre = len(raw) // 2
        by_output = unsquashed(raw[centre - 4 : centre + 4]).mean(axis=0)
        # 638 pairs of CAGE come first in the table.
        activity.append(np.concatenate([by_output[0:1276:2] + by_output[1:1276:2], by_output[1276:]]))
    return np.stack(activity)
