"""A model as a folder: config.json, model.safetensors and tracks.tsv."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from enformer_pytorch import Enformer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from creme_core.models.base import check_tracks, read_tracks
from creme_core.models.enformer import SEQUENCE_LENGTH, EnformerModel, attentions
from creme_core.models.layout import CONFIG, TRACKS, WEIGHTS, read_config
from creme_core.models.weights import assign, named_tensors

__all__ = [
    "SavedModel",
    "empty_network",
    "load_folder",
    "read_model",
    "read_safetensors",
    "save_model",
    "wrap",
]

# Whole numbers that EnformerConfig takes, with the least and most that are no mistake.
SIZES = {
    "dim": (2, 65_536),
    "depth": (0, 256),
    "heads": (1, 4_096),
    "target_length": (-1, 2**24),
    "attn_dim_key": (1, 65_536),
    "num_downsamples": (3, 20),
    "dim_divisible_by": (1, 65_536),
}
MOST_OUTPUTS = 10**6


class SavedModel(NamedTuple):
    """What a model folder holds, read and checked; the network is on the CPU.

    Attributes:
        module: the network.
        tracks: one row an output of `head`.
        input_length: bases of an input sequence.
        name: what people call the model.
        head: which output head the tracks describe.
    """

    module: Enformer
    tracks: pd.DataFrame
    input_length: int
    name: str
    head: str


def save_model(
    folder: str | Path,
    module: Enformer,
    tracks: pd.DataFrame,
    *,
    input_length: int = SEQUENCE_LENGTH,
    name: str = "Enformer",
    head: str = "human",
) -> Path:
    """Write a module as a folder that `load_model` reads, and return that folder.

    Args:
        folder: made if it is not there; files of the same names are replaced.
        module: the network; unchanged.
        tracks: one row an output of `head`, columns as in `base.TRACK_COLUMNS`.
        input_length: bases of an input sequence.
        name: what people call the model.
        head: which output head the tracks describe.

    Raises:
        ValueError: a head the module does not have, tracks that do not fit it, or attention layers of which only some
            use TensorFlow's position features.
    """
    if head not in module.heads:
        raise ValueError(f"The network has no head {head!r}; it has {', '.join(module.heads)}.")
    tracks = check_tracks(tracks, module.output_heads[head])
    gammas = {bool(attention.use_tf_gamma) for attention in attentions(module)}
    if len(gammas) == 2:
        raise ValueError("Only some attention layers have use_tf_gamma; set it on all of them or on none.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # What the module does now, wherever that has been set since its config was written.
    config = {field: getattr(module.config, field) for field in SIZES}
    config |= {"output_heads": dict(module.output_heads), "target_length": module.crop_final.target_length}
    config |= {"use_tf_gamma": gammas == {True}, "input_length": input_length, "name": name, "head": head}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in named_tensors(module).items()}
    save_file(tensors, folder / WEIGHTS)
    # save_file makes a file that only its owner can read.
    (folder / WEIGHTS).chmod((folder / CONFIG).stat().st_mode)
    tracks.to_csv(folder / TRACKS, sep="\t", index=False, lineterminator="\n")
    return folder


def load_folder(folder: str | Path, *, device="auto", precision: str = "auto") -> EnformerModel:
    """Load what `save_model` wrote.

    Raises:
        ValueError: a file that is missing, damaged, or does not fit the others.
    """
    return wrap(read_model(folder), device=device, precision=precision)


def wrap(saved: SavedModel, *, device="auto", precision: str = "auto") -> EnformerModel:
    """Make what a folder holds ready to predict; see EnformerModel for device and precision."""
    return EnformerModel(
        saved.module,
        saved.tracks,
        device=device,
        precision=precision,
        input_length=saved.input_length,
        name=saved.name,
        head=saved.head,
    )


def read_model(folder: str | Path) -> SavedModel:
    """Read what `save_model` wrote, each tensor once in memory.

    Raises:
        ValueError: a file that is missing, damaged, or does not fit the others.
    """
    folder = Path(folder)
    missing = [name for name in (CONFIG, WEIGHTS, TRACKS) if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{folder} lacks {', '.join(missing)}; a model folder holds {CONFIG}, {WEIGHTS} and {TRACKS}.")
    path = folder / CONFIG
    config = read_config(path)
    if "output_heads" not in config:
        raise ValueError(f"{path} is no model description; it must hold at least output_heads, such as {{'human': 3}}.")
    head = config.get("head", "human")
    module = empty_network(config, path)
    if head not in module.output_heads:
        raise ValueError(f"{path} names the head {head!r}, but output_heads has {list(module.output_heads)}.")
    input_length = config.get("input_length", SEQUENCE_LENGTH)
    if not _is_whole(input_length, 1, 2**31):
        raise ValueError(f"{path} has input_length={input_length!r}; it must be a number of bases.")
    tracks = read_tracks(folder / TRACKS, module.output_heads[head])
    assign(module, read_safetensors(folder / WEIGHTS), f"{folder / WEIGHTS} does not fit {CONFIG}")
    return SavedModel(module, tracks, input_length, str(config.get("name", folder.name)), head)


def empty_network(config: dict[str, Any], path: Path) -> Enformer:
    """An Enformer as a config describes it, on the meta device: it takes no memory until weights are assigned.

    Args:
        config: sizes by the names of enformer_pytorch's EnformerConfig; its defaults hold for those that are absent.
        path: where the config was read, for errors.

    Raises:
        ValueError: a size that can't be.
    """
    for name, (least, most) in SIZES.items():
        if name in config and not _is_whole(config[name], least, most):
            raise ValueError(f"{path} has {name}={config[name]!r}; it must be a whole number from {least} to {most:,}.")
    sizes = {name: config[name] for name in SIZES if name in config}
    outputs = config.get("output_heads")
    if outputs is not None:
        named = isinstance(outputs, dict) and outputs and all(_is_whole(n, 1, MOST_OUTPUTS) for n in outputs.values())
        if not named:
            raise ValueError(f"{path} has output_heads={outputs!r}; it must name heads with sizes, as {{'human': 3}}.")
        sizes["output_heads"] = outputs
    with torch.device("meta"):
        return Enformer.from_hparams(**sizes, use_tf_gamma=bool(config.get("use_tf_gamma", False)))


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors file by name; they are read from the disk as they are used.

    Raises:
        ValueError: a file that is cut off or is none.
    """
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} can't be read as safetensors ({error}); restore the file.") from error


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
