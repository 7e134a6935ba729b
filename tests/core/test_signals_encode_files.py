"""One ENCODE file confirmed, and what is kept of the portal's answers for when it can't be asked."""

import json
import os
import time

import pytest

from creme_core import web
from creme_core.signals import encode, encode_portal
from tests.core.test_signals_encode import SEARCH, record, serve
from tests.faulty_server import Drip, Status, WrongType

FILE = "/www.encodeproject.org/files/ENCFF381NDD/"


def serve_file(mirror, accession="ENCFF381NDD", **other):
    path = f"/www.encodeproject.org/files/{accession}/"
    mirror.add(path, json.dumps(record(accession, **other)).encode(), "application/json")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_released_file_is_confirmed(mirror):
    serve_file(mirror)
    found = encode.confirm("ENCFF381NDD", cell_line="K562", target="H3K27ac")
    assert found["url"].startswith("https://encode-public.s3.amazonaws.com/")
    assert (found["status"], found["size"], found["note"]) == ("released", 1234, "")
    assert mirror.requests[0][1] == f"{FILE}?format=json"


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"status": "revoked"}, "ENCFF381NDD is revoked at ENCODE, so it is not used; search for a released file"),
        ({"status": "archived"}, "is archived at ENCODE"),
        ({"assembly": "hg19"}, "is of assembly 'hg19'; only GRCh38"),
        ({"output_type": "signal p-value"}, "holds 'signal p-value'; only fold change over control"),
        ({"file_format": "bed"}, "is a bed file"),
        ({"target": {"label": "H3K9ac"}}, "is of H3K9ac, not of H3K27ac"),
        ({"biosample_ontology": {"term_name": "HepG2"}}, "is of HepG2, not of K562"),
        ({"accession": "ENCFF000AAA"}, "answers for ENCFF381NDD with 'ENCFF000AAA'"),
        ({"status": None}, "holds no 'status'"),
    ],
)
def test_a_file_unfit_for_use_is_told(mirror, other, sentence):
    serve_file(mirror)
    mirror.add(FILE, json.dumps({**record("ENCFF381NDD"), **other}).encode(), "application/json")
    with pytest.raises(ValueError, match=sentence):
        encode.confirm("ENCFF381NDD", cell_line="K562", target="H3K27ac")


def test_a_superseded_analysis_is_noted(mirror):
    serve_file(mirror, analyses=[{"status": "archived"}])
    assert "has put the analysis that ENCFF381NDD is from away" in encode.confirm("ENCFF381NDD")["note"]


@pytest.mark.parametrize("accession", ["", "ENCFF1", "../../etc", "ENCSR000AKP", "ENCFF381NDD/..", None])
def test_what_is_no_accession_is_not_asked_for(server, accession):
    with pytest.raises(ValueError, match="no accession of an ENCODE file; one looks like ENCFF381NDD"):
        encode.confirm(accession)
    assert server.requests == []


def test_an_unknown_file_is_told(mirror):
    missing = json.dumps({"@type": ["HTTPNotFound", "Error"], "status": "error", "code": 404}).encode()
    mirror.fault(FILE, Status(404, {"Content-Type": "application/json"}, missing), always=True)
    with pytest.raises(ValueError, match="ENCODE has no file ENCFF381NDD"):
        encode.confirm("ENCFF381NDD")


def test_a_fresh_answer_is_not_asked_for_again_and_an_old_one_is(mirror, own_home):
    serve_file(mirror)
    encode.confirm("ENCFF381NDD")
    serve_file(mirror, status="revoked")
    assert encode.confirm("ENCFF381NDD")["status"] == "released"
    assert len(mirror.requests) == 1
    age_answers(own_home, days=8)
    with pytest.raises(ValueError, match="is revoked"):
        encode.confirm("ENCFF381NDD")


def test_a_refresh_asks_at_once(mirror):
    serve_file(mirror)
    encode.confirm("ENCFF381NDD")
    serve_file(mirror, status="revoked")
    with pytest.raises(ValueError, match="is revoked"):
        encode.confirm("ENCFF381NDD", refresh=True)


def test_offline_a_kept_answer_stands_in_and_says_so(mirror, own_home, monkeypatch):
    serve(mirror, record("ENCFF381NDD"))
    encode.search("K562", "Histone ChIP-seq")
    age_answers(own_home, days=40)
    monkeypatch.setenv("CREME_OFFLINE", "1")
    table = encode.search("K562", "Histone ChIP-seq")
    assert table["accession"].tolist() == ["ENCFF381NDD"]
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 40 * 24 * 3600))
    assert table.attrs["note"].startswith(f"This is what ENCODE answered on {day}; it can't be asked now: ")
    assert "CREME_OFFLINE is set" in table.attrs["note"]
    with pytest.raises(web.Offline, match="CREME_OFFLINE is set"):
        encode.search("K562", "ATAC-seq")


@pytest.mark.parametrize(
    "fault", [Status(500), Status(403), WrongType(), WrongType("application/json", b"[]"), Drip(1.0)], ids=str
)
def test_a_portal_in_trouble_does_not_take_away_what_is_kept(mirror, monkeypatch, fault):
    serve(mirror, record("ENCFF381NDD"))
    encode.search("K562", "Histone ChIP-seq")
    monkeypatch.setattr(encode_portal, "TIMEOUT_SECONDS", 0.1)
    mirror.fault(SEARCH, fault, always=True)
    table = encode.search("K562", "Histone ChIP-seq", refresh=True)
    assert len(table) == 1
    assert "it can't be asked now" in table.attrs["note"]


def test_a_file_that_is_gone_is_not_stood_in_for(mirror):
    serve_file(mirror)
    encode.confirm("ENCFF381NDD")
    mirror.fault(FILE, Status(404), always=True)
    with pytest.raises(ValueError, match="ENCODE has no file"):
        encode.confirm("ENCFF381NDD", refresh=True)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"url": 1}', bytes(range(256)), b'{"url": null, "asked": "x"}'])
def test_a_damaged_answer_is_asked_for_again(mirror, own_home, damage):
    serve(mirror, record("ENCFF381NDD"))
    encode.search("K562", "Histone ChIP-seq")
    (kept,) = (own_home / "encode").iterdir()
    kept.write_bytes(damage)
    assert len(encode.search("K562", "Histone ChIP-seq")) == 1
    assert len(mirror.requests) == 2
    assert json.loads(kept.read_bytes())["answer"]["@graph"]


def test_a_kept_answer_of_the_future_is_not_believed(mirror, own_home):
    serve_file(mirror)
    encode.confirm("ENCFF381NDD")
    age_answers(own_home, days=-30)
    encode.confirm("ENCFF381NDD")
    assert len(mirror.requests) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_only_costs_time(mirror, own_home):
    own_home.mkdir()
    own_home.chmod(0o500)
    serve_file(mirror)
    assert encode.confirm("ENCFF381NDD")["status"] == "released"


def test_a_home_that_is_a_file_only_costs_time(mirror, own_home):
    own_home.write_text("in the way")
    serve_file(mirror)
    assert encode.confirm("ENCFF381NDD")["status"] == "released"


def test_defaults_are_confirmed_one_by_one(mirror):
    for row in encode.default_tracks("K562").itertuples():
        target = row.mark if row.assay.endswith("ChIP-seq") else ""
        serve_file(mirror, row.accession, target=target, assay=row.assay)
    serve_file(mirror, "ENCFF607SUJ", target="H3K4me1", status="archived")
    table = encode.confirm_defaults("K562").set_index("mark")
    assert table["problem"].ne("").sum() == 1
    assert "ENCFF607SUJ is archived" in table.loc["H3K4me1", "problem"]
    assert table.loc["DNase", "url"].startswith("https://encode-public.s3")
    assert len(mirror.requests) == 11


def test_offline_the_defaults_keep_the_portals_addresses_and_say_why(server, monkeypatch):
    monkeypatch.setenv("CREME_OFFLINE", "1")
    table = encode.confirm_defaults("K562")
    assert table["problem"].str.contains("CREME_OFFLINE is set").all()
    assert table["url"].tolist() == encode.default_tracks("K562")["url"].tolist()


def test_a_silent_portal_is_waited_for_once(monkeypatch):
    monkeypatch.setenv("CREME_MIRROR", "http://127.0.0.1:9")
    monkeypatch.delenv("CREME_OFFLINE", raising=False)
    monkeypatch.setattr(web, "BACKOFF_SECONDS", 0.0)
    asked = []
    ask = encode_portal._ask
    monkeypatch.setattr(encode_portal, "_ask", lambda url, *patience: asked.append(url) or ask(url, *patience))
    table = encode.confirm_defaults("K562")
    assert len(asked) == 1
    assert table["problem"].str.contains("can't be read").all()


def age_answers(home, days):
    for path in (home / "encode").iterdir():
        kept = json.loads(path.read_bytes())
        path.write_text(json.dumps({**kept, "asked": kept["asked"] - days * 24 * 3600}))
