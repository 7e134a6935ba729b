"""A model as a folder: config.json, model.safetensors and tracks.tsv."""

import json
from pathlib import Path

import pandas as pd
from enformer_pytorch import Enformer
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from creme_core.models.base import check_tracks, read_tracks
from creme_core.models.enformer import SEQUENCE_LENGTH, EnformerModel

__all__ = ["load_folder", "save_model"]

CONFIG, WEIGHTS, TRACKS = "config.json", "model.safetensors", "tracks.tsv"
# What EnformerConfig takes and this project uses; the rest of a transformers config is about training and hubs.
CONFIG_FIELDS = (
    "dim",
    "depth",
    "heads",
    "output_heads",
    "target_length",
    "attn_dim_key",
    "num_downsamples",
    "dim_divisible_by",
    "use_tf_gamma",
)


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
        ValueError: a head the module does not have, or tracks that do not fit it.
    """
    if head not in module.heads:
        raise ValueError(f"The network has no head {head!r}; it has {', '.join(module.heads)}.")
    tracks = check_tracks(tracks, module.output_heads[head])
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {field: getattr(module.config, field) for field in CONFIG_FIELDS}
    # What the module does now, wherever that has been set since its config was written.
    config |= {"output_heads": dict(module.output_heads), "target_length": module.crop_final.target_length}
    config |= {"input_length": input_length, "name": name, "head": head}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    # The module lists its trunk twice (stem.* and _trunk.*); safetensors wants each tensor once.
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    content = save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
    # Not save_file, which makes a file that only its owner can read.
    (folder / WEIGHTS).write_bytes(content)
    tracks.to_csv(folder / TRACKS, sep="\t", index=False, lineterminator="\n")
    return folder


def load_folder(folder: str | Path, *, device="auto", precision: str = "auto") -> EnformerModel:
    """Load what `save_model` wrote.

    Raises:
        ValueError: a file that is missing, damaged, or does not fit the others.
    """
    folder = Path(folder)
    missing = [name for name in (CONFIG, WEIGHTS, TRACKS) if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{folder} lacks {', '.join(missing)}; a model folder holds {CONFIG}, {WEIGHTS} and {TRACKS}.")
    config = _read_config(folder / CONFIG)
    module = Enformer.from_hparams(**{key: config[key] for key in CONFIG_FIELDS if key in config})
    _load_weights(module, folder / WEIGHTS)
    head = config.get("head", "human")
    return EnformerModel(
        module,
        read_tracks(folder / TRACKS, module.output_heads[head]),
        device=device,
        precision=precision,
        input_length=config.get("input_length", SEQUENCE_LENGTH),
        name=config.get("name", folder.name),
        head=head,
    )


def _read_config(path: Path) -> dict:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} can't be read as JSON ({error}); restore the file.") from error
    if not isinstance(config, dict) or "output_heads" not in config:
        raise ValueError(f"{path} is no model description; it must hold at least output_heads, such as {{'human': 3}}.")
    head = config.get("head", "human")
    if head not in config["output_heads"]:
        raise ValueError(f"{path} names the head {head!r}, but output_heads has {list(config['output_heads'])}.")
    return config


def _load_weights(module: Enformer, path: Path) -> None:
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} can't be read as safetensors ({error}); restore the file.") from error
    expected = dict(module.named_parameters()) | dict(module.named_buffers())
    wrong = sorted(expected.keys() ^ tensors.keys())
    wrong += [key for key in expected.keys() & tensors.keys() if expected[key].shape != tensors[key].shape]
    if wrong:
        raise ValueError(
            f"{path} does not fit {CONFIG}: {len(wrong)} tensors are missing, surplus or of another shape, "
            f"such as {wrong[0]}."
        )
    # Not strict only because the state dict lists the trunk twice; completeness was checked above.
    module.load_state_dict(tensors, strict=False)
