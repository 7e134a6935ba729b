import pytest
import torch

from creme_core.models import device
from creme_core.models.batching import FIRST, LARGEST, BatchSize
from creme_core.models.device import (
    choose_device,
    choose_precision,
    cpu_threads,
    free_memory,
    is_out_of_memory,
    matmul_precision,
)

CPU, CUDA, MPS = (torch.device(kind) for kind in ("cpu", "cuda", "mps"))


@pytest.fixture
def machine(monkeypatch):
    def has(cuda: bool, mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return has


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(True, True, CUDA), (False, True, MPS), (False, False, CPU)])
def test_auto_takes_the_fastest_there_is(machine, cuda, mps, expected):
    machine(cuda, mps)
    assert choose_device("auto") == expected


def test_a_device_can_be_named_or_given(machine):
    machine(cuda=True, mps=False)
    assert choose_device("cuda:0") == torch.device("cuda", 0)
    assert choose_device(CPU) == CPU
    with pytest.raises(ValueError, match="no mps device; choose 'auto' or one of: cuda, cpu"):
        choose_device("mps")
    with pytest.raises(ValueError, match=r"7\.5 is no device"):
        choose_device(7.5)


@pytest.mark.parametrize(
    ("precision", "where", "expected"),
    [
        ("auto", CPU, "float32"),
        ("auto", MPS, "float32"),
        ("auto", CUDA, "tf32"),
        ("float32", CUDA, "float32"),
        ("float64", CPU, "float64"),
        ("bfloat16", CUDA, "bfloat16"),
    ],
)
def test_precision(precision, where, expected):
    assert choose_precision(precision, where) == expected


@pytest.mark.parametrize(
    ("precision", "where", "message"),
    [("tf32", MPS, "needs a CUDA device"), ("float64", MPS, "has no float64"), ("half", CPU, "is not known")],
)
def test_a_precision_the_device_lacks_is_refused(precision, where, message):
    with pytest.raises(ValueError, match=message):
        choose_precision(precision, where)


@pytest.mark.parametrize(("precision", "inside"), [("tf32", "tf32"), ("float32", "ieee"), ("float64", "ieee")])
def test_tf32_is_allowed_only_inside_and_only_if_asked_for(precision, inside):
    settings = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    before = [setting.fp32_precision for setting in settings]
    with matmul_precision(precision, CUDA):
        assert [setting.fp32_precision for setting in settings] == [inside, inside]
    assert [setting.fp32_precision for setting in settings] == before
    with matmul_precision("tf32", CPU):
        assert [setting.fp32_precision for setting in settings] == before


def test_torchs_settings_are_put_back_after_an_error():
    before = torch.backends.cuda.matmul.fp32_precision
    with pytest.raises(ZeroDivisionError), matmul_precision("tf32", CUDA):
        _ = 1 / 0
    assert torch.backends.cuda.matmul.fp32_precision == before


@pytest.mark.parametrize(("asked", "inside"), [(1, 1), (None, 3)])
def test_the_number_of_threads_is_put_back(asked, inside):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with cpu_threads(asked):
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_free_memory_is_some_and_less_than_a_terabyte_too_much():
    assert 2**20 < free_memory(CPU) < 2**46


def test_free_memory_without_linux_files(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "Path", lambda _: tmp_path / "absent")
    assert free_memory(CPU) > 2**20
    monkeypatch.setattr(device.os, "sysconf", lambda _: (_ for _ in ()).throw(ValueError))
    assert free_memory(CPU) == device.UNKNOWN_MEMORY


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, expected):
    assert is_out_of_memory(error) is expected


def test_a_batch_grows_and_shrinks_towards_a_moment():
    batch = BatchSize(guess=8, limit=100)
    batch.observe(8, seconds=0.08)
    assert batch.size == 16  # 30 would fit, but at most twice as many
    batch.observe(16, seconds=0.16)
    assert batch.size == 30
    batch.observe(30, seconds=30)
    assert batch.size == 15


def test_a_batch_stays_between_one_and_its_limit():
    assert BatchSize(guess=0.01, limit=0.5).size == 1
    batch = BatchSize(guess=1e9, limit=1e9)
    assert batch.size == FIRST
    for _ in range(20):
        batch.observe(batch.size, seconds=0)
    assert batch.size == LARGEST
    batch = BatchSize(guess=6, limit=10)
    batch.observe(6, seconds=0)
    assert batch.size == 10
    batch.observe(1, seconds=60)
    batch.observe(1, seconds=60)
    batch.observe(1, seconds=60)
    batch.observe(1, seconds=60)
    assert batch.size == 1


def test_what_did_not_fit_once_is_not_tried_again():
    batch = BatchSize(guess=10, limit=100)
    batch.halve(7)
    assert batch.size == 3
    batch.observe(3, seconds=0.001)
    assert batch.size == 3
    batch.halve(1)
    assert batch.size == 1
