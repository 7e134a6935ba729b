"""Tracks on offer, how they are read, and the genes of a view."""

import json

import numpy as np
import pandas as pd
import pyBigWig
import pytest

import creme_core as creme
from creme_core.signals import encode
from dashboard import tracks
from dashboard.tracks import OfferedTrack, Unconfirmed
from tests.faulty_server import Status

PORTAL = "/www.encodeproject.org"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))


class Genome:
    def __init__(self, name="hg38", chrom_sizes=None):
        self.name = name
        self.chrom_sizes = chrom_sizes or {"chr1": 248_956_422}


def big_wig(path, values, chrom="chr1", size=10_000, start=0):
    file = pyBigWig.open(str(path), "w")
    file.addHeader([(chrom, size)])
    file.addEntries(chrom, start, values=[float(value) for value in values], span=1, step=1)
    file.close()
    return str(path)


def file_record(accession, cell_line, assay, target, **other):
    return {
        "accession": accession,
        "status": "released",
        "assembly": "GRCh38",
        "file_format": "bigWig",
        "output_type": encode.ASSAYS[assay],
        "assay_title": assay,
        **({"target": {"label": target}} if target else {}),
        "biosample_ontology": {"term_name": cell_line},
        "dataset": f"/experiments/ENCSR{accession[5:]}/",
        "cloud_metadata": {"url": f"https://encode-public.s3.amazonaws.com/{accession}.bigWig"},
        **other,
    }


def serve_defaults(mirror, cell_line="K562", **changed):
    """The portal's record of every default file; changed: mark -> what is different about it."""
    for row in encode.default_tracks(cell_line).itertuples():
        target = row.mark if row.assay.endswith("ChIP-seq") else ""
        record = file_record(row.accession, cell_line, row.assay, target, **changed.get(row.mark, {}))
        mirror.add(f"{PORTAL}/files/{row.accession}/", json.dumps(record).encode(), "application/json")


def test_the_demo_offers_its_own_signals_of_the_cell_line():
    offered = tracks.offered_tracks(creme.open_source("demo"), "PC-3")
    assert [track.name for track in offered][:2] == ["DNase", "H3K27ac"]
    assert all("PC-3" in track.path and not track.remote for track in offered)


def test_grch38_offers_encode_s_files_and_another_genome_does_not():
    assert len(tracks.offered_tracks(Genome(), "GM12878")) == 11
    assert tracks.offered_tracks(Genome(), "HepG2") == ()
    assert len(tracks.offered_tracks(Genome("own", {"chr1": 248_956_422}), "K562")) == 11
    # A mouse has a chr1 too.
    assert tracks.offered_tracks(Genome("own", {"chr1": 195_154_279}), "K562") == ()


def test_confirmed_tracks_have_the_portal_s_addresses_and_a_revoked_file_is_never_read(mirror):
    serve_defaults(mirror, H3K4me1={"status": "revoked"})
    found = {track.name: track for track in tracks.confirmed_tracks("K562")}
    assert found["DNase"].path == "https://encode-public.s3.amazonaws.com/ENCFF414OGC.bigWig"
    asked = len(mirror.requests)
    lanes, problems = tracks.read_lanes([found["H3K4me1"]], "chr1", 0, 100)
    assert lanes == []
    assert "is revoked at ENCODE" in problems[0]
    assert len(mirror.requests) == asked


def test_without_the_portal_the_tracks_are_told_apart_from_confirmed_ones(mirror, monkeypatch):
    for row in encode.default_tracks("K562").itertuples():
        mirror.add(f"{PORTAL}/files/{row.accession}/", b"")
        mirror.fault(f"{PORTAL}/files/{row.accession}/", Status(503), always=True)
    with pytest.raises(Unconfirmed, match="503") as caught:
        tracks.confirmed_tracks("K562")
    assert [track.name for track in caught.value.tracks] == encode.default_tracks("K562")["mark"].tolist()
    monkeypatch.setenv("CREME_OFFLINE", "1")
    with pytest.raises(Unconfirmed, match="CREME_OFFLINE"):
        tracks.confirmed_tracks("K562")


def test_the_files_of_a_found_track_are_averaged(tmp_path):
    one, two = big_wig(tmp_path / "1.bw", [1, 1, 5, 5]), big_wig(tmp_path / "2.bw", [3, 3, 3, 3, 7])
    track = OfferedTrack("GATA1 (K562)", (one, two), "")
    lane = tracks.read_lane(track, "chr1", 0, 6, bins=3)
    assert lane.values.tolist()[:2] == [2, 4]
    assert lane.values[2] == 7  # only one covers it
    assert lane.highest is None
    assert track.read("chr1", 0, 6, 1, "max").tolist() == [6]
    assert tracks.read_lane(track, "chr1", 1, 4, bins=1).highest.tolist() == [4]


def test_a_search_s_experiments_become_one_track_whose_key_brings_it_back(mirror):
    records = [file_record(f"ENCFF00{n}AAA", "HepG2", "TF ChIP-seq", "CTCF") for n in (1, 2)]
    mirror.add(f"{PORTAL}/search/", json.dumps({"@graph": records}).encode(), "application/json")
    (track,) = tracks.found_tracks(encode.search("HepG2", "TF ChIP-seq", "CTCF"))
    assert (track.name, track.key, len(track.paths)) == ("CTCF (HepG2)", "ENCFF001AAA+ENCFF002AAA", 2)
    assert "2 experiments averaged" in track.told
    assert tracks.is_accessions(track.key)
    assert not tracks.is_accessions("DNase")
    for record in records:
        mirror.add(f"{PORTAL}/files/{record['accession']}/", json.dumps(record).encode(), "application/json")
    assert tracks.track_of_accessions(track.key) == track


def test_files_of_different_tracks_are_not_averaged(mirror):
    for accession, target in (("ENCFF001AAA", "CTCF"), ("ENCFF002AAA", "MYC")):
        record = file_record(accession, "K562", "TF ChIP-seq", target)
        mirror.add(f"{PORTAL}/files/{accession}/", json.dumps(record).encode(), "application/json")
    with pytest.raises(ValueError, match="2 different tracks"):
        tracks.track_of_accessions("ENCFF001AAA+ENCFF002AAA")


@pytest.mark.parametrize(
    ("name", "own", "group"),
    [
        ("DNase", False, "DNAS"),
        ("ATAC (HepG2)", False, "ATAC"),
        ("H3K27ac", False, "histone marks"),
        ("CTCF", False, "factors"),
        ("H3K27ac (yours)", True, "own files"),
    ],
)
def test_tracks_share_a_scale_with_those_whose_numbers_mean_the_same(name, own, group):
    assert OfferedTrack(name, ("x.bw",), "", own=own).group == group


def test_one_bad_track_does_not_take_the_others_away(tmp_path):
    good = OfferedTrack("good", (big_wig(tmp_path / "1.bw", [1, 2]),), "")
    (tmp_path / "bad.bw").write_text("<html>no</html>")
    bad = OfferedTrack("bad", (str(tmp_path / "bad.bw"),), "")
    lanes, problems = tracks.read_lanes([good, bad, good], "chr1", 0, 2)
    assert [lane.values.tolist() for lane in lanes] == [[1, 2], [1, 2]]
    assert problems == ["bad: bad.bw can't be read: " + problems[0].split(": ", 2)[2]]


def test_genes_of_a_view_and_only_the_exons_within_it():
    genes = pd.DataFrame(
        {"gene": ["A", "B"], "chrom": "chr1", "tss": [100, 900], "strand": ["+", "-"], "start": [100, 800]}
    ).assign(end=[500, 901])
    exons = pd.DataFrame({"gene": ["A", "A", "B"], "chrom": "chr1", "start": [100, 450, 850], "end": [150, 500, 901]})
    inside, seen = tracks.genes_between(genes, exons, "chr1", 400, 700)
    assert inside["gene"].tolist() == ["A"]
    assert seen[["start", "end"]].values.tolist() == [[450, 500]]
    assert tracks.genes_between(genes, exons.head(0), "chr1", 400, 700)[1] is None


def test_a_gene_without_an_end_is_a_stub_from_its_tss_along_its_strand():
    genes = pd.DataFrame({"gene": ["A", "B"], "chrom": "chr1", "tss": [500, 800], "strand": ["+", "-"]})
    inside, _ = tracks.genes_between(genes, None, "chr1", 0, 1000)
    assert inside[["start", "end"]].values.tolist() == [[500, 515], [786, 801]]
    assert np.all(inside["end"] > inside["start"])
