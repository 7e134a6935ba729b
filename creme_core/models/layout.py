"""What a folder with a model in it looks like. No torch in here."""

import json
from pathlib import Path
from typing import Any

__all__ = ["CONFIG", "PICKLE", "TARGETS", "TRACKS", "WEIGHTS", "model_layout", "read_config"]

CONFIG, WEIGHTS, TRACKS = "config.json", "model.safetensors", "tracks.tsv"
# The public names of a pickled checkpoint, and of the tables of tracks.
PICKLE, TARGETS = "pytorch_model.bin", "targets_human.txt"
# What only save_model writes into a config, and what only Borzoi has in its.
OWN_FIELDS = {"input_length", "head"}
BORZOI_FIELDS = {"attn_dim_value", "bins_to_return", "return_center_bins_only", "enable_mouse_head"}


def model_layout(folder: Path) -> str:
    """Tell how a model's folder is laid out, by its config.json.

    Returns:
        "own" (as `folder.save_model` writes it), "enformer" or "borzoi" (as on Hugging Face). "own" too where the
        config can't tell, or there is none: reading it will say what is missing.

    Raises:
        ValueError: a config that can't be read.
    """
    if not (folder / CONFIG).is_file():
        return "own"
    config = read_config(folder / CONFIG)
    if OWN_FIELDS & config.keys():
        return "own"
    kind = config.get("model_type")
    if kind == "borzoi" or (kind is None and BORZOI_FIELDS & config.keys()):
        return "borzoi"
    return "enformer" if kind is not None or "architectures" in config or (folder / PICKLE).is_file() else "own"


def read_config(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: no such file, no JSON, or no object.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"There is no {path}, which says what network a model folder holds.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} can't be read as JSON ({error}); restore the file.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} is no model description; it must be a JSON object.")
    return config
