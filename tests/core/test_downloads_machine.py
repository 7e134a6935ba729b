"""Downloads and this machine: its disk, its network, its threads, and a user who changes their mind."""

import errno
import threading
import time
from types import SimpleNamespace

import pytest
from filelock import FileLock

from creme_core import downloads, web
from creme_core.downloads import CATALOGUE, Download, RemoteFile, disk, shelf, transfer
from tests.core.small_downloads import TEXTS, blob_id, serve_one, serve_several
from tests.faulty_server import Status


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def several(mirror, monkeypatch):
    return serve_several(mirror, monkeypatch)


def test_cancelling_keeps_what_came(mirror, monkeypatch):
    standin = serve_one("twobit-md5", mirror, monkeypatch)
    monkeypatch.setattr(transfer, "PIECE", 1000)
    monkeypatch.setattr(shelf, "REPORT_SECONDS", 0)
    cancel = threading.Event()
    with pytest.raises(downloads.Cancelled, match="goes on from there"):
        downloads.get("small", on_progress=lambda done, *_: done and cancel.set(), cancel=cancel)
    partial = downloads.state("small").partial_bytes
    assert 0 < partial < len(standin.content)
    downloads.get("small")
    assert mirror.asked(standin.bytes_at)[-1]["Range"] == f"bytes={partial}-"
    assert downloads.check("small") == []


def test_cancelling_ends_a_wait_for_the_server(mirror, monkeypatch):
    standin = serve_one("twobit-md5", mirror, monkeypatch)
    mirror.fault(standin.bytes_at, Status(429, {"Retry-After": "50"}))
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    begin = time.monotonic()
    with pytest.raises(downloads.Cancelled):
        downloads.get("small", cancel=cancel)
    assert time.monotonic() - begin < 5


def test_cancelling_ends_a_wait_for_another(several, home):
    lock = home / "data" / ".locks" / "small.lock"
    lock.parent.mkdir(parents=True)
    cancel, seen = threading.Event(), []
    with FileLock(lock):
        threading.Timer(0.3, cancel.set).start()
        with pytest.raises(downloads.Cancelled):
            downloads.get("small", on_progress=lambda *told: seen.append(told), cancel=cancel)
    assert seen[0] == (0, 20, "a.txt")


def test_two_threads_fetch_a_file_once(several, mirror):
    threads = [threading.Thread(target=downloads.get, args=("small",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mirror.requests) == len(TEXTS)
    assert downloads.check("small") == []


def test_a_disk_without_room_is_refused_before_the_first_byte(mirror, monkeypatch):
    standin = serve_one("twobit-md5", mirror, monkeypatch)
    free = SimpleNamespace(free=disk.SPARE_BYTES + len(standin.content) - 1)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: free)
    with pytest.raises(OSError, match=r"4\.0 kB are still to come and 105 MB are free in .*set CREME_HOME"):
        downloads.get("small")
    assert mirror.requests == []


def test_a_file_of_unknown_size_is_refused_before_its_first_byte(mirror, monkeypatch):
    standin = serve_one("gzip-nothing", mirror, monkeypatch)
    monkeypatch.setitem(
        CATALOGUE, "small", Download("small", "S", "T.", "MIT", (RemoteFile(standin.file.url, "s.gz", content="gzip"),))
    )
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: SimpleNamespace(free=disk.SPARE_BYTES))
    with pytest.raises(OSError, match="are still to come"):
        downloads.get("small")
    assert downloads.state("small").partial_bytes == 0


def test_a_disk_that_fills_up_on_the_way_is_said_so(mirror, monkeypatch):
    standin = serve_one("twobit-md5", mirror, monkeypatch)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(transfer.os, "fsync", full)
    with pytest.raises(OSError, match=r"The disk of .* is full; free some space") as refused:
        downloads.get("small")
    assert "\n" not in str(refused.value)
    assert len(mirror.asked(standin.bytes_at)) == 1


def test_a_folder_that_cannot_be_written_is_named(several, home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("CREME_HOME", str(home / "file"))
    with pytest.raises(OSError, match=r"can't be written: .*set CREME_HOME to a folder of yours"):
        downloads.get("small")


def test_offline_nothing_is_asked_and_what_is_here_is_used(several, mirror, monkeypatch):
    monkeypatch.setenv("CREME_OFFLINE", "1")
    with pytest.raises(
        web.Offline, match=r"Small tables \(small\) is not here and CREME_OFFLINE is set.*copy the files"
    ):
        downloads.get("small")
    assert mirror.requests == []
    monkeypatch.delenv("CREME_OFFLINE")
    downloads.get("small")
    monkeypatch.setenv("CREME_OFFLINE", "1")
    assert downloads.get("small") == downloads.require("small")


def test_no_network_is_one_sentence(several, monkeypatch):
    monkeypatch.setenv("CREME_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(
        web.Offline, match=r"can't be fetched from raw\.example after 6 attempts: the connection was refused"
    ):
        downloads.get("small")


def test_a_proxy_is_used(several, mirror, monkeypatch):
    for name in ("no_proxy", "NO_PROXY", "CREME_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", mirror.url)
    content = TEXTS["a.txt"]
    file = RemoteFile("http://genome.example/a.txt", "a.txt", checksum=f"git:{blob_id(content)}")
    monkeypatch.setitem(CATALOGUE, "small", Download("small", "S", "T.", "MIT", (file,)))
    mirror.add("http://genome.example/a.txt", content)
    assert (downloads.get("small") / "a.txt").read_bytes() == content
