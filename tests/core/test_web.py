import gzip
import json
import socket
import threading
import time

import pytest

from creme_core import web
from tests.faulty_server import Cut, Drip, NoLength, Short, Status, Truncate, WrongType

BODY = bytes(range(256)) * 40


def test_the_body_comes_whole(server):
    server.add("/a", BODY)
    assert web.fetch(f"{server.url}/a") == BODY
    assert "creme" in server.requests[0][2]["User-Agent"]


def test_json_is_asked_for_and_parsed(server):
    server.add("/a", b'{"dna": "acgt"}', "application/json")
    assert web.fetch_json(f"{server.url}/a?genome=hg38;start=5") == {"dna": "acgt"}
    assert server.requests[0][1] == "/a?genome=hg38;start=5"
    assert server.requests[0][2]["Accept"] == "application/json"


def test_the_query_is_part_of_the_address_where_it_is_given(server):
    server.add("/a", b"any")
    server.add("/a?x=1", b"one")
    assert web.fetch(f"{server.url}/a?x=1") == b"one"
    assert web.fetch(f"{server.url}/a?x=2") == b"any"


def test_a_compressed_answer_is_unpacked(server):
    server.add("/a", gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
    assert web.fetch(f"{server.url}/a") == BODY


@pytest.mark.parametrize(
    "fault",
    [
        Status(500),
        Status(503),
        Status(429, {"Retry-After": "0"}),
        Status(429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Status(429, {"Retry-After": "soon"}),
        Cut(1000),
        Cut(0),
        Truncate(1000),
    ],
    ids=repr,
)
def test_what_passes_is_tried_again(server, fault):
    server.add("/a", BODY)
    server.fault("/a", fault, fault)
    assert web.fetch(f"{server.url}/a") == BODY
    assert len(server.requests) == 3


def test_a_cut_in_a_compressed_answer_is_noticed(server):
    server.add("/a", gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
    server.fault("/a", Truncate(30))
    assert web.fetch(f"{server.url}/a") == BODY


def test_an_answer_without_its_length_is_taken(server):
    server.add("/a", BODY)
    server.fault("/a", NoLength())
    assert web.fetch(f"{server.url}/a") == BODY


def test_a_slow_drip_ends_in_time_and_is_tried_again(server):
    server.add("/a", BODY)
    server.fault("/a", Drip(0.02))
    begin = time.monotonic()
    assert web.fetch(f"{server.url}/a", timeout=0.2) == BODY
    assert time.monotonic() - begin < 2


def test_a_server_that_only_drips_is_said_to_be_too_slow(server):
    server.add("/a", BODY)
    server.fault("/a", Drip(0.02), always=True)
    with pytest.raises(web.Offline, match=r"/a can't be read after 2 attempts: the host is too slow"):
        web.fetch(f"{server.url}/a", timeout=0.1, attempts=2)


def test_a_server_that_says_nothing_is_given_up(server, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(web.Offline, match="too slow"):
        web.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/a", timeout=0.1, attempts=2)


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_is_final_and_hands_over_what_came(server, status):
    server.add("/a", BODY)
    server.fault("/a", Status(status, body=b'{"error": "no such chromosome"}'), always=True)
    with pytest.raises(web.HTTPStatus, match=rf"127.0.0.1:\d+/a answered with HTTP status {status}") as refused:
        web.fetch(f"{server.url}/a?signature=secret")
    assert refused.value.status == status
    assert json.loads(refused.value.body) == {"error": "no such chromosome"}
    assert "secret" not in str(refused.value)
    assert len(server.requests) == 1


def test_a_server_that_stays_broken_is_reported_with_its_status(server):
    server.add("/a", BODY)
    server.fault("/a", Status(502), always=True)
    with pytest.raises(web.HTTPStatus, match="502") as broken:
        web.fetch(f"{server.url}/a")
    assert broken.value.status == 502
    assert len(server.requests) == 4


def test_a_long_refusal_is_not_read_to_its_end(server):
    server.fault("/a", Status(404, body=b"x" * 10**6))
    with pytest.raises(web.HTTPStatus) as refused:
        web.fetch(f"{server.url}/a")
    assert len(refused.value.body) < 10**6


@pytest.mark.parametrize("fault", [Cut(1000), Truncate(1000)], ids=repr)
def test_half_an_answer_is_never_given(server, fault):
    server.add("/a", BODY)
    server.fault("/a", fault, always=True)
    with pytest.raises(web.Offline, match="after 4 attempts: the connection"):
        web.fetch(f"{server.url}/a")


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(web.Offline, match="after one attempt: the connection was refused"):
        web.fetch(f"http://127.0.0.1:{port}/a", attempts=1)


def test_too_much_is_refused(server):
    server.add("/a", BODY)
    with pytest.raises(ValueError, match="sends more than the 9,000 bytes"):
        web.fetch(f"{server.url}/a", limit=9000)
    server.add("/bomb", gzip.compress(bytes(10**6)), headers={"Content-Encoding": "gzip"})
    with pytest.raises(ValueError, match="sends more than the 9,000 bytes"):
        web.fetch(f"{server.url}/bomb", limit=9000)


def test_a_page_instead_of_json_is_named(server):
    server.add("/a", b"{}")
    server.fault("/a", WrongType())
    with pytest.raises(ValueError, match="did not answer with JSON but with '<!DOCTYPE html>"):
        web.fetch_json(f"{server.url}/a")
    server.fault("/a", Short(1))
    with pytest.raises(ValueError, match="did not answer with JSON"):
        web.fetch_json(f"{server.url}/a")


def test_redirects_are_followed_and_circles_are_not(server):
    server.add("/b", BODY)
    server.redirect("/a", "/b")
    assert web.fetch(f"{server.url}/a") == BODY
    server.redirect("/b", "/a")
    with pytest.raises(web.Offline, match="redirects in a circle"):
        web.fetch(f"{server.url}/a", attempts=1)


def test_the_mirror_stands_for_every_host(mirror):
    mirror.add("/rest.ensembl.org/sequence", b"ACGT")
    assert web.fetch("https://rest.ensembl.org/sequence?mask=soft") == b"ACGT"
    assert mirror.requests[0][1] == "/rest.ensembl.org/sequence?mask=soft"
    mirror.redirect("/www.encodeproject.org/a", "https://encode-public.s3.amazonaws.com/b")
    mirror.add("/encode-public.s3.amazonaws.com/b", b"signal")
    assert web.fetch("https://www.encodeproject.org/a") == b"signal"
    assert web.address(f"{mirror.url}/x") == f"{mirror.url}/x"


def test_without_a_mirror_addresses_stay(monkeypatch):
    monkeypatch.delenv("CREME_MIRROR", raising=False)
    assert web.address("https://rest.ensembl.org/x?y=1") == "https://rest.ensembl.org/x?y=1"


@pytest.mark.parametrize(("setting", "offline"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_offline_switch(server, monkeypatch, setting, offline):
    if setting is not None:
        monkeypatch.setenv("CREME_OFFLINE", setting)
    server.add("/a", BODY)
    assert web.is_offline() is offline
    if not offline:
        assert web.fetch(f"{server.url}/a") == BODY
        return
    with pytest.raises(web.Offline, match="CREME_OFFLINE is set"):
        web.fetch(f"{server.url}/a")
    assert server.requests == []


def test_a_proxy_is_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.add("http://genome.example/a", BODY)
    assert web.fetch("http://genome.example/a") == BODY


def test_an_answer_is_kept_for_as_long_as_it_is_fresh(server, monkeypatch, tmp_path):
    monkeypatch.setenv("CREME_HOME", str(tmp_path))
    server.add("/a", b"first")
    assert web.fetch(f"{server.url}/a", fresh_seconds=60) == b"first"
    server.add("/a", b"second")
    monkeypatch.setenv("CREME_OFFLINE", "1")
    assert web.fetch(f"{server.url}/a", fresh_seconds=60) == b"first"
    monkeypatch.delenv("CREME_OFFLINE")
    assert web.fetch(f"{server.url}/a") == b"second"
    assert web.fetch(f"{server.url}/a", fresh_seconds=0) == b"second"
    (kept,) = (tmp_path / "web").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    server.add("/a", b"third")
    assert web.fetch(f"{server.url}/a", fresh_seconds=60) == b"third"


def test_an_answer_that_cannot_be_kept_is_still_given(server, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "file"))
    server.add("/a", BODY)
    assert web.fetch(f"{server.url}/a", fresh_seconds=60) == BODY


def test_a_host_is_asked_at_its_own_pace(server, monkeypatch):
    monkeypatch.setattr(web, "PAUSES", {"127.0.0.1": 0.1})
    server.add("/a", BODY)
    begin = time.monotonic()
    threads = [threading.Thread(target=web.fetch, args=(f"{server.url}/a",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin >= 0.3


def test_waiting_grows_and_goes_by_the_server(monkeypatch):
    monkeypatch.setattr(web, "BACKOFF_SECONDS", 1.0)
    assert 0.75 <= web.wait_seconds(1) <= 1.25
    assert 3 <= web.wait_seconds(3) <= 5
    assert web.wait_seconds(20) == web.LONGEST_WAIT_SECONDS
    assert web.wait_seconds(1, "7") == 7
    assert web.wait_seconds(1, "100000") == web.LONGEST_WAIT_SECONDS
    assert web.wait_seconds(1, "-3") == 0
