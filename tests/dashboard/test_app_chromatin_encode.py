"""The overlay of real loci: ENCODE's files and annotations from servers, slow, silent, refused or switched off."""

import json
import sys
import time
from pathlib import Path

import pyBigWig
import pytest
from streamlit.testing.v1 import AppTest

from creme_core.signals import regions
from dashboard import data
from tests.dashboard.chromatin_pages import headings, open_overlay, overlay_of, settled_reads, trace, values_of
from tests.dashboard.pages import APP, address_of, texts
from tests.dashboard.test_tracks import PORTAL, file_record, serve_defaults
from tests.faulty_server import Stall, Status

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "published"
CHR12 = 133_275_309
BUCKET = "/encode-public.s3.amazonaws.com"
GENE = {"source": "published", "gene": "CHST11"}

pytestmark = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published results are not here")


@pytest.fixture
def published(model, monkeypatch):
    regions._ucsc.cache_clear()
    monkeypatch.setattr(sys, "argv", ["app.py", "--published", str(PUBLISHED)])


def signal(folder, value):
    """A bigWig of chr12 with one value everywhere around CHST11."""
    path = folder / f"{value}.bw"
    file = pyBigWig.open(str(path), "w")
    file.addHeader([("chr12", CHR12)])
    file.addEntries(["chr12"], [104_000_000], ends=[105_000_000], values=[float(value)])
    file.close()
    return path.read_bytes()


@pytest.fixture
def encode(mirror, tmp_path):
    """A portal with the default files of K562, and the files themselves; no cCREs."""
    serve_defaults(mirror, "K562", H3K36me3={"status": "revoked"})
    for number, accession in enumerate(("ENCFF414OGC", "ENCFF381NDD", "ENCFF736UDR"), start=1):
        mirror.add(f"{BUCKET}/{accession}.bigWig", signal(tmp_path, number))
    rows = [{"chrom": "chr12", "chromStart": 104_460_000, "chromEnd": 104_460_300, "name": "EH38E1", "score": 0}]
    rows[0] |= {"strand": ".", "ccre": "pELS,CTCF-bound"}
    mirror.add("/api.genome.ucsc.edu/getData/track", json.dumps({"encodeCcreCombined": rows}).encode())
    return mirror


def test_encode_s_files_are_drawn_and_what_is_wrong_with_one_is_said(published, encode):
    page = open_overlay(**GENE, tracks="DNase,CTCF,H3K36me3,H3K4me1")
    figure = overlay_of(page)
    rows = headings(figure)
    assert rows[-5:-1] == ["DNase", "CTCF", "H3K36me3: could not be read", "H3K4me1: could not be read"]
    assert set(values_of(trace(figure, "DNase")).tolist()) == {1.0}
    assert set(values_of(trace(figure, "CTCF")).tolist()) == {3.0}
    said = texts(page).replace("\\", "")
    assert "H3K36me3: ENCFF317VHO is revoked at ENCODE" in said
    assert "H3K4me1: " in said
    assert "404" in said
    assert "pELS" in rows[-1]
    assert trace(figure, "ENCODE cCREs")["marker"]["color"] == ["#FFA700"]
    assert "EH38E1, pELS" in trace(figure, "ENCODE cCREs")["hovertext"][0]


def test_a_search_adds_tracks_whose_link_brings_them_back(published, encode, tmp_path):
    records = [file_record(f"ENCFF00{n}AAA", "HepG2", "TF ChIP-seq", "MYC") for n in (1, 2)]
    encode.add(f"{PORTAL}/search/", json.dumps({"@graph": records}).encode(), "application/json")
    for record, value in zip(records, (4, 8), strict=True):
        encode.add(f"{PORTAL}/files/{record['accession']}/", json.dumps(record).encode(), "application/json")
        encode.add(f"{BUCKET}/{record['accession']}.bigWig", signal(tmp_path, value))
    page = open_overlay(**GENE, tracks="DNase")
    fields = {field.label: field for field in page.text_input}
    fields["Cell line"].set_value("HepG2")
    fields["Target"].set_value("MYC")
    next(button for button in page.button if button.label == "Search").click()
    settled_reads(page)
    next(button for button in page.button if button.key == "add found").click()
    settled_reads(page)
    figure = overlay_of(page)
    assert headings(figure)[-3:-1] == ["DNase", "MYC (HepG2)"]
    assert set(values_of(trace(figure, "MYC (HepG2)")).tolist()) == {6.0}
    assert address_of(page)["tracks"] == "DNase,ENCFF001AAA+ENCFF002AAA"
    data.background("remote")._kept.clear()
    again = open_overlay(**address_of(page))
    assert headings(overlay_of(again))[-3:-1] == ["DNase", "MYC (HepG2)"]


def test_a_search_without_an_answer_is_a_sentence(published, encode):
    encode.add(f"{PORTAL}/search/", b'{"@graph": [], "notification": "No results found"}', "application/json")
    encode.fault(f"{PORTAL}/search/", Status(404, {}, b'{"notification": "No results found"}'))
    page = open_overlay(**GENE, tracks="DNase")
    next(button for button in page.button if button.label == "Search").click()
    settled_reads(page)
    assert "no released GRCh38 signal" in texts(page)
    next(field for field in page.text_input if field.label == "Target").set_value("<script>")
    encode.fault(f"{PORTAL}/search/", Status(500), always=True)
    next(button for button in page.button if button.label == "Search").click()
    settled_reads(page)
    assert "could not be searched" in texts(page)
    assert not page.exception


def test_offline_every_track_says_so_and_nothing_waits(published, server, monkeypatch):
    monkeypatch.setenv("CREME_OFFLINE", "1")
    page = open_overlay(**GENE)
    start = time.perf_counter()
    page.run()
    assert time.perf_counter() - start < 3
    figure = overlay_of(page)
    assert sum("could not be read" in row for row in headings(figure)) == 12  # 11 tracks and the cCREs
    said = texts(page).replace("\\", "")
    for mark in ("DNase", "EP300", "ENCODE cCREs"):
        assert f"- {mark}: " in said
    assert "CREME_OFFLINE" in said
    assert server.requests == []
    assert "CHST11" in said


@pytest.mark.parametrize("silent", ["portal", "files"])
def test_a_silent_server_holds_nothing_up(published, encode, silent):
    """The page is drawn at once, says what is still being read, and is redrawn by its own polling."""
    place = f"{PORTAL}/files/ENCFF414OGC/" if silent == "portal" else f"{BUCKET}/ENCFF414OGC.bigWig"
    encode.fault(place, Stall(10), always=True)
    page = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in {**GENE, "overlay": 1, "tracks": "DNase,CTCF"}.items():
        page.query_params[name] = str(value)
    page.run()
    start = time.perf_counter()
    page.run()
    assert time.perf_counter() - start < 4
    rows = headings(overlay_of(page))
    assert "DNase: being read" in rows
    assert ("CTCF: being read" in rows) == (silent == "portal")
    # Files of this machine are read meanwhile.
    assert not page.exception
