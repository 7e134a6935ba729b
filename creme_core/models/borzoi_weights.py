"""Where a Borzoi's weights come from: a module in memory, or a folder as on Hugging Face, read when they are needed."""

import importlib.util
import json
from pathlib import Path
from typing import Any, Protocol

import torch
from borzoi_pytorch import Borzoi
from borzoi_pytorch.config_borzoi import BorzoiConfig
from safetensors import SafetensorError, safe_open

from creme_core.models.layout import CONFIG, PICKLE, WEIGHTS, read_config
from creme_core.models.weights import address

__all__ = ["BorzoiCheckpoint", "BorzoiWeights", "InMemory", "check_flash", "frozen_network"]

# Whole numbers that BorzoiConfig takes, with the least and most that are no mistake.
SIZES = {
    "dim": (1, 65_536),
    "depth": (0, 256),
    "heads": (1, 4_096),
    "attn_dim_key": (1, 65_536),
    "attn_dim_value": (1, 65_536),
    "bins_to_return": (2, 2**24),
}
FLAGS = {
    "return_center_bins_only": True,
    "flashed": False,
    "enable_human_head": True,
    "enable_mouse_head": False,
}
# The other species' head takes no part, nor does what set_track_subset puts aside, nor the step counters.
UNUSED = ("mouse_head.", "human_head_bak.")
COUNTER = "num_batches_tracked"
HEAD = "human_head.weight"


class BorzoiWeights(Protocol):
    """One replicate.

    Attributes:
        config: the network's sizes, without the head for mouse.
        outputs: of the head for human.
        label: what an error calls it.
        on_disk: whether the weights are read anew each time.
    """

    config: BorzoiConfig
    outputs: int
    label: str
    on_disk: bool

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights by name, as the network with `config` has them; not to be changed."""
        ...

    def digest(self) -> str:
        """Content address of the weights and of what decides how they are used."""
        ...


class InMemory:
    """A borzoi_pytorch.Borzoi in train or eval mode, on any device; read, never changed."""

    label = "the network"
    on_disk = False

    def __init__(self, module: Borzoi):
        if not isinstance(module, Borzoi):
            raise ValueError(f"BorzoiModel wraps borzoi_pytorch.Borzoi networks, not a {type(module).__name__}.")
        settings = {name: getattr(module.config, name, None) for name in (*SIZES, *FLAGS)}
        self.config = _config({name: value for name, value in settings.items() if value is not None}, self.label)
        self._module = module
        self.outputs = module.human_head.out_channels

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights by name, shared with the module."""
        return {name: tensor.detach() for name, tensor in self._module.state_dict().items() if _is_used(name)}

    def digest(self) -> str:
        """See BorzoiWeights."""
        return _digest(self)


class BorzoiCheckpoint:
    """A folder with config.json and model.safetensors, as `save_pretrained` writes it and Hugging Face holds it.

    The weights are mapped into memory: those in use are read from the disk when first needed, and can be dropped again.

    Raises:
        ValueError: a file that is missing or damaged, or another network.
    """

    on_disk = True

    def __init__(self, folder: str | Path):
        folder = Path(folder)
        self.label = str(folder)
        self._path = folder / WEIGHTS
        if not (folder / CONFIG).is_file():
            raise ValueError(f"{folder} lacks {CONFIG}; a Borzoi's folder holds {CONFIG} and {WEIGHTS}.")
        if not self._path.is_file():
            pickled = f"; {PICKLE} beside it is a pickle, which is not read" if (folder / PICKLE).is_file() else ""
            raise ValueError(f"{folder} lacks {WEIGHTS}{pickled}. Get {WEIGHTS} from where {CONFIG} came from.")
        settings = read_config(folder / CONFIG)
        kind = settings.get("model_type", "borzoi")
        if kind != "borzoi":
            raise ValueError(f"{folder / CONFIG} describes a model of the type {kind!r}, not a Borzoi.")
        self.config = _config(settings, str(folder / CONFIG))
        if self.config.flashed:
            check_flash()
        self.input_length = _whole(settings, "input_length", 1, 2**31, str(folder / CONFIG))
        with self._open() as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            kinds = {file.get_slice(name).get_dtype() for name in file.keys() if not name.endswith(COUNTER)}  # noqa: SIM118
        if not kinds <= {"F16", "BF16", "F32", "F64"}:
            raise ValueError(f"{self._path} holds numbers of the type {', '.join(sorted(kinds))}; Borzoi's are floats.")
        self.outputs = shapes[HEAD][0] if shapes.get(HEAD) else 0
        self._check(shapes)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights by name, mapped from the file."""
        with self._open() as file:
            return {name: file.get_tensor(name) for name in file.keys() if _is_used(name)}  # noqa: SIM118

    def digest(self) -> str:
        """See BorzoiWeights.

        Raises:
            ValueError: weights that are no numbers.
        """
        broken = [name for name, tensor in self.tensors().items() if not bool(torch.isfinite(tensor).all())]
        if broken:
            raise ValueError(f"{self._path}: {broken[0]} holds values that are no numbers; get the file again.")
        return _digest(self)

    def _open(self) -> Any:
        try:
            return safe_open(self._path, framework="pt")
        except SafetensorError as error:
            raise ValueError(
                f"{self._path} can't be read as safetensors ({error}); it is cut off or damaged, get it again."
            ) from error
        except OSError as error:
            raise ValueError(f"{self._path} can't be read ({error}).") from error

    def _check(self, shapes: dict[str, tuple[int, ...]]) -> None:
        if HEAD not in shapes and "mouse_head.weight" in shapes:
            raise ValueError(f"{self._path} predicts mouse tracks only; get a Borzoi with human ones.")
        expected = {name: tuple(tensor.shape) for name, tensor in _empty(self).state_dict().items()}
        given = {name: shape for name, shape in shapes.items() if _is_used(name)}
        missing = sorted(name for name in expected.keys() - given.keys() if not name.endswith(COUNTER))
        surplus = sorted(given.keys() - expected.keys())
        other = sorted(name for name in expected.keys() & given.keys() if expected[name] != given[name])
        for what, names in (("missing", missing), ("surplus", surplus), ("of another shape", other)):
            if names:
                raise ValueError(
                    f"{self._path} does not fit {CONFIG}: {len(names):,} of its tensors are {what}, such as {names[0]}."
                )


def check_flash(device: torch.device | None = None) -> None:
    """Refuse a Flashzoi where it can't run.

    Raises:
        ValueError: no flash-attn, or a device (if given) that is no CUDA one.
    """
    lacking = []
    if importlib.util.find_spec("flash_attn") is None:
        lacking.append("the package flash-attn is not installed")
    if device is not None and device.type != "cuda":
        lacking.append(f"the device is {device.type}")
    if lacking:
        raise ValueError(
            f"Flashzoi needs flash-attn and a CUDA device, but {' and '.join(lacking)}; "
            "choose 'borzoi', which needs neither."
        )


def frozen_network(weights: BorzoiWeights, device: torch.device, dtype: torch.dtype) -> Borzoi:
    """The network of some weights, in eval mode and without gradients; tensors are shared where they can be.

    Always a module of its own: a Borzoi keeps the length and device of its first forward for good.
    """
    network = _empty(weights)
    tensors = {
        name: tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype)
        for name, tensor in weights.tensors().items()
    }
    for name, tensor in network.state_dict().items():
        if name.endswith(COUNTER):
            tensors.setdefault(name, torch.zeros(tensor.shape, dtype=tensor.dtype, device=device))
    network.load_state_dict(tensors, assign=True)
    return network.eval().requires_grad_(False)


def _empty(weights: BorzoiWeights) -> Borzoi:
    """The network on the meta device, where it takes no memory."""
    with torch.device("meta"):
        network = Borzoi(weights.config)
        if weights.outputs != network.human_head.out_channels:
            network.human_head = torch.nn.Conv1d(network.human_head.in_channels, max(weights.outputs, 1), 1)
    return network


def _config(settings: dict[str, Any], label: str) -> BorzoiConfig:
    """Sizes from a config's settings; BorzoiConfig's own hold for those that are absent."""
    sizes = {name: settings[name] for name in SIZES if name in settings}
    for name in sizes:
        _whole(settings, name, *SIZES[name], label)
    flags = {name: bool(settings.get(name, value)) for name, value in FLAGS.items()}
    if not flags["enable_human_head"]:
        raise ValueError(f"{label} is a Borzoi without a head for human tracks; use one that has it.")
    return BorzoiConfig(**sizes, **flags | {"enable_mouse_head": False})


def _whole(settings: dict[str, Any], name: str, least: int, most: int, label: str) -> int | None:
    """A setting that is a whole number within bounds; None where it is absent."""
    value = settings.get(name)
    if name in settings and (not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most):
        raise ValueError(f"{label} has {name}={value!r}; it must be a whole number from {least:,} to {most:,}.")
    return value


def _is_used(name: str) -> bool:
    return not name.startswith(UNUSED)


def _digest(weights: BorzoiWeights) -> str:
    config = weights.config
    facts = {"heads": config.heads, "attn_dim_key": config.attn_dim_key, "flashed": config.flashed}
    return address(json.dumps(facts), b"creme-borzoi", weights.tensors().items())
