"""Enformer as it is published on Hugging Face (EleutherAI/enformer-official-rough), or any folder laid out alike.

Such a folder holds config.json and pytorch_model.bin or model.safetensors. It is made into a model folder of our own
layout once, under home()/models, and read from there until its files change.

Two traps of the published form are met here. The weights come as a pickle, which may run code when it is opened: it is
read with `weights_only=True`, in which nothing but tensors comes out. And they were trained with TensorFlow's gamma
function among the position features, which enformer_pytorch uses only if it is loaded by that very name; from a folder
it silently does not, and config.json says `use_tf_gamma: false` wherever it was written by save_pretrained. So they are
always on here, and an input has exactly 196,608 bases.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pandas as pd
import torch
from enformer_pytorch import Enformer
from safetensors import SafetensorError

from creme_core import downloads
from creme_core.home import home
from creme_core.models.base import read_tracks
from creme_core.models.enformer import SEQUENCE_LENGTH, EnformerModel, check_tf_gammas
from creme_core.models.folder import SavedModel, empty_network, read_model, read_safetensors, save_model, wrap
from creme_core.models.layout import CONFIG, PICKLE, TARGETS, TRACKS, WEIGHTS, converted_stem, read_config
from creme_core.models.target_table import ENFORMER_TRACKS, read_enformer_targets
from creme_core.models.weights import assign, named_tensors

__all__ = ["convert", "load_enformer", "load_official"]

HUMAN = "human"
# Counted into the name of a converted folder: raise it when `convert` writes something else than before.
CONVERSION = 1
LOCK_SECONDS = 900
SPARE_BYTES = 2**20
# The module lists its trunk twice, and a checkpoint may have either name of a tensor or both.
TWICE = {"_trunk.1.": "stem.", "_trunk.2.": "conv_tower.", "_trunk.4.": "transformer.", "_trunk.6.": "final_pointwise."}


def load_enformer(*, device="auto", precision: str = "auto") -> EnformerModel:
    """Load the published Enformer from the downloads `enformer` and `enformer-tracks`.

    Raises:
        ValueError: a download that is not here, or files that are damaged.
        OSError: no room or no right to write the converted weights.
    """
    weights, tracks = downloads.require("enformer"), downloads.require("enformer-tracks")
    return wrap(_read(weights, tracks / TARGETS, "Enformer"), device=device, precision=precision)


def load_official(folder: str | Path, *, device="auto", precision: str = "auto") -> EnformerModel:
    """Load an Enformer from a folder laid out as on Hugging Face; TensorFlow's position features are on.

    The tracks are read from tracks.tsv or targets_human.txt beside the weights; without them a network of 5,313 outputs
    has the public table, from the download `enformer-tracks`.

    Raises:
        ValueError: files that are missing, damaged, unsafe, or of another network.
        OSError: no room or no right to write the converted weights.
    """
    folder = Path(folder).resolve()
    return wrap(_read(folder, None, folder.name), device=device, precision=precision)


def _read(folder: Path, tracks: Path | None, name: str) -> SavedModel:
    """What the converted form of a folder holds; a damaged conversion is made anew."""
    converted = convert(folder, tracks, name)
    try:
        return read_model(converted)
    except ValueError:
        shutil.rmtree(converted, ignore_errors=True)
        return read_model(convert(folder, tracks, name))


def convert(folder: Path, tracks: Path | None = None, name: str = "Enformer") -> Path:
    """Make a folder laid out as on Hugging Face into a model folder under home()/models, unless that was done before.

    Args:
        folder: holds config.json and model.safetensors (preferred, as Hugging Face does) or pytorch_model.bin.
        tracks: the public track table; None looks for one, see `load_official`.
        name: what people call the model.

    Returns:
        The model folder, as `save_model` writes it.

    Raises:
        ValueError: files that are missing, damaged, unsafe, or of another network.
        OSError: no room or no right to write.
    """
    folder = folder.resolve()
    weights = next((folder / file for file in (WEIGHTS, PICKLE) if (folder / file).is_file()), None)
    if weights is None:
        raise ValueError(f"{folder} holds neither {WEIGHTS} nor {PICKLE}; put the published weights there.")
    module = _published_network(folder / CONFIG)
    head = _head(module, folder / CONFIG)
    table, read = _track_table(folder, tracks, module.output_heads[head])
    stem = converted_stem(folder, name)
    target = home() / "models" / f"{stem}-{_digest(_state(folder / CONFIG, weights, table))}"
    if target.is_dir():
        return target
    with _locked(target.parent, stem):
        if not target.is_dir():
            tracks_read = read(table)
            assign(module, _read_weights(weights, module), f"{weights} is not the Enformer that {CONFIG} describes")
            _write(target, module, tracks_read, name, head)
            _remove_others(target, stem)
    return target


def _published_network(path: Path) -> Enformer:
    """The network of a config.json from Hugging Face, without weights, TensorFlow's position features on."""
    config = read_config(path)
    kind = config.get("model_type", "enformer")
    if kind != "enformer":
        raise ValueError(f"{path} describes a network of the type {kind!r}, not an Enformer.")
    module = empty_network(config | {"use_tf_gamma": True}, path)
    try:
        check_tf_gammas(module, SEQUENCE_LENGTH)
    except ValueError as error:
        raise ValueError(
            f"{path} describes another network than the published Enformer, whose layout is read with TensorFlow's "
            f"position features. {error} Save your own network by creme_core.models.folder.save_model instead."
        ) from error
    return module


def _head(module: Enformer, path: Path) -> str:
    heads = list(module.output_heads)
    if HUMAN in heads:
        return HUMAN
    if len(heads) == 1:
        return heads[0]
    raise ValueError(f"{path} has the heads {', '.join(heads)}, none of them {HUMAN!r}; keep the one to be read.")


def _track_table(folder: Path, given: Path | None, outputs: int) -> tuple[Path, Callable[[Path], pd.DataFrame]]:
    """Where the track table is, and how to read it. An unknown table is never guessed."""

    def read_public(path: Path) -> pd.DataFrame:
        return read_enformer_targets(path, outputs)

    if given is not None:
        return given, read_public
    if (folder / TRACKS).is_file():
        return folder / TRACKS, lambda path: read_tracks(path, outputs)
    if (folder / TARGETS).is_file():
        return folder / TARGETS, read_public
    if outputs == ENFORMER_TRACKS:
        return downloads.require("enformer-tracks") / TARGETS, read_public
    raise ValueError(
        f"{folder} does not say what its {outputs:,} outputs are (Enformer has {ENFORMER_TRACKS:,}); "
        f"put a track table beside the weights, as {TRACKS} or {TARGETS}."
    )


def _read_weights(path: Path, module: Enformer) -> dict[str, torch.Tensor]:
    """Tensors of a checkpoint by the names of `named_tensors`."""
    tensors = read_safetensors(path) if path.name == WEIGHTS else _read_pickle(path)
    merged: dict[str, torch.Tensor] = {}
    expected = named_tensors(module)
    for key, tensor in tensors.items():
        double = next((double for double in TWICE if key.startswith(double)), None)
        name = key if double is None else TWICE[double] + key.removeprefix(double)
        # A name that the network does not have stays as it was written: that is what an error should say.
        name = name if name in expected else key
        if name in merged and not torch.equal(merged[name], tensor):
            raise ValueError(f"{path} holds two different tensors for {name}; get the file again.")
        merged.setdefault(name, tensor)
    return merged


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a torch checkpoint, opened so that nothing in it can run; read from the disk as they are used."""
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (MemoryError, OSError):
        raise
    # A stranger's bytes can end in any exception at all.
    except Exception as error:
        raise ValueError(_why_refused(path, error)) from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise ValueError(f"{path} does not hold named tensors alone, as a checkpoint does; get the published file.")
    return {str(key): tensor for key, tensor in tensors.items()}


def _why_refused(path: Path, error: Exception) -> str:
    if type(error).__name__ == "UnpicklingError":
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"names {named[1]}, which a file of weights needs not" if named else "holds more than tensors"
        return f"{path} was not opened, since it {what} and might run code; get the published file."
    return f"{path} can't be read as a PyTorch checkpoint; it may be cut off or damaged, so get it again."


def _write(target: Path, module: Enformer, tracks: pd.DataFrame, name: str, head: str) -> None:
    """Write a model folder next to `target`, then give it that name: it is complete or not there."""
    needed = sum(tensor.nbytes for tensor in named_tensors(module).values()) + SPARE_BYTES
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise OSError(
            f"{target.parent} has {downloads.in_words(free)} free, but the weights of {name} take "
            f"{downloads.in_words(needed)}; free some, or set CREME_HOME to a folder on another disk."
        )
    part = target.parent / f".{target.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        save_model(part, module, tracks, input_length=SEQUENCE_LENGTH, name=name, head=head)
        with (part / WEIGHTS).open("rb") as file:
            os.fsync(file.fileno())
        part.rename(target)
    # A disk that is full in the middle of the weights is a SafetensorError.
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"The weights of {name} can't be written to {target.parent} ({error}); set CREME_HOME."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _remove_others(target: Path, stem: str) -> None:
    """Forget what was made of earlier files of the same folder."""
    for other in target.parent.glob(f"{stem}-*"):
        if other.is_dir() and other != target:
            shutil.rmtree(other, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path, stem: str) -> Iterator[None]:
    """Keep other processes from converting the same weights meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f".{stem}.lock", timeout=LOCK_SECONDS)
        lock.acquire()
    except filelock.Timeout as error:
        raise OSError(
            f"Another process has been converting the same weights for {LOCK_SECONDS // 60} minutes; end it, or wait."
        ) from error
    except OSError as error:
        raise OSError(f"Converted weights can't be written to {folder} ({error}); set CREME_HOME.") from error
    try:
        yield
    finally:
        lock.release()


def _state(*paths: Path) -> str:
    """What changes when one of the files does: its place, size or time."""
    facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return json.dumps([CONVERSION, facts])


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
