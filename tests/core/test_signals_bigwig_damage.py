"""bigWigs that are cut short, changed, made up or meant to harm: a sentence, and the next file is read as ever."""

import gzip
import os
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creme_core.signals import bigwig, isolated
from creme_core.signals.isolated import ChildFailed, Pool

SENTENCE = r"^x\.bw can't be read: .*\.$"


def content(values: int = 3000, span: int = 10) -> bytes:
    """A bigWig with two chromosomes and two zoom levels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.bw"
        write(path, values, span)
        return path.read_bytes()


def write(path: Path, values: int, span: int) -> None:
    file = pyBigWig.open(str(path), "w")
    file.addHeader([("chr1", values * span), ("chr2", 5000)])
    rng = np.random.default_rng(1)
    file.addEntries("chr1", 0, values=rng.gamma(1, size=values).round(1).tolist(), span=span, step=span)
    file.addEntries(["chr2"], [100], ends=[200], values=[1.0])
    file.close()


GOOD = content()


@pytest.fixture
def file(tmp_path):
    """Writes a file and reads all of its chr1; the name differs each time, so that nothing is remembered."""
    count = iter(range(10**9))

    def read(data: bytes) -> np.ndarray:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        (folder / "x.bw").write_bytes(data)
        return bigwig.read_signal(folder / "x.bw", "chr1", 0, 30_000, bins=300)

    return read


def refused_or_read(file, data: bytes) -> str:
    """The sentence, or "" where the damage did not matter; anything else fails the test."""
    start, sentence = time.monotonic(), ""
    try:
        values = file(data)
    except ValueError as error:
        sentence = str(error)
    assert time.monotonic() - start < 15
    if sentence:
        assert sentence.endswith(".")
        assert "\n" not in sentence
    else:
        assert values.shape == (300,)
    return sentence


def test_the_undamaged_file_is_read(file):
    assert np.isfinite(file(GOOD)).all()


def test_every_truncation_is_refused(file):
    """All lengths from 0 to 2,000 bytes; the parts that are missing are found missing before a library crashes."""
    assert len(GOOD) > 4000
    for length in range(2001):
        with pytest.raises(ValueError, match=SENTENCE):
            file(GOOD[:length])


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_file_cut_further_back_is_refused(file, share):
    with pytest.raises(ValueError, match="cut short or damaged; copy or download it again"):
        file(GOOD[: int(len(GOOD) * share)])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", r"it is empty \(0 bytes\)"),
        (b"<!DOCTYPE html><html><body>404</body></html>" * 50, "it is a web page"),
        (b"\n <html>", "it is a web page"),
        (b"chr1\t0\t100\t3.5\n" * 100, "it is text"),
        (gzip.compress(GOOD), "compressed by gzip"),
        (b"PK\x03\x04" + bytes(100), "zip archive"),
        (b"BAM\x01" + bytes(100), "BAM"),
        (bytes(5000), "does not start as a bigWig"),
        (os.urandom(8), "it (does not start as|is)"),
        (struct.pack("<I", 0x888FFC26), "cut short"),
        (struct.pack("<I", 0x888FFC26) + bytes(5000), "cut short"),
        (struct.pack("<I", 0x888FFC26) + b"\xff" * 5000, "cut short"),
        (struct.pack(">I", 0x888FFC26) + bytes(5000), "big-endian"),
        (struct.pack("<I", 0x8789F2EB) + GOOD[4:], "it is a bigBed file, where a bigWig file is needed"),
    ],
)
def test_what_is_no_bigwig_is_named(file, data, sentence):
    with pytest.raises(ValueError, match=sentence):
        file(data)


def test_random_bytes(file):
    rng = np.random.default_rng(8)
    for size in (1, 3, 4, 63, 64, 65, 100, 1000, 100_000):
        for magic in (b"", struct.pack("<I", 0x888FFC26)):
            assert refused_or_read(file, magic + rng.bytes(size))


def patched(offset: int, layout: str, *values: int) -> bytes:
    data = bytearray(GOOD)
    struct.pack_into(layout, data, offset, *values)
    return bytes(data)


def header() -> dict[str, int]:
    names = "zooms tree data index fields defined sql summary block extension"
    return dict(zip(names.split(), struct.unpack("<HQQQHHQQIQ", GOOD[6:64]), strict=True))


def test_parts_that_point_nowhere_or_in_a_circle(file):
    """The tree of chromosomes and the index are made to promise more than there is, and to contain themselves."""
    parts = header()
    root, tree = parts["index"] + 48, parts["tree"] + 32
    circle = bytearray(GOOD)
    struct.pack_into("<BBH", circle, root, 0, 0, 1)
    struct.pack_into("<IIIIQ", circle, root + 4, 0, 0, 5, 2**32 - 1, root)
    named_circle = bytearray(GOOD)
    struct.pack_into("<BBH", named_circle, tree, 0, 0, 1)
    key = struct.unpack_from("<I", GOOD, parts["tree"] + 8)[0]
    struct.pack_into("<Q", named_circle, tree + 4 + key, tree)
    for data in (
        bytes(circle),
        bytes(named_circle),
        patched(root + 2, "<H", 65_535),
        patched(tree + 2, "<H", 65_535),
        patched(parts["tree"] + 8, "<I", 2**31),
        patched(parts["tree"] + 16, "<Q", 2**63),
        patched(parts["index"] + 8, "<Q", 2**63),
        patched(52, "<I", 2**32 - 1),
        patched(6, "<H", 65_535),
        patched(root + 4 + 16, "<QQ", 300, 2**62),
        patched(root + 4 + 16, "<QQ", 2**62, 300),
    ):
        refused_or_read(file, data)
    assert refused_or_read(file, GOOD) == ""


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes(file, changes):
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    refused_or_read(file, bytes(data))


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=3),
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=4),
    st.one_of(st.none(), st.integers(0, len(GOOD))),
)
def test_changed_bytes_at_length(file, in_header, anywhere, length):
    data = bytearray(GOOD)
    for place, value in in_header + anywhere:
        data[place] = value
    refused_or_read(file, bytes(data[:length]))


@pytest.mark.slow
def test_every_truncation_at_all(file):
    """Without its very last bytes, which repeat the first four, a file is still whole."""
    for length in range(len(GOOD) - 4):
        with pytest.raises(ValueError, match=SENTENCE):
            file(GOOD[:length])


@pytest.mark.slow
def test_every_single_changed_byte_of_the_header(file):
    for place in range(600):
        for value in (0, 1, 127, 255):
            data = bytearray(GOOD)
            data[place] = value
            refused_or_read(file, bytes(data))


# Children that behave as a damaged file can make one behave.
ANSWER = "import sys, json, time, os\nfor line in sys.stdin.buffer:\n    request = json.loads(line)\n"
GOOD_ANSWER = "    sys.stdout.write(json.dumps({'last': False, 'bytes': 2}) + '\\nok'); sys.stdout.flush()\n"


def pool(body: str) -> Pool:
    return Pool([sys.executable, "-c", ANSWER + body], size=2)


@pytest.fixture
def closing():
    pools = []
    yield lambda body: pools.append(pool(body)) or pools[-1]
    for made in pools:
        made.close()


def test_a_child_that_hangs_is_stopped(closing):
    hanging = closing("    time.sleep(600) if request['source'] == 'bad' else None\n" + GOOD_ANSWER)
    assert hanging.ask({"source": "good"}, 20) == ({}, b"ok")
    start = time.monotonic()
    with pytest.raises(ChildFailed, match="took too long") as caught:
        hanging.ask({"source": "bad"}, 0.5)
    assert caught.value.slow
    assert time.monotonic() - start < 5
    assert hanging.ask({"source": "good"}, 20) == ({}, b"ok")


@pytest.mark.parametrize(
    "crash",
    [
        "os.kill(os.getpid(), 11)",
        "sys.exit(0)",
        "print('not json', flush=True)",
        "print(json.dumps({'last': False, 'bytes': 10**15}), flush=True)",
        "print(json.dumps({'last': False, 'bytes': -1}), flush=True)",
        "print(json.dumps([1]), flush=True)",
        "(print(json.dumps({'last': False, 'bytes': 5}), flush=True), sys.exit(1))",
    ],
)
def test_a_child_that_crashes_or_raves_is_replaced(closing, crash):
    crashing = closing(f"    {crash} if request['source'] == 'bad' else None\n" + GOOD_ANSWER)
    assert crashing.ask({"source": "good"}, 20) == ({}, b"ok")
    with pytest.raises(ChildFailed, match="crashed"):
        crashing.ask({"source": "bad"}, 20)
    assert crashing.ask({"source": "good"}, 20) == ({}, b"ok")


def test_a_crash_that_another_file_caused_is_not_held_against_this_one(closing):
    """The child dies on its second request, whichever that is."""
    counting = closing("    count = globals().get('count', 0) + 1; count < 2 or os._exit(9)\n" + GOOD_ANSWER)
    for _ in range(4):
        assert counting.ask({"source": "good"}, 20) == ({}, b"ok")


def test_a_slow_file_is_remembered(monkeypatch, tmp_path):
    """A page asks again and again; the wait is had once, until the file changes."""
    asked = []

    def ask(request, seconds):
        asked.append(request)
        raise ChildFailed(slow=True)

    path = tmp_path / "x.bw"
    path.write_bytes(GOOD)
    monkeypatch.setattr(isolated, "ask", ask)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^x\.bw can't be read: it is damaged \(reading it took more than 20"):
            bigwig.read_signal(path, "chr1", 0, 100)
    assert len(asked) == 1
    monkeypatch.undo()
    path.write_bytes(GOOD + b"\0")
    assert np.isfinite(bigwig.read_signal(path, "chr1", 0, 100)).all()


def test_what_crashes_the_library_crashes_a_child_only(tmp_path):
    """pyBigWig 0.3.29 dies of the first 64 bytes of a bigWig; here the child looks no further than it does."""
    program = (
        "from creme_core.signals import child, reading\nreading.check_structure = lambda *_: 'bigWig'\nchild.main()"
    )
    path = tmp_path / "cut.bw"
    path.write_bytes(GOOD[:64])
    careless = Pool([sys.executable, "-c", program])
    with pytest.raises(ChildFailed, match="crashed"):
        careless.ask({"action": "header", "source": str(path), "remote": False}, 20)
    path.write_bytes(GOOD)
    assert careless.ask({"action": "header", "source": str(path), "remote": False}, 20)[0] == {"format": "bigWig"}
    careless.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited on Linux")
def test_a_file_that_eats_memory_is_stopped():
    program = (
        "import sys; from creme_core.signals import child\n"
        "def eat(request): return {}, bytes(3 * 2**30)\n"
        "child.answer = eat; child.main()"
    )
    hungry = Pool([sys.executable, "-c", program])
    head, body = hungry.ask({"source": "x"}, 20)
    assert "more memory" in head["error"]
    assert body == b""
    hungry.close()
