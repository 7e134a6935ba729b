"""Files that a visitor brings to the overlay: good ones are drawn, bad ones are a sentence, and the page goes on."""

import random
import tempfile
import time
import tomllib
from pathlib import Path

import numpy as np
import pyBigWig
import pytest

import creme_core as creme
from creme_core.signals import bigwig
from dashboard.tracks import read_lanes
from dashboard.uploads import MOST_FILES, Uploads
from tests.dashboard.chromatin_pages import headings, open_overlay, overlay_of, settled_reads, trace, values_of
from tests.dashboard.pages import address_of, texts

SIZES = {"demo1": 3_175_134}
BOX = "bigWig signals, or BED regions (also .gz)"


def big_wig(folder, values, chrom="demo1", size=SIZES["demo1"], start=95_000):
    path = Path(folder) / "made.bw"
    file = pyBigWig.open(str(path), "w")
    file.addHeader([(chrom, size)])
    file.addEntries(chrom, start, values=[float(value) for value in values], span=10, step=10)
    file.close()
    return path.read_bytes()


def bring(page, *files):
    box = next(box for box in page.get("file_uploader") if box.label == BOX)
    box.upload(*files) if len(files) == 1 and not isinstance(files[0], tuple) else box.set_value(list(files))
    return settled_reads(page)


@pytest.fixture
def uploads():
    made = Uploads(SIZES)
    yield made
    made.close()


def test_a_brought_signal_is_drawn_beside_the_others_until_it_is_taken_away(model, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    page = open_overlay(tracks="DNase")
    bring(page, ("my,signal.bigWig", big_wig(tmp_path, [3] * 3000), "application/octet-stream"))
    figure = overlay_of(page)
    assert headings(figure) == ["Genes", "DNase", "my signal (yours)"]
    assert set(values_of(trace(figure, "my signal (yours)")).tolist()) == {3.0}
    (kept,) = temporary.rglob("*.bigWig")
    # The files outlive the overlay's switch.
    next(toggle for toggle in page.toggle if toggle.label == "Chromatin and genes").set_value(False)
    page.run()
    next(toggle for toggle in page.toggle if toggle.label == "Chromatin and genes").set_value(True)
    assert "my signal (yours)" in headings(overlay_of(settled_reads(page)))
    next(button for button in page.button if button.label == "Take away").click()
    settled_reads(page)
    assert headings(overlay_of(page)) == ["Genes", "DNase"]
    assert not kept.exists()
    assert address_of(page)["tracks"] == "DNase"


def test_several_files_at_once_and_the_bad_ones_are_a_sentence_each(model, tmp_path):
    good = big_wig(tmp_path, [3] * 3000)
    page = open_overlay(tracks="DNase")
    bring(
        page,
        ("good.bw", good, ""),
        ("good.bw", good, ""),
        ("cut.bw", good[:700], ""),
        ("page.bw", b"<!doctype html><title>Log in</title>", ""),
        ("noise.bw", random.Random(0).randbytes(5000), ""),
        ("empty.bw", b"", ""),
        ("hg19.bw", big_wig(tmp_path, [1], chrom="demo1", size=2_000_000), ""),
        ("other.bw", big_wig(tmp_path, [1], chrom="chr9", size=2_000_000), ""),
        ("mine.bed", b"demo1\t100000\t101000\t=HYPERLINK(1)\ndemo1\t102000\t101500\t<b>x</b>\ndemo1\tx\t9\n", ""),
    )
    figure = overlay_of(page)
    assert headings(figure)[1:] == ["DNase", "good (yours)", "good (yours, 2)", "mine.bed"]
    said = [error.value.replace("\\", "") for error in page.error]
    for name, words in {
        "cut.bw": "cut short or damaged",
        "page.bw": "web page",
        "noise.bw": "does not start as a bigWig",
        "empty.bw": "empty",
        "hg19.bw": "2,000,000",
        "other.bw": "chr9",
    }.items():
        (sentence,) = [one for one in said if one.startswith(f"{name}:")]
        assert words in sentence
        assert "/tmp" not in sentence
    bars = trace(figure, "mine.bed")
    assert bars["hovertext"][0].startswith("=HYPERLINK(1)")
    assert "&lt;b&gt;x" in bars["hovertext"][1]
    assert "put in order" in texts(page)
    assert "left out" in texts(page)


def test_a_bed_that_seems_to_count_from_one_asks_and_is_drawn_as_answered(model):
    rows = [f"demo1\t{100_001 + n * 1000}\t{100_010 + n * 1000}\tx" for n in range(6)]
    page = bring(open_overlay(tracks="none"), ("one.bed", "\r\n".join(rows).encode(), ""))
    assert "count its first base as 1" in texts(page)
    assert headings(overlay_of(page)) == ["Genes"]
    next(button for button in page.button if button.label == "Starts count from 1").click()
    settled_reads(page)
    bars = trace(overlay_of(page), "one.bed")
    assert bars["base"][0] == 100_000.5
    assert bars["x"][0] == 10


def test_a_genome_of_another_source_has_files_of_its_own(uploads, tmp_path):
    other = Uploads({"chr9": 2_000_000})
    content = big_wig(tmp_path, [1, 2], chrom="chr9", size=2_000_000, start=0)
    assert other.add("a.bw", content).track is not None
    assert "chr9" in uploads.add("a.bw", content).error
    other.close()


def test_everything_is_deleted_with_the_session(uploads, tmp_path):
    content = big_wig(tmp_path, [1, 2])
    paths = [Path(uploads.add(name, content).track.path) for name in ("../../etc/x.bw", "a b.bw", "=1+1.bw")]
    assert all(path.is_file() and path.parent.parent == paths[0].parent.parent for path in paths)
    uploads.close()
    assert not any(path.exists() for path in paths)
    assert uploads.files == ()


def test_a_file_named_against_its_content_is_told_by_its_own_name(uploads):
    assert uploads.add("=cmd|' /C calc'!A0.bw", b"\x1f\x8bxx").error.startswith("=cmd|' /C calc'!A0.bw can't be read")


def test_no_more_files_than_anybody_looks_at(uploads):
    for n in range(MOST_FILES):
        uploads.add(f"{n}.bed", b"demo1\t1\t5\n")
    assert "take one away" in uploads.add("more.bed", b"demo1\t1\t5\n").error


def test_ten_million_lines_are_refused_at_once(uploads):
    content = b"demo1\t100\t200\n" * 10_000_000
    start = time.perf_counter()
    upload = uploads.add("long.bed", content)
    assert time.perf_counter() - start < 3
    assert "more than 1,000,000 lines" in upload.error
    assert upload.content == b""


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_signal_never_stops_the_page(uploads, tmp_path, seed):
    """Bytes changed anywhere: a sentence at the upload or at the reading, or a drawn signal."""
    good = big_wig(tmp_path, np.random.default_rng(seed).normal(size=3000))
    rng = random.Random(seed)
    for _ in range(8):
        content = bytearray(good)
        for _ in range(rng.randrange(1, 40)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        upload = uploads.add("x.bw", bytes(content))
        assert bool(upload.error) != (upload.track is not None)
        if upload.track is not None:
            lanes, problems = read_lanes([upload.track], "demo1", 95_000, 125_000, 100)
            assert len(lanes) + len(problems) == 1
            assert all("x.bw" in problem for problem in problems)


def test_the_page_takes_files_of_a_useful_size():
    config = tomllib.loads((Path(__file__).parents[2] / "dashboard/.streamlit/config.toml").read_text())
    assert 100 <= config["server"]["maxUploadSize"] <= 500


def test_the_demo_s_signals_fit_the_demo(uploads):
    signals = creme.open_source("demo").signals
    bigwig.check_assembly(signals["path"].iloc[0], SIZES)
    assert uploads.add("d.bw", Path(signals["path"].iloc[0]).read_bytes()).track is not None
