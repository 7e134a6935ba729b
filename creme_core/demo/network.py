"""The demo network's reading part, set by hand: which words lie where, and what reaches a promoter from them.

Everything up to and including the attention is given its weights here; what a promoter makes of the doses it is
handed (feed-forward, final pointwise, heads) is trained, in `train`. The parts:

- Stem: filter m matches the word of motif m, and the pooling takes the better of two neighbours.
- Tower 1 cuts at 11.4 of 12 matches, so that only the word itself passes. Towers 2 to 4 add words up while pooling.
- Tower 5 adds up words over 96 bp, tower 6 cuts at 1.5 words: a word that stands alone is gone (grammar.core_dose).
- One more filter, the hum, counts a 6-base word that is everywhere by chance. It lets the background have a say of a
  per cent or two, as backgrounds have in real networks; without it, shuffles would not differ at all.
- Attention head 0 weighs columns by position alone, as grammar.decay does, and so hands the TSS the summed dose of
  each motif. Head 1 looks at five columns and hands over what lies at the TSS itself.
"""

import numpy as np
import torch
from enformer_pytorch import Enformer
from enformer_pytorch.modeling_enformer import get_positional_embed
from torch import nn

from creme_core.demo.genome import PROMOTER_CORES, PROMOTER_WORDS, WORDS
from creme_core.demo.grammar import MOTIFS, WORD_LENGTH, decay
from creme_core.sequence import encode, one_hot

__all__ = ["BIN", "CONFIG", "DISTAL", "HUM", "INPUT_LENGTH", "LOCAL", "QUERY", "build_network", "doses_to_residual"]

INPUT_LENGTH = 196_608
BIN = 128
COLUMNS = INPUT_LENGTH // BIN
QUERY = COLUMNS // 2  # the column that starts with the TSS base; the other TSS column is the one before
CONFIG = {
    "dim": 36,
    "depth": 1,
    "heads": 2,
    "attn_dim_key": 8,
    "dim_divisible_by": 4,
    "num_downsamples": 7,
    "target_length": 896,
    "use_tf_gamma": False,
}
HUM_WORD = "GTTAAC"

# Channels of the tower: one a motif, then the hum. The last dimensions of a column hold constants, +C and -C, so that
# LayerNorm divides by nearly the same number whatever lies in the column, and one zero to subtract its shift with.
HUM = len(MOTIFS)
CHANNELS = HUM + 1
PLUS, MINUS, ZERO = CONFIG["dim"] - 3, CONFIG["dim"] - 2, CONFIG["dim"] - 1
PROMOTERS = [index for index, motif in enumerate(MOTIFS) if motif.is_promoter]
DISTAL_CHANNELS = [index for index in range(CHANNELS) if index not in PROMOTERS]
# Where the attention writes in the residual stream: distal doses (hum last), then local doses.
DISTAL = slice(CHANNELS, CHANNELS + len(DISTAL_CHANNELS))
LOCAL = slice(DISTAL.stop, DISTAL.stop + len(MOTIFS))

STEM_SHARPNESS = 4.0
CUT, SLOPE = 11.4, 8.0  # matches, of 12
WORD = 16.0  # a word's height in the tower: so high that GELU is the identity
CORE_CUT, CORE_SLOPE = 1.5, 6.0  # words
COLUMN_SCALE, COLUMN_CONSTANT = 0.02, 0.2
RESIDUAL_CONSTANT = 10.0
LOCAL_COLUMNS = 3  # the positional feature "fewer than 3 columns away"
LOCAL_LOGIT = 16.0
# Distances from the TSS, in columns, at which the dose of a core is made to agree with the grammar.
CALIBRATION_COLUMNS = (-400, -150, 150, 450)


def build_network(tracks: int, seed: int) -> Enformer:
    """An Enformer with so many tracks whose trunk and attention are set; the rest is as initialised, from the seed."""
    torch.manual_seed(seed)
    module = Enformer.from_hparams(**CONFIG, output_heads={"human": tracks}).eval()
    with torch.no_grad():
        _set_stem(module.stem)
        for number, block in enumerate(module.conv_tower, start=1):
            _set_tower(block, number)
        _set_attention(module)
        _calibrate(module)
    return module


def doses_to_residual(distal: np.ndarray, local: np.ndarray) -> np.ndarray:
    """What the attention leaves in a column: distal (n, 10) and local doses (n, 11) to the residual (n, dim)."""
    residual = np.zeros((len(distal), CONFIG["dim"]), np.float32)
    residual[:, DISTAL], residual[:, LOCAL] = distal, local
    residual[:, PLUS], residual[:, MINUS] = RESIDUAL_CONSTANT, -RESIDUAL_CONSTANT
    return residual


def _clear(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.zero_()


def _set_norm(norm: nn.BatchNorm1d, scale: float = 1.0, shift: float = 0.0) -> None:
    """Make a batch norm in eval mode multiply and add."""
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
    norm.weight.fill_(scale)
    norm.bias.fill_(shift)


def _set_residual(block: nn.Module) -> None:
    """Make a residual convolution block the identity."""
    _clear(block.fn[2])
    _set_norm(block.fn[0])


def _set_stem(stem: nn.Sequential) -> None:
    convolution, residual, pool = stem
    _clear(convolution)
    # The 15 taps are centred; the word takes taps 1 to 12.
    for index, word in enumerate(WORDS):
        convolution.weight[index, :, 1 : 1 + WORD_LENGTH] = torch.from_numpy(one_hot(word).T)
    hum = encode(HUM_WORD)
    # The same scale of matches as the words: 12 for all six.
    convolution.weight[HUM, :, 4 : 4 + len(hum)] = 2.0 * torch.from_numpy(one_hot(hum).T)
    _set_residual(residual)
    _set_pool(pool, STEM_SHARPNESS)


def _set_pool(pool: nn.Module, sharpness: float) -> None:
    """Attention pooling as the mean of two (sharpness 0) or nearly their maximum."""
    size = pool.to_attn_logits.weight.shape[0]
    pool.to_attn_logits.weight.copy_(sharpness * torch.eye(size)[:, :, None, None])


def _set_tower(block: nn.Sequential, number: int) -> None:
    (norm, _, convolution), residual, pool = block
    channels = torch.arange(CHANNELS)
    _clear(convolution)
    _set_norm(norm)
    _set_residual(residual)
    _set_pool(pool, 0.0)
    # Pooling halves a lone word; the next convolution doubles it again.
    centre = convolution.weight[:, :, 2]
    if number == 1:
        _set_norm(norm, SLOPE, -SLOPE * CUT)
        centre[channels, channels] = WORD / (SLOPE * (12 - CUT))
    elif number < 5:
        centre[channels, channels] = 2.0
    elif number == 5:
        # In units of words from here on, summed over three positions of 32 bp; the hum stays a count.
        centre[channels, channels] = 2.0 / WORD
        for tap in (1, 3):
            convolution.weight[channels[:HUM], channels[:HUM], tap] = 2.0 / WORD
    else:
        _set_norm(norm, CORE_SLOPE, -CORE_SLOPE * CORE_CUT)
        # Far up GELU's straight part, so that counts pass unchanged.
        norm.bias[HUM] = 2.0 * CORE_SLOPE
        centre[channels, channels] = COLUMN_SCALE / CORE_SLOPE
        convolution.bias[HUM] = -COLUMN_SCALE * 2.0
        convolution.bias[PLUS], convolution.bias[MINUS] = COLUMN_CONSTANT, -COLUMN_CONSTANT


def _set_attention(module: Enformer) -> None:
    norm, attention = module.transformer[0][0].fn[0], module.transformer[0][0].fn[1]
    _clear(attention)
    norm.weight.fill_(1.0)
    norm.bias.zero_()
    key, value = CONFIG["attn_dim_key"], CONFIG["dim"] // CONFIG["heads"]
    # Logits that depend on position alone: the bias of each head times one key dimension.
    attention.rel_pos_bias[0, :, 0, 0] = 1.0
    attention.to_rel_k.weight[0] = _decay_weights(attention.num_rel_pos_features)
    features = attention.num_rel_pos_features // 2
    mask = features // 3 + 1  # exponentials first, then the masks of 1, 3, 7, ... columns
    attention.to_rel_k.weight[key, mask] = LOCAL_LOGIT
    for row, channel in enumerate(DISTAL_CHANNELS):
        attention.to_v.weight[row, channel], attention.to_v.weight[row, ZERO] = 1.0, -1.0
        attention.to_out.weight[DISTAL.start + row, row] = 1.0
    for row in range(len(MOTIFS)):
        attention.to_v.weight[value + row, row], attention.to_v.weight[value + row, ZERO] = 1.0, -1.0
        attention.to_out.weight[LOCAL.start + row, value + row] = 1.0
    attention.to_out.bias[PLUS], attention.to_out.bias[MINUS] = RESIDUAL_CONSTANT, -RESIDUAL_CONSTANT
    _set_norm(module.final_pointwise[1][0])


def _decay_weights(features: int) -> torch.Tensor:
    """Weights of the positional features whose sum is nearest to log decay, over all columns seen from the TSS."""
    embedded = get_positional_embed(COLUMNS, features, torch.device("cpu"), False).double().numpy()
    # Row r of the embedding is the distance r - (COLUMNS - 1), column minus query: upstream is negative.
    columns = np.arange(-QUERY, COLUMNS - QUERY)
    rows = embedded[columns + COLUMNS - 1]
    target = np.log(decay(columns * BIN))
    # A little shrinkage keeps the weights small; the constant drops out in the softmax.
    design = np.vstack([np.column_stack([rows, np.ones(len(rows))]), np.diag([1e-3] * features + [0.0])])
    solution = np.linalg.lstsq(design, np.append(target, np.zeros(features + 1)), rcond=None)[0]
    return torch.from_numpy(solution[:-1]).float()


def _calibrate(module: Enformer) -> None:
    """Scale the attention's output so that one core of four words at the TSS has dose 1, and nothing has dose 0."""
    attention = module.transformer[0][0].fn[1]
    columns = _columns(module, np.zeros(INPUT_LENGTH, np.uint8))  # all A: not even a hum
    empty = module.transformer[0][0](columns)[0, QUERY]
    for part in (DISTAL, LOCAL):
        attention.to_out.bias[part] -= empty[part]
    # All motifs behave alike, so one of each kind is measured: a promoter core where it always lies, an element's core
    # at some distances and at every phase of the 128 bp columns.
    distal, local = DISTAL_CHANNELS[0], PROMOTERS[0]
    responses = []
    for phase in range(0, BIN, 20):
        core = _columns(module, _one_core(distal, 8 * BIN + phase))[0, 4:14]
        window = columns.clone()
        for column in CALIBRATION_COLUMNS:
            window[0, QUERY + column - 4 : QUERY + column + 6] = core
        expected = decay((np.array(CALIBRATION_COLUMNS) + 0.3) * BIN + phase).sum()
        responses.append(float(module.transformer[0][0](window)[0, QUERY, DISTAL.start]) / expected)
    window = columns.clone()
    core = _columns(module, _one_core(local, 8 * BIN + PROMOTER_CORES[0]))
    window[0, QUERY - 4 : QUERY + 4] = core[0, 4:12]
    at_promoter = float(module.transformer[0][0](window)[0, QUERY, LOCAL.start + local])
    for part, response in ((DISTAL, float(np.mean(responses))), (LOCAL, at_promoter)):
        attention.to_out.weight[part] /= response
        attention.to_out.bias[part] /= response


def _one_core(motif: int, left: int) -> np.ndarray:
    """A short sequence with one core of four words that starts at `left`."""
    codes = np.zeros(18 * BIN, np.uint8)
    for start in PROMOTER_WORDS:
        codes[left + start : left + start + WORD_LENGTH] = WORDS[motif]
    return codes


def _columns(module: Enformer, codes: np.ndarray) -> torch.Tensor:
    """What the convolutions make of a sequence: codes (length,) to (1, length / BIN, dim)."""
    x = torch.from_numpy(one_hot(codes).T[None].copy())
    return module.conv_tower(module.stem(x)).transpose(1, 2)
