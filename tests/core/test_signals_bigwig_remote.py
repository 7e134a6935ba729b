"""bigWigs of a server: only the parts needed are asked for, and what the server does wrong is told."""

import threading
import time

import numpy as np
import pyBigWig
import pytest

from creme_core import web
from creme_core.signals import bigwig, isolated
from tests.faulty_server import Cut, Drip, NoLength, NoRange, Stall, Status, Truncate, WrongType

SIZE = 4_000_000


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """4 Mb with a value a base in the middle Mb, 5 MB of file."""
    path = tmp_path_factory.mktemp("dense") / "dense.bw"
    values = np.random.default_rng(2).gamma(2, size=1_000_000)
    file = pyBigWig.open(str(path), "w")
    file.addHeader([("chr1", SIZE)])
    file.addEntries("chr1", 1_000_000, values=values.tolist(), span=1, step=1)
    file.close()
    return path


@pytest.fixture
def served(server, dense):
    """The address of the file, and its server; every test has its own port, so nothing is remembered."""
    server.add("/files/dense.bigWig", dense.read_bytes())
    return server


def address(server, path="/files/dense.bigWig"):
    return server.url + path


def bytes_sent(server):
    ranges = [headers["Range"].removeprefix("bytes=").split("-") for _, _, headers in server.requests]
    return sum(int(last) - int(first) + 1 for first, last in ranges)


@pytest.mark.parametrize("statistic", bigwig.STATISTICS)
def test_the_same_as_from_disk_and_only_the_window(served, dense, statistic):
    for start, end, bins in ((1_400_000, 1_596_608, 2000), (999_000, 1_001_000, 77), (1_500_000, 1_500_010, 30)):
        remote = bigwig.read_signal(address(served), "1", start, end, bins, statistic)
        local = bigwig.read_signal(dense, "chr1", start, end, bins, statistic)
        np.testing.assert_allclose(remote, local, rtol=1e-6)
    assert bytes_sent(served) < dense.stat().st_size / 3
    assert len(served.requests) <= 12
    assert all(headers["User-Agent"] == web.USER_AGENT for _, _, headers in served.requests)


def test_a_wide_window_takes_the_zoom_levels(served, dense):
    remote = bigwig.read_signal(address(served), "chr1", 0, SIZE, bins=8)
    local = bigwig.read_signal(dense, "chr1", 0, SIZE, bins=8)
    np.testing.assert_allclose(remote, local, rtol=0.02)
    assert np.isnan(remote[[0, 1, 4, 5, 6, 7]]).all()
    assert bytes_sent(served) < dense.stat().st_size / 3


def test_a_second_window_asks_little_more(served):
    bigwig.read_signal(address(served), "chr1", 1_400_000, 1_500_000)
    first = len(served.requests)
    bigwig.read_signal(address(served), "chr1", 1_400_000, 1_500_000)
    assert len(served.requests) == first
    bigwig.read_signal(address(served), "chr1", 1_450_000, 1_460_000)
    assert len(served.requests) == first


def test_a_redirect_is_followed_once(served):
    """ENCODE's download address leads to a signed one; asking it again for every part would break its limits."""
    served.redirect("/files/ENCFF000AAA/@@download/ENCFF000AAA.bigWig", "/files/dense.bigWig")
    bigwig.read_signal(
        address(served, "/files/ENCFF000AAA/@@download/ENCFF000AAA.bigWig"), "chr1", 1_200_000, 1_400_000
    )
    assert len(served.asked("/files/ENCFF000AAA/@@download/ENCFF000AAA.bigWig")) == 1


def test_a_signed_address_that_ran_out_is_asked_for_again(served):
    served.redirect("/files/signed.bigWig", "/files/dense.bigWig")
    bigwig.read_signal(address(served, "/files/signed.bigWig"), "chr1", 1_200_000, 1_201_000, bins=10)
    served.fault("/files/dense.bigWig", Status(403))
    values = bigwig.read_signal(address(served, "/files/signed.bigWig"), "chr1", 1_800_000, 1_801_000, bins=10)
    assert np.isfinite(values).all()
    assert len(served.asked("/files/signed.bigWig")) == 2


@pytest.mark.parametrize(
    "fault", [Status(503), Status(429, {"Retry-After": "0"}), Cut(1000), Truncate(1000), Status(500)]
)
def test_a_passing_fault_is_got_over(served, dense, fault):
    served.fault("/files/dense.bigWig", fault, fault)
    remote = bigwig.read_signal(address(served), "chr1", 1_400_000, 1_410_000, bins=10)
    np.testing.assert_allclose(remote, bigwig.read_signal(dense, "chr1", 1_400_000, 1_410_000, bins=10), rtol=1e-6)


@pytest.mark.parametrize("fault", [Status(503), Cut(1000), Truncate(0)])
def test_a_lasting_fault_of_the_way_is_an_oserror(served, fault):
    served.fault("/files/dense.bigWig", fault, always=True)
    with pytest.raises(web.Offline, match=r"^127\.0\.0\.1:\d+/files/dense\.bigWig can't be read: .*\.$"):
        bigwig.read_signal(address(served), "chr1", 1_400_000, 1_410_000)
    served.heal("/files/dense.bigWig")
    assert np.isfinite(bigwig.read_signal(address(served), "chr1", 1_400_000, 1_410_000)).all()


def test_a_fault_in_the_middle_is_told_too(served):
    bigwig.describe(address(served))
    served.fault("/files/dense.bigWig", Status(503), always=True)
    with pytest.raises(web.Offline, match="HTTP status 503"):
        bigwig.read_signal(address(served), "chr1", 1_400_000, 1_410_000)


def test_a_server_that_is_not_there(server):
    with pytest.raises(web.Offline, match="the connection was refused, after 3 attempts"):
        bigwig.read_signal("http://127.0.0.1:9/x.bw", "chr1", 0, 100)


def test_a_drip_ends_in_time(served, monkeypatch):
    monkeypatch.setattr(bigwig, "REMOTE_SECONDS", 1.0)
    served.fault("/files/dense.bigWig", Drip(0.05), always=True)
    start = time.monotonic()
    with pytest.raises(web.Offline, match=r"dense\.bigWig can't be read"):
        bigwig.read_signal(address(served), "chr1", 0, 100)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Status(404), "HTTP status 404"),
        (Status(403), "HTTP status 403"),
        (WrongType("text/html", b"<!DOCTYPE html><html>Please sign in</html>"), "it is a web page"),
        (WrongType("text/plain", b""), "it is empty"),
        (NoLength(), "cut short|sends only whole files|other parts"),
    ],
)
def test_what_is_no_bigwig_there_is_told(served, fault, sentence):
    served.fault("/files/dense.bigWig", fault, always=True)
    if isinstance(fault, NoLength):
        assert np.isfinite(bigwig.read_signal(address(served), "chr1", 1_400_000, 1_410_000)).all()
        return
    with pytest.raises(ValueError, match=sentence):
        bigwig.read_signal(address(served), "chr1", 0, 100)


def test_a_server_without_ranges(server, dense, monkeypatch):
    """A small file comes whole; a large one is not downloaded for the sake of a window."""
    server.fault("/small.bw", NoRange(), always=True)
    server.add("/small.bw", dense.read_bytes())
    values = bigwig.read_signal(address(server, "/small.bw"), "chr1", 1_400_000, 1_410_000)
    assert np.isfinite(values).all()
    server.fault("/large.bw", NoRange(), always=True)
    server.add("/large.bw", dense.read_bytes() + bytes(2**23))
    with pytest.raises(ValueError, match="sends only whole files, and this one has more than 8 MB; save it"):
        bigwig.read_signal(address(server, "/large.bw"), "chr1", 1_400_000, 1_410_000)


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.0001, 0.2, 0.5, 0.9])
def test_a_file_that_is_cut_short_there(server, dense, share):
    data = dense.read_bytes()
    server.add("/cut.bw", data[: int(len(data) * share)])
    with pytest.raises(ValueError, match=r"cut\.bw can't be read: .*(cut short|empty)"):
        bigwig.read_signal(address(server, "/cut.bw"), "chr1", 1_400_000, 1_900_000)


def test_a_damaged_block_there(server, dense):
    """pybigtools panics over it, in Rust."""
    data = bytearray(dense.read_bytes())
    half = len(data) // 3
    data[half : half + 100_000] = bytes(100_000)
    server.add("/damaged.bw", bytes(data))
    with pytest.raises(ValueError, match="it is cut short or damaged; copy"):
        bigwig.read_signal(address(server, "/damaged.bw"), "chr1", 1_000_000, 2_000_000)


def test_the_mirror_stands_for_the_server(mirror, dense):
    mirror.add("/www.example.org/dense.bigWig", dense.read_bytes())
    url = "https://www.example.org/dense.bigWig?signature=secret"
    assert np.isfinite(bigwig.read_signal(url, "chr1", 1_400_000, 1_410_000)).all()
    with pytest.raises(ValueError, match=r"^www\.example\.org/gone\.bigWig can't be read") as caught:
        bigwig.read_signal("https://www.example.org/gone.bigWig?signature=secret", "chr1", 0, 10)
    assert "secret" not in str(caught.value)


def test_offline_asks_nothing(served, monkeypatch):
    monkeypatch.setenv("CREME_OFFLINE", "1")
    with pytest.raises(web.Offline, match="CREME_OFFLINE is set"):
        bigwig.read_signal(address(served), "chr1", 0, 10)
    assert served.requests == []


def test_many_tracks_at_once(served, dense):
    for number in range(8):
        served.add(f"/{number}.bw", dense.read_bytes())
    urls = [address(served, f"/{number}.bw") for number in range(8)] + [address(served, "/gone.bw")]
    *values, error = bigwig.read_signals(urls, "chr1", 1_400_000, 1_410_000, bins=10)
    for one in values:
        np.testing.assert_array_equal(one, values[0])
    assert isinstance(error, ValueError)


def test_describe_and_assembly(served):
    assert bigwig.describe(address(served)).chroms == {"chr1": SIZE}
    with pytest.raises(ValueError, match="of another assembly"):
        bigwig.check_assembly(address(served), {"chr1": 5})


def test_a_child_that_crashed_over_a_remote_file_is_told(served, monkeypatch):
    def ask(request, seconds):
        raise isolated.ChildFailed(slow=False)

    monkeypatch.setattr(isolated, "ask", ask)
    with pytest.raises(ValueError, match=r"it is damaged \(reading it fails\)"):
        bigwig.read_signal(address(served), "chr1", 0, 10)


def test_silent_servers_do_not_hold_up_files_of_this_machine(served, dense, monkeypatch):
    monkeypatch.setattr(bigwig, "REMOTE_SECONDS", 4.0)
    served.fault("/files/dense.bigWig", Stall(10), always=True)
    urls = [address(served) + f"?copy={number}" for number in range(isolated.CHILDREN)]
    threads = [
        threading.Thread(target=lambda url=url: bigwig.read_signals([url], "chr1", 0, 10, bins=1)) for url in urls
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    start = time.perf_counter()
    bigwig.read_signal(dense, "chr1", 1_300_003, 1_300_500, bins=7)
    assert time.perf_counter() - start < 2
    assert any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()


def test_mean_and_maximum_come_from_one_reading(served, dense):
    mean, highest = bigwig.read_mean_and_max(address(served), "chr1", 1_400_000, 1_500_000, bins=50)
    for values, statistic in ((mean, "mean"), (highest, "max")):
        want = bigwig.read_signal(dense, "chr1", 1_400_000, 1_500_000, 50, statistic)
        np.testing.assert_allclose(values, want, rtol=1e-6)
