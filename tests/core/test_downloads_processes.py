"""Downloads by several processes: through the command line, on the real catalogue's GENCODE."""

import gzip
import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from creme_core import downloads
from creme_core.downloads.transfer import part_of
from tests.faulty_server import Drip, Stall

FOLDER = "/ftp.ebi.ac.uk/pub/databases/gencode/Gencode_human/release_44"
NAME = "gencode.v44.basic.annotation.gtf.gz"
CONTENT = gzip.compress(np.random.default_rng(0).bytes(600), mtime=0)
PATIENCE = 30


@pytest.fixture
def part(mirror, tmp_path, monkeypatch):
    """Where the file on its way is."""
    monkeypatch.setenv("CREME_HOME", str(tmp_path))
    mirror.add(f"{FOLDER}/{NAME}", CONTENT)
    mirror.add(f"{FOLDER}/MD5SUMS", f"{hashlib.md5(CONTENT).hexdigest()}  {NAME}\n".encode())
    return part_of(downloads.folder("gencode") / NAME)[0]


def start():
    command = [sys.executable, "-m", "creme_core", "data", "get", "gencode"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def size(path):
    return path.stat().st_size if path.exists() else 0


def test_of_two_processes_one_fetches_and_the_other_waits(part, mirror):
    mirror.fault(f"{FOLDER}/{NAME}", Drip(0.002))
    seen = []
    with start() as other:
        wait_for(lambda: size(part) > 50)
        downloads.get("gencode", on_progress=lambda *told: seen.append(told))
        output, errors = other.communicate(timeout=PATIENCE)
    assert other.returncode == 0
    assert output.strip() == str(part.parent)
    assert "100%" in errors
    assert len(mirror.asked(f"{FOLDER}/{NAME}")) == 1
    assert (part.parent / NAME).read_bytes() == CONTENT
    assert 0 < seen[0][0] < len(CONTENT)  # it followed the other's progress


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "Ctrl-C"])
def test_a_process_that_ended_in_mid_file_is_gone_on_from(part, mirror, how):
    mirror.fault(f"{FOLDER}/{NAME}", Stall(400))
    with start() as other:
        wait_for(lambda: size(part) == 400)
        os.kill(other.pid, how)
        _, errors = other.communicate(timeout=PATIENCE)
    assert not (part.parent / NAME).exists()
    if how == signal.SIGINT:
        assert other.returncode == 130
        assert "Interrupted; what came is kept, and the same command goes on from there." in errors
        assert "Traceback" not in errors
    downloads.get("gencode")
    assert mirror.asked(f"{FOLDER}/{NAME}")[-1]["Range"] == "bytes=400-"
    assert (part.parent / NAME).read_bytes() == CONTENT
    assert downloads.check("gencode") == []
