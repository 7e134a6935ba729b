"""Folders laid out as on Hugging Face that are something else, and machines that can't convert them."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from creme_core.models import load_model, official
from creme_core.models.official import convert
from tests.core.networks import make_tracks
from tests.core.official_files import enformer_targets, gamma_network, official_config, save_pickle


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path) -> Path:
    made = save_pickle(tmp_path / "small", gamma_network())
    make_tracks(5).to_csv(made / "tracks.tsv", sep="\t", index=False)
    return made


def refused(folder: Path, message: str, home: Path, error: type[Exception] = ValueError) -> None:
    """Loading fails with one plain sentence, and nothing half-made is left behind."""
    with pytest.raises(error, match=message) as refusal:
        load_model(folder)
    assert "\n" not in str(refusal.value)
    assert [path.name for path in home.glob("models/*") if path.is_dir()] == []


class Hostile:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("new_layout", [True, False])
def test_a_pickle_that_would_run_code_is_not_opened(folder, own_home, tmp_path, new_layout):
    state = dict(gamma_network().state_dict()) | {"stem.0.bias": Hostile(tmp_path / "owned")}
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=new_layout)
    refused(folder, r"was not opened, since it names (posix|nt)\.mkdir, which .* might run code", own_home)
    assert not (tmp_path / "owned").exists()


def test_a_whole_pickled_module_is_not_opened(folder, own_home):
    torch.save(gamma_network(), folder / "pytorch_model.bin")
    refused(folder, r"was not opened, since it names enformer_pytorch\.", own_home)


@pytest.mark.parametrize("kept", [0, 10, 100_000, -1])
def test_a_truncated_checkpoint_is_refused(folder, own_home, kept):
    content = (folder / "pytorch_model.bin").read_bytes()
    (folder / "pytorch_model.bin").write_bytes(content[:kept])
    refused(folder, r"pytorch_model\.bin", own_home)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html>", b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_no_checkpoint_is_refused(folder, own_home, content):
    (folder / "pytorch_model.bin").write_bytes(content)
    refused(folder, r"pytorch_model\.bin", own_home)
    (folder / "model.safetensors").write_bytes(content)
    refused(folder, r"model\.safetensors can't be read as safetensors", own_home)


def without(ending: str):
    return lambda state: {key: tensor for key, tensor in state.items() if not key.endswith(ending)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("stem.0.bias"), None),  # its other name, _trunk.1.0.bias, says the same
        (without("0.fn.1.to_q.weight"), r"2 tensors are missing \(such as transformer\.0\.0\.fn\.1\.to_q\.weight"),
        (lambda state: state | {"extra.weight": torch.ones(2)}, r"1 tensor is surplus \(such as extra\.weight\)"),
        (lambda state: state | {"_trunk.9.bias": torch.ones(2)}, r"1 tensor is surplus \(such as _trunk\.9\.bias\)"),
        (lambda state: without("stem.0.bias")(state) | {"_trunk.1.0.bias": torch.ones(7)}, "1 tensor is of another s"),
        (lambda state: state | {"stem.0.bias": torch.zeros(96)}, r"two different tensors for stem\.0\.bias"),
        (
            lambda state: without("tracked")(state | {"_heads.mouse.0.bias": torch.ones(2) / 0}),
            "values that are no numbers",
        ),
        (lambda state: {key: tensor.to(torch.int64) for key, tensor in state.items()}, "tensors are of another kind"),
        (lambda state: {"state_dict": state}, "does not hold named tensors alone"),
        (lambda state: list(state.values()), "does not hold named tensors alone"),
        (lambda state: {}, "tensors are missing"),
    ],
)
def test_weights_of_another_network_are_refused(folder, own_home, change, message):
    torch.save(change(dict(gamma_network().state_dict())), folder / "pytorch_model.bin")
    if message is None:
        assert convert(folder).is_dir()
    else:
        refused(folder, message, own_home)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bert"}, "describes a network of the type 'bert', not an Enformer"),
        ({"dim": 384}, r"features a head \(dim / heads\); here are 1,536 and 384\. Save your own network by"),
        ({"num_downsamples": 6}, "here are 3,072 and 192"),
        ({"depth": 3}, r"is not the Enformer that config\.json describes: \d+ tensors are missing"),
        ({"depth": "two"}, "has depth='two'; it must be a whole number from 0 to 256"),
        ({"dim": 10**12}, "has dim=1000000000000"),
        ({"heads": True}, "has heads=True"),
        ({"output_heads": ["human"]}, r"has output_heads=\['human'\]; it must name heads with sizes"),
        ({"output_heads": {"fly": 2, "worm": 3}}, "has the heads fly, worm, none of them 'human'"),
        ({"output_heads": {"human": 6, "mouse": 2}}, "5 rows but the model predicts 6"),
    ],
)
def test_a_config_of_another_network_is_refused(folder, own_home, change, message):
    (folder / "config.json").write_text(json.dumps(official_config() | change), encoding="utf-8")
    refused(folder, message, own_home)


def test_a_folder_without_weights_or_config_says_what_belongs_there(folder, own_home):
    (folder / "pytorch_model.bin").unlink()
    refused(folder, r"holds neither model\.safetensors nor pytorch_model\.bin", own_home)
    (folder / "config.json").unlink()
    refused(folder, r"lacks config\.json, model\.safetensors", own_home)


def test_a_track_table_is_asked_for_and_never_guessed(folder, own_home, tmp_path):
    (folder / "tracks.tsv").unlink()
    refused(folder, r"does not say what its 5 outputs are \(Enformer has 5,313\); put a track table", own_home)
    (folder / "targets_human.txt").write_text(enformer_targets(), encoding="utf-8")
    refused(folder, r"targets_human\.txt has 5,313 tracks but the model predicts 5", own_home)
    lines = enformer_targets().splitlines()[:6]
    (folder / "targets_human.txt").write_text("\n".join(lines), encoding="utf-8")
    assert convert(folder).is_dir()
    large = save_pickle(tmp_path / "large", gamma_network(5_313))
    with pytest.raises(ValueError, match=r"Enformer track table \(enformer-tracks\) is not here; get it with"):
        load_model(large)


def test_a_full_disk_is_said_before_anything_is_written(folder, own_home, monkeypatch):
    monkeypatch.setattr(official.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1_000_000))
    refused(folder, r"has 1\.0 MB free, but the weights of small take 6\.\d MB; free some", own_home, OSError)


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_behind(folder, own_home, monkeypatch):
    def half_written(part, *_, **__):
        part.mkdir()
        (part / "config.json").write_text("{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(official, "save_model", half_written)
    refused(folder, "can't be written to .*No space left on device", own_home, OSError)


def test_a_home_that_can_not_be_written_is_said(folder, own_home):
    own_home.write_text("a file, not a folder")
    refused(folder, "can't be written to .*; set CREME_HOME", own_home, OSError)


def test_what_a_killed_conversion_left_is_not_used(folder, own_home):
    target = convert(folder)
    shutil.rmtree(target)
    part = target.parent / f".{target.name}.part"
    part.mkdir()
    (part / "half.tmp").write_bytes(b"half")
    assert convert(folder) == target
    assert sorted(path.name for path in target.iterdir()) == ["config.json", "model.safetensors", "tracks.tsv"]
    assert not part.exists()


def test_threads_that_load_the_same_weights_convert_them_once(folder, monkeypatch):
    loads, whole = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *given, **settings: loads.append(1) or whole(*given, **settings))
    targets = []
    threads = [threading.Thread(target=lambda: targets.append(convert(folder))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(targets) == 3
    assert len(set(targets)) == len(loads) == 1


def test_another_process_that_converts_too_long_is_not_waited_for(folder, own_home, monkeypatch):
    monkeypatch.setattr(official, "LOCK_SECONDS", 0.1)
    target = convert(folder)
    shutil.rmtree(target)
    (lock,) = target.parent.glob(".*.lock")
    hold = f"import filelock, sys\nwith filelock.FileLock({str(lock)!r}): print(1, flush=True), sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        with pytest.raises(OSError, match="Another process has been converting the same weights"):
            convert(folder)
    finally:
        other.communicate()
    assert convert(folder) == target


def test_only_borzoi_has_replicates(folder):
    with pytest.raises(ValueError, match=r"replicates=2 was given, but 'enformer' has none; leave it out"):
        load_model("enformer", replicates=2)
    save_file({"a": torch.ones(1)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="replicates=2 was given"):
        load_model(folder, replicates=2)
