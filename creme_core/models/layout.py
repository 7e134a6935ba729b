"""What a folder with a model in it looks like, and where what was made of it is kept. No torch in here."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from creme_core.home import home

__all__ = [
    "CONFIG",
    "PICKLE",
    "TARGETS",
    "TRACKS",
    "WEIGHTS",
    "converted_stem",
    "forget_converted",
    "model_layout",
    "read_config",
]

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
        # Replicates of Borzoi may lie side by side, each in a folder of its own.
        inside = {model_layout(path.parent) for path in sorted(folder.glob(f"*/{CONFIG}"))}
        return "borzoi" if inside == {"borzoi"} else "own"
    config = read_config(folder / CONFIG)
    kind = config.get("model_type")
    if kind == "borzoi" or (kind is None and BORZOI_FIELDS & config.keys()):
        return "borzoi"
    if OWN_FIELDS & config.keys():
        return "own"
    return "enformer" if kind is not None or "architectures" in config or (folder / PICKLE).is_file() else "own"


def converted_stem(folder: Path, name: str) -> str:
    """How the names of folders begin, under home()/models, that hold what was made of a model's folder.

    folder: the model's folder; name: what people call the model.
    """
    return f"{re.sub(r'[^A-Za-z0-9-]+', '-', name).strip('-').lower() or 'model'}-{_digest(folder)}"


def forget_converted(folder: Path) -> None:
    """Delete what was made of a model's folder, so that it takes no room once the folder is gone.

    Raises:
        OSError: it can't be deleted.
    """
    for made in (home() / "models").glob(f"*-{_digest(folder)}-*"):
        if made.is_dir():
            shutil.rmtree(made)


def _digest(folder: Path) -> str:
    return hashlib.blake2b(str(folder.resolve()).encode(), digest_size=4).hexdigest()


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
