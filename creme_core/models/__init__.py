"""The networks CREME asks, behind one protocol. Importing this touches neither torch nor any file."""

import re
from pathlib import Path
from typing import Any

from creme_core.models.base import SequenceModel, check_tracks, make_tracks, read_tracks, resolve_readout
from creme_core.models.layout import model_layout

__all__ = ["SequenceModel", "check_tracks", "load_model", "make_tracks", "read_tracks", "resolve_readout"]

DEMO_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "demo" / "model"
NAMES = ("demo", "enformer", "borzoi", "flashzoi")
# All four replicates, or one of them.
BORZOI_NAME = re.compile(r"(borzoi|flashzoi)(-[0-3])?")


def load_model(
    name_or_path: str | Path, device: Any = "auto", precision: str = "auto", *, replicates: Any = None
) -> SequenceModel:
    """Load a model by name, or from a folder.

    Args:
        name_or_path: "demo"; "enformer"; "borzoi" or "flashzoi" (four replicates averaged), "borzoi-0" to "borzoi-3" or
            "flashzoi-0" to "flashzoi-3" (one replicate); or a folder: one that `folder.save_model` wrote (config.json,
            model.safetensors and tracks.tsv), or an Enformer or Borzoi laid out as on Hugging Face (config.json and
            model.safetensors or pytorch_model.bin).
        device: "auto" (CUDA, else Apple MPS, else CPU), "cpu", "cuda", "mps", or a torch.device.
        precision: "auto" (TF32 on CUDA, else float32), "float32", "float64", "tf32", "float16" or "bfloat16".
        replicates: which replicates of Borzoi to average, see `borzoi.load_borzoi`; no other model has any.

    Raises:
        ValueError: no such model, one that was not downloaded, a folder that lacks one of the files or holds one that
            can't be read, or a device or precision this machine can't give.
        OSError: what was downloaded can't be prepared: no room, or no right to write.
    """
    name = name_or_path if isinstance(name_or_path, str) else ""
    if name in NAMES or BORZOI_NAME.fullmatch(name):
        kind = name.partition("-")[0]
    else:
        folder = Path(name_or_path)
        if not folder.is_dir():
            known = ", ".join(map(repr, NAMES))
            raise ValueError(f"{str(name_or_path)!r} is no known model; give {known} or the path of a model folder.")
        kind = model_layout(folder)
    settings = {"device": device, "precision": precision}
    if replicates is not None and kind not in ("borzoi", "flashzoi"):
        raise ValueError(f"replicates={replicates!r} was given, but {str(name_or_path)!r} has none; leave it out.")
    # torch takes seconds to import, so it waits until a model is wanted.
    match kind:
        case "borzoi" | "flashzoi":
            from creme_core.models.borzoi import load_borzoi

            return load_borzoi(name if name else folder, replicates=replicates, **settings)
        case "enformer":
            from creme_core.models.official import load_enformer, load_official

            return load_enformer(**settings) if name == kind else load_official(folder, **settings)
        case "demo":
            folder = DEMO_FOLDER
            if not folder.is_dir():
                raise ValueError(f"The demo model is not at {folder}; restore assets/demo/model from the repository.")
    from creme_core.models.folder import load_folder

    return load_folder(folder, **settings)
