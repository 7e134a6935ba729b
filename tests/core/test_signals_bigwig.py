"""Windows of local bigWigs: what a bin holds, which names and intervals are taken, and how fast."""

import os
import subprocess
import sys
import time

import numpy as np
import pyBigWig
import pytest

from creme_core.signals import bigwig, isolated
from creme_core.signals.reading import EXACT_BASES
from creme_core.sources import DEMO_FOLDER

DEMO_TRACKS = sorted((DEMO_FOLDER / "signals").glob("*.bw"))[:12]


def write_bigwig(path, sizes, entries, **options):
    """entries: (chrom, start, end, value), sorted."""
    file = pyBigWig.open(str(path), "w")
    file.addHeader(list(sizes.items()), **options)
    chroms, starts, ends, values = zip(*entries, strict=True)
    file.addEntries(list(chroms), list(starts), ends=list(ends), values=[float(value) for value in values])
    file.close()
    return path


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """chr1: 2.0 on 10..20, 4.0 on 20..25, nothing on 25..40, −1.0 on 40..50; chrM: 7.0 on 0..5."""
    entries = [("chr1", 10, 20, 2), ("chr1", 20, 25, 4), ("chr1", 40, 50, -1), ("chrM", 0, 5, 7)]
    return write_bigwig(tmp_path_factory.mktemp("steps") / "steps.bw", {"chr1": 100, "chr2": 50, "chrM": 20}, entries)


def close(values, expected):
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.array(expected, np.float32), rtol=1e-6)


def test_mean_counts_covered_bases_only(steps):
    # bins 0..10, 10..20, 20..30 (5 of 10 bases covered), 30..40, 40..50
    close(bigwig.read_signal(steps, "chr1", 0, 50, bins=5), [np.nan, 2, 4, np.nan, -1])
    # bins 15..23 (5 bases of 2, 3 of 4) and 23..31 (2 bases of 4)
    close(bigwig.read_signal(steps, "chr1", 15, 31, bins=2), [(5 * 2 + 3 * 4) / 8, 4])


def test_max_is_of_covered_bases(steps):
    close(bigwig.read_signal(steps, "chr1", 0, 60, bins=3, statistic="max"), [2, 4, -1])
    close(bigwig.read_signal(steps, "chr1", 26, 40, bins=2, statistic="max"), [np.nan, np.nan])


def test_more_bins_than_bases_repeat_the_base(steps):
    close(bigwig.read_signal(steps, "chr1", 18, 22, bins=8), [2, 2, 2, 2, 4, 4, 4, 4])
    close(bigwig.read_signal(steps, "chr1", 24, 26, bins=3, statistic="max"), [4, 4, np.nan])
    close(bigwig.read_signal(steps, "chr1", 40, 41, bins=2), [-1, -1])


def test_uneven_bins_cover_every_base_once(steps):
    # 10 bases in 4 bins: 13..15, 15..18, 18..20, 20..23
    close(bigwig.read_signal(steps, "chr1", 13, 23, bins=4), [2, 2, 2, 4])


def test_a_chromosome_without_any_value_is_uncovered(steps):
    assert np.isnan(bigwig.read_signal(steps, "chr2", 0, 50, bins=10)).all()


@pytest.mark.parametrize("bins", [1, 7, 500, 2000, 5000])
def test_exact_as_bigwig_tools_compute_it(bins):
    path = DEMO_TRACKS[0]
    with pyBigWig.open(str(path)) as file:
        ((chrom, _),) = file.chroms().items()
        for kind in bigwig.STATISTICS:
            expected = file.stats(chrom, 100_013, 296_621, type=kind, nBins=bins, exact=True)
            close(bigwig.read_signal(path, chrom, 100_013, 296_621, bins, kind), [float(value) for value in expected])


def test_a_whole_chromosome_comes_from_the_zoom_levels(tmp_path):
    size = EXACT_BASES + 2**20
    values = np.random.default_rng(3).uniform(0, 5, size // 64)
    file = pyBigWig.open(str(tmp_path / "wide.bw"), "w")
    file.addHeader([("chr1", size)])
    file.addEntries("chr1", 0, values=values.tolist(), span=64, step=64)
    file.close()
    read = bigwig.read_signal(tmp_path / "wide.bw", "chr1", 0, size, bins=10)
    # The writer leaves the sum out of the last zoom record, so the last bin is a little low.
    np.testing.assert_allclose(read[:-1], values.reshape(10, -1).mean(axis=1)[:-1], rtol=1e-5)
    highest = bigwig.read_signal(tmp_path / "wide.bw", "chr1", 0, size, bins=10, statistic="max")
    np.testing.assert_allclose(highest, values.reshape(10, -1).max(axis=1), rtol=0.02)


def test_infinite_and_missing_values_in_a_file_are_uncovered(tmp_path):
    entries = [("chr1", 0, 10, np.inf), ("chr1", 10, 20, np.nan), ("chr1", 20, 30, 3)]
    path = write_bigwig(tmp_path / "odd.bw", {"chr1": 40}, entries)
    close(bigwig.read_signal(path, "chr1", 0, 40, bins=4), [np.nan, np.nan, 3, np.nan])
    close(bigwig.read_signal(path, "chr1", 5, 25, bins=1, statistic="max"), [3])


@pytest.mark.parametrize(
    ("file_names", "asked"), [("chr1", "1"), ("1", "chr1"), ("chrM", "MT"), ("MT", "chrM"), ("M", "MT")]
)
def test_naming_styles_find_each_other(tmp_path, file_names, asked):
    path = write_bigwig(tmp_path / "names.bw", {file_names: 100}, [(file_names, 0, 10, 5)])
    close(bigwig.read_signal(path, asked, 0, 10, bins=1), [5])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("chr9", 0, 10), r"steps\.bw can't be read: it has no chromosome 'chr9'; it has chr1, chr2, chrM\."),
        (("chr1", 90, 101), r"chr1:91-101 \(1-based\) is not within its chr1, which has 100 bases"),
        (("chr1", 10, 10), "no interval"),
        (("chr1", -5, 10), "no interval"),
        (("chr1", 20, 10), "no interval"),
        (("chr1", 0.5, 10), "no interval"),
        (("chr1", 0, 2**70), "no interval"),
        (("", 0, 10), "not the name of a chromosome"),
        ((1, 0, 10), "not the name of a chromosome"),
        (("chr1", 0, 10, 0), "bins=0 is not allowed; it is a whole number from 1 to 1,000,000"),
        (("chr1", 0, 10, -3), "bins=-3"),
        (("chr1", 0, 10, 2.5), "bins=2.5"),
        (("chr1", 0, 10, True), "bins=True"),
        (("chr1", 0, 10, 10**9), "bins=1000000000"),
        (("chr1", 0, 10, 5, "median"), "statistic='median' is not known; it is 'mean' or 'max'"),
    ],
)
def test_what_cannot_be_asked_is_told(steps, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        bigwig.read_signal(steps, *arguments)


@pytest.mark.parametrize("path", ["nowhere.bw", "", "a\0b", "ftp://host/x.bw", "."])
def test_what_is_no_file_is_told(path):
    with pytest.raises(ValueError, match=r"no file|no path|only http"):
        bigwig.read_signal(path, "chr1", 0, 10)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_opened_is_told(steps, tmp_path):
    path = tmp_path / "secret.bw"
    path.write_bytes(steps.read_bytes())
    path.chmod(0)
    with pytest.raises(ValueError, match="can't be opened"):
        bigwig.read_signal(path, "chr1", 0, 10)


def test_an_answer_is_the_callers_own(steps):
    first = bigwig.read_signal(steps, "chr1", 0, 50, bins=5)
    first[:] = 99
    close(bigwig.read_signal(steps, "chr1", 0, 50, bins=5), [np.nan, 2, 4, np.nan, -1])


def test_a_file_that_changed_is_read_again(tmp_path):
    path = write_bigwig(tmp_path / "changing.bw", {"chr1": 100}, [("chr1", 0, 100, 1)])
    close(bigwig.read_signal(path, "chr1", 0, 100, bins=1), [1])
    write_bigwig(path, {"chr1": 100}, [("chr1", 0, 100, 2)])
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    close(bigwig.read_signal(path, "chr1", 0, 100, bins=1), [2])
    path.unlink()
    with pytest.raises(ValueError, match="There is no file"):
        bigwig.read_signal(path, "chr1", 0, 100, bins=1)


def test_one_bad_track_leaves_the_others(steps, tmp_path):
    bad = tmp_path / "bad.bw"
    bad.write_bytes(b"")
    first, error, third = bigwig.read_signals([steps, bad, steps], "chr1", 0, 50, bins=5)
    close(first, [np.nan, 2, 4, np.nan, -1])
    assert isinstance(error, ValueError)
    assert "empty" in str(error)
    close(third, first)
    assert bigwig.read_signals([], "chr1", 0, 50) == []


def test_describe(steps):
    header = bigwig.describe(steps)
    assert header == bigwig.Header("bigWig", {"chr1": 100, "chr2": 50, "chrM": 20})
    header.chroms.clear()
    assert bigwig.describe(steps).chroms["chr1"] == 100


def test_assembly_by_chromosome_lengths(steps, tmp_path):
    bigwig.check_assembly(steps, {"chr1": 100, "chr3": 5})
    bigwig.check_assembly(steps, {"1": 100, "MT": 20})
    with pytest.raises(ValueError, match=r"of another assembly: its chr1 has 100 bases, this genome's 101"):
        bigwig.check_assembly(steps, {"chr1": 101})
    with pytest.raises(
        ValueError, match=r"no chromosome of this genome \(it has chr1, chr2, chrM; the genome has 2L\)"
    ):
        bigwig.check_assembly(steps, {"2L": 23_513_712})
    old = write_bigwig(tmp_path / "old.bw", {"1": 249_250_621, "2": 243_199_373}, [("1", 0, 10, 1)])
    with pytest.raises(ValueError, match=r"of another assembly, hg19: its 1 has 249,250,621 bases"):
        bigwig.check_assembly(old, {"chr1": 248_956_422, "chr2": 242_193_529})


def test_twelve_tracks_cold_and_warm():
    """Measured from a process without a child; twice the promised times, because other tests may run beside."""
    ((chrom, _),) = bigwig.describe(DEMO_TRACKS[0]).chroms.items()
    isolated._shared().close()
    start = time.perf_counter()
    cold = bigwig.read_signals(DEMO_TRACKS, chrom, 500_001, 696_609)
    seconds_cold = time.perf_counter() - start
    start = time.perf_counter()
    warm = bigwig.read_signals(DEMO_TRACKS, chrom, 500_002, 696_610)
    seconds_warm = time.perf_counter() - start
    start = time.perf_counter()
    bigwig.read_signals(DEMO_TRACKS, chrom, 500_001, 696_609)
    seconds_again = time.perf_counter() - start
    assert all(values.shape == (2000,) and np.isfinite(values).all() for values in cold + warm)
    assert seconds_cold < 2
    assert seconds_warm < 0.4
    assert seconds_again < 0.1


def test_a_child_ends_with_its_parent(steps):
    program = (
        "import sys; from creme_core.signals import bigwig, isolated\n"
        f"bigwig.read_signal({str(steps)!r}, 'chr1', 0, 50)\n"
        "print(isolated._shared()._idle[0]._process.pid)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
