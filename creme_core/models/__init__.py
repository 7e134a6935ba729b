"""The networks CREME asks, behind one protocol. Importing this touches neither torch nor any file."""

from pathlib import Path
from typing import TYPE_CHECKING

from creme_core.models.base import SequenceModel, check_tracks, read_tracks, resolve_readout

if TYPE_CHECKING:
    from creme_core.models.enformer import EnformerModel

__all__ = ["SequenceModel", "check_tracks", "load_model", "read_tracks", "resolve_readout"]

DEMO_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "demo" / "model"


def load_model(name_or_path: str | Path, device="auto", precision: str = "auto") -> "EnformerModel":
    """Load a model by name, or from a folder.

    Args:
        name_or_path: "demo", or a folder holding config.json, model.safetensors and tracks.tsv (`folder.save_model`).
        device: "auto" (CUDA, else Apple MPS, else CPU), "cpu", "cuda", "mps", or a torch.device.
        precision: "auto" (TF32 on CUDA, else float32), "float32", "float64", "tf32", "float16" or "bfloat16".

    Raises:
        ValueError: no such model, a folder that lacks one of the files or holds one that can't be read, or a device or
            precision this machine can't give.
    """
    # torch takes seconds to import, so it waits until a model is wanted.
    from creme_core.models.folder import load_folder

    if name_or_path == "demo":
        if not DEMO_FOLDER.is_dir():
            raise ValueError(f"The demo model is not at {DEMO_FOLDER}; restore assets/demo/model from the repository.")
        return load_folder(DEMO_FOLDER, device=device, precision=precision)
    folder = Path(name_or_path)
    if not folder.is_dir():
        raise ValueError(f"{str(name_or_path)!r} is no known model; give 'demo' or the path of a model folder.")
    return load_folder(folder, device=device, precision=precision)
