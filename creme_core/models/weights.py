"""A network's tensors: sharing them, filling them in, and what they amount to."""

import copy
import hashlib
from collections.abc import Iterable, Mapping

import torch
from torch import nn

__all__ = ["address", "assign", "frozen_copy", "named_tensors"]

# Batch norms count their training steps in a tensor that no prediction depends on.
COUNTER = "num_batches_tracked"
MOST_NAMED = 3


def named_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers, each once: Enformer lists its trunk twice (stem.* and _trunk.*)."""
    return dict(module.named_parameters()) | dict(module.named_buffers())


def frozen_copy(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The module in eval mode on a device, without gradients; tensors are shared with the original where they can be.

    The original keeps its mode, its flags and its tensors: deepcopy takes each tensor from the memo and copies only the
    small Python objects round it.
    """
    memo = {
        id(parameter): nn.Parameter(
            parameter.detach().to(device, dtype if parameter.is_floating_point() else parameter.dtype),
            requires_grad=False,
        )
        for parameter in module.parameters()
    }
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.detach().to(device, dtype if buffer.is_floating_point() else buffer.dtype)
    network = copy.deepcopy(module, memo).eval()
    if hasattr(network, "use_checkpointing"):
        network.use_checkpointing = False
    return network


def address(facts: str, salt: bytes, tensors: Iterable[tuple[str, torch.Tensor]]) -> str:
    """32 hex digits over facts and tensors, in the order of their names; step counters of batch norms aside.

    Args:
        facts: text that says everything else that counts.
        salt: at most 16 bytes that tell kinds of models apart.
        tensors: (name, tensor).
    """
    digest = hashlib.blake2b(facts.encode(), digest_size=16, salt=salt)
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        if name.endswith(COUNTER):
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def assign(module: nn.Module, tensors: Mapping[str, torch.Tensor], source: str) -> None:
    """Make tensors the module's own, without a copy where their dtype fits; the module may be on the meta device.

    Args:
        module: each tensor of it, by the names of `named_tensors`, must be there in its shape; only the step counters
            of batch norms may be missing.
        tensors: by name.
        source: what an error says does not fit, such as "model.safetensors does not fit config.json".

    Raises:
        ValueError: tensors that are missing, surplus, of another shape or kind, or hold what is no number.
    """
    expected = named_tensors(module)
    given = dict(tensors)
    for name in expected.keys() - given.keys():
        if name.endswith(COUNTER):
            given[name] = torch.zeros(expected[name].shape, dtype=expected[name].dtype)
    shared = sorted(expected.keys() & given.keys())
    problems = [
        ("missing", sorted(expected.keys() - given.keys())),
        ("surplus", sorted(given.keys() - expected.keys())),
        ("of another shape", [name for name in shared if expected[name].shape != given[name].shape]),
        ("of another kind", [name for name in shared if not _same_kind(expected[name], given[name])]),
    ]
    counts = [
        f"{len(names):,} tensor{'s are' if len(names) > 1 else ' is'} {what} (such as {', '.join(names[:MOST_NAMED])})"
        for what, names in problems
        if names
    ]
    if counts:
        raise ValueError(f"{source}: {'; '.join(counts)}.")
    broken = [name for name in shared if not bool(torch.isfinite(given[name]).all())]
    if broken:
        raise ValueError(f"{source}: {', '.join(broken[:MOST_NAMED])} holds values that are no numbers.")
    fitting = {name: tensor.to(expected[name].dtype).contiguous() for name, tensor in given.items()}
    # Not strict only because the state dict lists a shared trunk twice; completeness was checked above.
    module.load_state_dict(fitting, strict=False, assign=True)


def _same_kind(expected: torch.Tensor, given: torch.Tensor) -> bool:
    plain = given.layout == torch.strided and not given.is_quantized and not given.is_meta
    return plain and expected.is_floating_point() == given.is_floating_point() and not given.is_complex()
