"""ENCODE's search and file records, on a local server that speaks the portal's JSON."""

import json
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from creme_core import web
from creme_core.signals import encode
from tests.faulty_server import Cut, Status, WrongType

SEARCH = "/www.encodeproject.org/search/"
# What the portal sends, with status 404, when nothing is found.
NOTHING = {"@type": ["Search"], "title": "Search", "@graph": [], "total": 0, "notification": "No results found"}


def record(accession, experiment="ENCSR000AKP", target="H3K27ac", assay="Histone ChIP-seq", **other):
    """A file as a search with field=... gives it."""
    return {
        "@id": f"/files/{accession}/",
        "@type": ["File", "Item"],
        "accession": accession,
        "status": "released",
        "assembly": "GRCh38",
        "file_format": "bigWig",
        "output_type": encode.ASSAYS[assay],
        "assay_title": assay,
        **({"target": {"label": target}} if target else {}),
        "biosample_ontology": {"term_name": "K562"},
        "biological_replicates": [1, 2],
        "technical_replicates": ["1_1", "2_1"],
        "preferred_default": True,
        "analyses": [{"status": "released"}],
        "dataset": f"/experiments/{experiment}/",
        "file_size": 1234,
        "md5sum": "d41d8cd98f00b204e9800998ecf8427e",
        "href": f"/files/{accession}/@@download/{accession}.bigWig",
        "cloud_metadata": {"url": f"https://encode-public.s3.amazonaws.com/2020/01/02/uuid/{accession}.bigWig"},
        **other,
    }


def serve(mirror, *records, path=SEARCH):
    mirror.add(path, json.dumps({"@type": ["Search"], "@graph": list(records)}).encode(), "application/json")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_search_asks_with_the_papers_filters_and_gives_a_table(mirror):
    serve(mirror, record("ENCFF381NDD"))
    table = encode.search("K562", "Histone ChIP-seq", "H3K27ac")
    ((_, path, headers),) = mirror.requests
    query = parse_qs(urlsplit(path).query)
    assert query["output_type"] == ["fold change over control"]
    assert (query["status"], query["assembly"], query["file_format"]) == (["released"], ["GRCh38"], ["bigWig"])
    assert query["biosample_ontology.term_name"] == ["K562"]
    assert (query["target.label"], query["assay_title"]) == (["H3K27ac"], ["Histone ChIP-seq"])
    assert query["limit"] == ["all"]  # else the portal gives 25
    assert headers["Accept"] == "application/json"
    assert list(table.columns) == encode.COLUMNS
    assert table.iloc[0].to_dict() == {
        "accession": "ENCFF381NDD",
        "cell_line": "K562",
        "assay": "Histone ChIP-seq",
        "target": "H3K27ac",
        "output_type": "fold change over control",
        "biological_replicates": "1, 2",
        "experiment": "ENCSR000AKP",
        "status": "released",
        "assembly": "GRCh38",
        "size": 1234,
        "md5sum": "d41d8cd98f00b204e9800998ecf8427e",
        "url": "https://encode-public.s3.amazonaws.com/2020/01/02/uuid/ENCFF381NDD.bigWig",
    }
    assert table.attrs["note"] == ""


def test_dnase_is_searched_under_its_own_output_type(mirror):
    serve(mirror, record("ENCFF414OGC", target="", assay="DNase-seq"))
    table = encode.search("K562", "DNase-seq")
    query = parse_qs(urlsplit(mirror.requests[0][1]).query)
    assert query["output_type"] == ["read-depth normalized signal"]
    assert "target.label" not in query
    assert table["target"].tolist() == [""]
    assert encode.groups(table)[0].name == "DNase"


def test_without_a_public_address_the_portals_own_is_given(mirror):
    serve(
        mirror, record("ENCFF381NDD", cloud_metadata=None), record("ENCFF381NDE", "ENCSR2", cloud_metadata={"url": 5})
    )
    table = encode.search("K562", "Histone ChIP-seq")
    assert table["url"][0] == "https://www.encodeproject.org/files/ENCFF381NDD/@@download/ENCFF381NDD.bigWig"
    assert table["url"][1].endswith("/files/ENCFF381NDE/@@download/ENCFF381NDE.bigWig")
    serve(mirror, record("ENCFF381NDF", cloud_metadata={"url": "file:///etc/passwd"}, href="//evil.example/x"))
    (url,) = encode.search("K562", "Histone ChIP-seq", refresh=True)["url"]
    assert url == "https://www.encodeproject.org/files/ENCFF381NDF/@@download/ENCFF381NDF.bigWig"


def test_paths_in_the_place_of_objects_are_read_too(mirror):
    """frame=object gives paths where field=... gives objects."""
    paths = {"target": "/targets/EP300-human/", "biosample_ontology": "/biosample-types/cell_line_EFO_0002067/"}
    serve(mirror, {**record("ENCFF636VVR", assay="TF ChIP-seq"), **paths})
    row = encode.search("K562", "TF ChIP-seq").iloc[0]
    assert (row["target"], row["cell_line"], row["experiment"]) == ("EP300", "K562", "ENCSR000AKP")


def test_an_experiments_pooled_file_is_taken_and_superseded_analyses_are_not(mirror):
    serve(
        mirror,
        record("ENCFF000AAC", technical_replicates=["1_1"], biological_replicates=[1]),
        record("ENCFF000AAA", preferred_default=False),
        record("ENCFF000AAB"),
        record("ENCFF000AAD", technical_replicates=["1_1", "2_1", "3_1"], analyses=[{"status": "archived"}]),
        record("ENCFF000AAE", experiment="ENCSR000XXX"),
    )
    assert encode.search("K562", "Histone ChIP-seq")["accession"].tolist() == ["ENCFF000AAB", "ENCFF000AAE"]


def test_experiments_of_one_assay_and_target_are_one_track(mirror):
    serve(
        mirror,
        record("ENCFF000AAA", "ENCSR1", "CTCF", "TF ChIP-seq"),
        record("ENCFF000AAB", "ENCSR2", "CTCF", "TF ChIP-seq"),
        record("ENCFF000AAC", "ENCSR3", "EP300", "TF ChIP-seq"),
    )
    ctcf, ep300 = encode.groups(encode.search("K562", "TF ChIP-seq"))
    assert (ctcf.target, ctcf.accessions) == ("CTCF", ("ENCFF000AAA", "ENCFF000AAB"))
    assert (ctcf.name, ctcf.kind, ctcf.statistic) == ("CTCF", "factor", "max")
    assert len(ctcf.urls) == 2
    assert ep300.accessions == ("ENCFF000AAC",)
    assert encode.Track("K562", "ATAC-seq", "", ("a",), ("u",)).statistic == "mean"
    assert encode.Track("K562", "Histone ChIP-seq", "H3K27ac", ("a",), ("u",)).kind == "histone"


def test_a_track_is_the_mean_of_its_files_where_they_are_covered():
    signal = {"u1": [1.0, np.nan, 3.0], "u2": [3.0, np.nan, np.nan]}
    asked = []

    def read(url, chrom, start, end, bins, statistic):
        asked.append((url, chrom, start, end, bins, statistic))
        return np.array(signal[url], np.float32)

    track = encode.Track("K562", "TF ChIP-seq", "CTCF", ("a", "b"), ("u1", "u2"))
    values = encode.read_average(track, "chr1", 10, 40, bins=3, statistic="max", read=read)
    np.testing.assert_array_equal(values, np.array([2, np.nan, 3], np.float32))
    assert values.dtype == np.float32
    assert asked == [("u1", "chr1", 10, 40, 3, "max"), ("u2", "chr1", 10, 40, 3, "max")]


def test_a_file_that_cannot_be_read_is_not_left_out_silently():
    def read(url, *window):
        if url == "u2":
            raise ValueError("u2 is damaged.")
        return np.ones(2)

    track = encode.Track("K562", "TF ChIP-seq", "CTCF", ("a", "b"), ("u1", "u2"))
    with pytest.raises(ValueError, match="u2 is damaged"):
        encode.read_average(track, "chr1", 0, 2, bins=2, read=read)


def test_signal_is_read_through_the_portals_redirect(mirror, tmp_path):
    """/files/.../@@download/ answers 307 with a signed address, and the default reader asks that for its window."""
    path = tmp_path / "signal.bigWig"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", 10_000)])
        file.addEntries("chr1", 0, values=[float(i) for i in range(100)], span=100, step=100)
    download = "/www.encodeproject.org/files/ENCFF381NDD/@@download/ENCFF381NDD.bigWig"
    signed = "/encode-public.s3.amazonaws.com/2020/01/02/uuid/ENCFF381NDD.bigWig?Signature=abc&Expires=60"
    mirror.redirect(download, f"https:/{signed}", 307)
    mirror.add(urlsplit(signed).path, path.read_bytes())
    serve(mirror, record("ENCFF381NDD", cloud_metadata=None))
    (track,) = encode.groups(encode.search("K562", "Histone ChIP-seq", "H3K27ac"))
    values = encode.read_average(track, "chr1", 1000, 1400, bins=4)
    np.testing.assert_allclose(values, [10, 11, 12, 13])
    assert any("Signature" in asked for _, asked, _ in mirror.requests)


def test_nothing_found_is_an_empty_table_of_the_same_shape(mirror):
    mirror.fault(SEARCH, Status(404, {"Content-Type": "application/json"}, json.dumps(NOTHING).encode()), always=True)
    table = encode.search("PC-3", "TF ChIP-seq", "EP300")
    assert len(table) == 0
    assert list(table.columns) == encode.COLUMNS
    assert encode.groups(table) == []
    # Long answers are cut, so they are known by their notification too.
    long = json.dumps({"notification": "No results found", "facets": ["x" * 400_000], "@graph": []}).encode()
    mirror.fault(SEARCH, Status(404, {}, long), always=True)
    assert encode.search("PC-3", "TF ChIP-seq", "CTCF").empty


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"[]", "holds no list of files in '@graph': this search has not been tried on the real portal"),
        (b'{"@graph": {}}', "holds no list of files"),
        (b'{"@graph": [1]}', "holds no list of files"),
        (b'{"@graph": [{"accession": "ENCFF381NDD"}]}', "None of the 1 files .* not been tried on the real portal"),
    ],
)
def test_json_of_another_shape_is_told(mirror, answer, sentence):
    mirror.add(SEARCH, answer, "application/json")
    with pytest.raises(ValueError, match=sentence):
        encode.search("K562", "TF ChIP-seq")


def test_a_page_instead_of_json_is_told(mirror):
    serve(mirror)
    mirror.fault(SEARCH, WrongType(), always=True)
    with pytest.raises(ValueError, match="did not answer with JSON but with '<!DOCTYPE html>"):
        encode.search("K562", "TF ChIP-seq")
    mirror.fault(SEARCH, Status(404, {}, b"<html>Not found</html>"), always=True)
    with pytest.raises(
        ValueError, match="404 and not with the JSON list that it sends when nothing is found: this sear"
    ):
        encode.search("K562", "TF ChIP-seq")


def test_records_that_were_not_asked_for_are_left_out_and_counted(mirror):
    serve(
        mirror,
        record("ENCFF381NDD"),
        record("ENCFF381NDE", "ENCSR2", assembly="hg19"),
        record("ENCFF381NDF", "ENCSR3", output_type="signal p-value"),
        record("ENCFF381NDG", "ENCSR4", status="archived"),
        record("../../x", "ENCSR5"),
    )
    table = encode.search("K562", "Histone ChIP-seq")
    assert table["accession"].tolist() == ["ENCFF381NDD"]
    assert table.attrs["note"].startswith("4 files that do not match the search")


def test_values_of_another_type_do_no_harm(mirror):
    odd = {"file_size": "big", "md5sum": None, "biological_replicates": 3, "technical_replicates": None, "target": 7}
    serve(mirror, {**record("ENCFF381NDD", analyses="x", dataset=None), **odd})
    row = encode.search("K562", "Histone ChIP-seq").iloc[0]
    assert (row["size"], row["md5sum"], row["biological_replicates"], row["target"]) == (0, "", "", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("K562", "RNA-seq"), "'RNA-seq' is no assay of this search; it is one of DNase-seq, "),
        (("", "DNase-seq"), "The cell line is ''"),
        (("K" * 101, "DNase-seq"), "must be a name of up to 100 characters"),
        (("K562", "DNase-seq", " "), "The target is ' '"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_unasked(server, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        encode.search(*arguments)
    assert server.requests == []


def test_names_are_quoted_into_the_query(mirror):
    serve(mirror)
    encode.search("A&limit=1 #", "DNase-seq", "x y/β")
    query = parse_qs(urlsplit(mirror.requests[0][1]).query)
    assert query["biosample_ontology.term_name"] == ["A&limit=1 #"]
    assert query["target.label"] == ["x y/β"]
    assert query["limit"] == ["all"]


def test_requests_keep_the_portals_pace(mirror, monkeypatch):
    waited = []
    monkeypatch.setattr(web, "PAUSES", {"www.encodeproject.org": 0.1})
    monkeypatch.setattr(web.time, "sleep", waited.append)
    for target in ("A", "B", "C", "D"):
        serve(mirror)
        encode.search("K562", "TF ChIP-seq", target)
    assert max(waited) > 0.2


def test_a_busy_portal_is_asked_again(mirror):
    serve(mirror, record("ENCFF381NDD"))
    mirror.fault(SEARCH, Status(503), Status(429, {"Retry-After": "0"}), Cut(30))
    assert len(encode.search("K562", "Histone ChIP-seq")) == 1
    assert len(mirror.requests) == 4


def test_the_default_tracks_are_the_ones_of_the_notes():
    table = encode.default_tracks()
    assert list(table.columns) == ["cell_line", "mark", "assay", "accession", "url"]
    assert table["cell_line"].value_counts().to_dict() == {"K562": 11, "GM12878": 11, "PC-3": 10}
    assert table["accession"].is_unique
    assert table["accession"].str.fullmatch(r"ENCFF\d{3}[A-Z]{3}").all()
    k562 = encode.default_tracks("K562").set_index("mark")
    assert k562.loc["H3K27ac", "accession"] == "ENCFF381NDD"
    assert k562.loc["EP300", "url"].endswith("/files/ENCFF636VVR/@@download/ENCFF636VVR.bigWig")
    assert "EP300" not in set(encode.default_tracks("PC-3")["mark"])
    with pytest.raises(ValueError, match="no default ENCODE tracks for 'HepG2', only for K562, GM12878, PC-3"):
        encode.default_tracks("HepG2")


def test_the_papers_own_list_has_the_default_tracks(shared_data):
    listed = pd.read_csv(shared_data / "published/figures/pdfs/biochemistry/track_list.csv")
    of = listed.set_index("File accession")
    newer = {"ENCFF644EEX", "ENCFF545BXW", "ENCFF756ESH"}  # factors that the paper has in K562 only
    for row in encode.default_tracks().itertuples():
        if row.accession in newer:
            assert row.accession not in of.index
            continue
        found = of.loc[row.accession]
        assert (found["Biosample term name"], found["Assay"]) == (row.cell_line, row.assay)
        assert row.assay in ("DNase-seq", "ATAC-seq") or found["Experiment target"] == f"{row.mark}-human"
