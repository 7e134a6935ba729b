"""Whatever a server does, a download ends in the whole verified file or in one plain sentence."""

import json

import pytest

from creme_core import downloads, web
from creme_core.downloads import transfer
from creme_core.downloads.origin import resolve
from tests.core.small_downloads import COMMIT, KINDS, serve, serve_one, small
from tests.faulty_server import (
    Cut,
    Drip,
    NoIfRange,
    NoLength,
    NoRange,
    Short,
    Stall,
    Status,
    Truncate,
    WrongBytes,
    WrongType,
    etag,
)

PASSING = [
    Status(500),
    Status(502),
    Status(503, {"Retry-After": "0"}),
    Status(429, {"Retry-After": "0"}),
    Cut(0),
    Cut(1000),
    Truncate(1000),
    Truncate(1),
    Short(1000),
    WrongBytes(),
    WrongType(),
    WrongType("application/octet-stream", b"\n<html>sign in</html>\n"),
    Drip(0.01),
    Stall(2500),
    NoRange(),
    NoLength(),
]
LASTING = [Status(404, body=b"<html>no</html>"), Status(403), Status(410)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path))
    monkeypatch.setattr(transfer, "STALL_BYTES", 100)
    return tmp_path / "data" / "small"


@pytest.fixture
def hurry(monkeypatch, request):
    """Take a host for stalled soon where it will be."""
    if isinstance(request.node.callspec.params["fault"], Drip | Stall):
        monkeypatch.setattr(transfer, "STALL_SECONDS", 0.2)


@pytest.fixture
def standin(request, mirror, monkeypatch):
    return serve_one(request.param, mirror, monkeypatch)


every_kind = pytest.mark.parametrize("standin", sorted(KINDS), indirect=True)
# One changed byte of a text can't be seen where the source publishes no checksum.
every_kind_and_fault = pytest.mark.parametrize(
    ("standin", "fault"),
    [
        pytest.param(kind, fault, id=f"{kind}-{fault!r}")
        for kind in sorted(KINDS)
        for fault in PASSING
        if not (kind.startswith("text-nothing") and isinstance(fault, WrongBytes))
    ],
    indirect=["standin"],
)


def assert_whole(folder, standin):
    assert (folder / standin.file.name).read_bytes() == standin.content
    assert downloads.state("small").complete
    assert [path for path in folder.rglob("*.part*") if path.is_file()] == []
    assert downloads.check("small") == []


def assert_refused(folder, standin, error):
    assert not (folder / standin.file.name).exists()
    sentence = str(error)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert not {"Traceback", "HTTPConnectionPool", "Errno"} & set(sentence.replace("(", " ").split())


@every_kind_and_fault
def test_what_passes_ends_in_the_whole_file(folder, mirror, standin, fault, hurry):
    mirror.fault(standin.bytes_at, fault)
    assert downloads.get("small") == folder
    assert_whole(folder, standin)


@every_kind_and_fault
def test_what_does_not_pass_ends_in_the_whole_file_or_a_sentence(folder, mirror, standin, fault, hurry, monkeypatch):
    mirror.fault(standin.bytes_at, fault, always=True)
    if isinstance(fault, Drip):
        monkeypatch.setattr(transfer, "ATTEMPTS", 2)
    try:
        downloads.get("small")
    except (ValueError, OSError) as error:
        assert_refused(folder, standin, error)
        assert not isinstance(fault, NoRange | NoLength)
    else:
        assert isinstance(fault, Cut | Truncate | Stall | NoRange | NoLength)
        assert_whole(folder, standin)
    mirror.heal(standin.bytes_at)
    monkeypatch.setattr(transfer, "ATTEMPTS", 6)
    downloads.get("small")
    assert_whole(folder, standin)


@every_kind
@pytest.mark.parametrize("fault", LASTING, ids=lambda fault: str(fault.status))
def test_what_lasts_is_refused_at_once_with_its_status(folder, mirror, standin, fault):
    mirror.fault(standin.bytes_at, fault)
    with pytest.raises(ValueError, match=f"HTTP status {fault.status}") as refused:
        downloads.get("small")
    assert_refused(folder, standin, refused.value)
    downloads.get("small")
    assert_whole(folder, standin)


@every_kind
def test_a_cut_file_goes_on_where_it_stopped(folder, mirror, standin):
    mirror.fault(standin.bytes_at, Cut(1500), Truncate(700))
    downloads.get("small")
    assert_whole(folder, standin)
    asked = [headers.get("Range") for headers in mirror.asked(standin.bytes_at)]
    assert asked == [None, "bytes=1500-", "bytes=2200-"]


@every_kind
def test_a_server_without_ranges_starts_over(folder, mirror, standin):
    mirror.fault(standin.bytes_at, Cut(1500), NoRange())
    downloads.get("small")
    assert_whole(folder, standin)


@every_kind
@pytest.mark.parametrize("answers", [[Cut(1500)], [Cut(1500), NoIfRange()]], ids=["If-Range", "ignores If-Range"])
def test_parts_of_two_versions_are_never_joined(folder, mirror, standin, answers, monkeypatch):
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    mirror.fault(standin.bytes_at, answers[0])
    with pytest.raises(web.Offline, match=r"1\.5 kB of it are kept, and the same command goes on from there"):
        downloads.get("small")
    assert downloads.state("small").partial_bytes == 1500
    monkeypatch.setattr(transfer, "ATTEMPTS", 6)
    newer = small(standin.kind, version=1)
    monkeypatch.setitem(downloads.CATALOGUE, "small", newer.download)
    serve(mirror, newer)
    mirror.fault(standin.bytes_at, *answers[1:])
    before = len(mirror.asked(standin.bytes_at))
    downloads.get("small")
    assert_whole(folder, newer)
    if standin.file.checksum or standin.file.on_hub:  # another checksum, so the old part is of no use
        (asked,) = mirror.asked(standin.bytes_at)[before:]
        assert "Range" not in asked


@every_kind
def test_a_login_page_in_between_does_not_cost_what_came(folder, mirror, standin):
    mirror.fault(standin.bytes_at, Cut(1500), WrongType(), WrongType())
    with pytest.raises(ValueError, match="web page"):
        downloads.get("small")
    assert downloads.state("small").partial_bytes == 1500
    downloads.get("small")
    assert mirror.asked(standin.bytes_at)[-1]["Range"] == "bytes=1500-"
    assert_whole(folder, standin)


@every_kind
def test_a_part_that_is_whole_needs_no_more_bytes(folder, mirror, standin):
    """As after a kill between the last byte and the rename."""
    downloads.get("small")
    target = folder / standin.file.name
    part, note = transfer.part_of(target)
    (folder / ".manifest.json").unlink()
    target.rename(part)
    checksum = resolve(standin.file)[0].checksum
    size = len(standin.content)
    known = {"url": standin.file.url, "checksum": checksum, "validator": etag(standin.content), "etag": ""}
    note.write_text(json.dumps(known))
    downloads.get("small")
    assert (folder / standin.file.name).read_bytes() == standin.content
    assert [headers.get("Range") for headers in mirror.asked(standin.bytes_at)[1:]] in ([], [f"bytes={size}-"])


@pytest.mark.parametrize("standin", ["safetensors-hub", "json-hub"], indirect=True)
@pytest.mark.parametrize("fault", [Status(500), Status(429, {"Retry-After": "0"}), Cut(0)], ids=repr)
def test_faults_of_the_hub_itself_pass(folder, mirror, standin, fault):
    asked_first = standin.file.url.replace("https:/", "")
    mirror.fault(asked_first, fault, method="HEAD")
    mirror.fault(asked_first.replace("/main/", f"/{COMMIT}/"), fault)
    downloads.get("small")
    assert_whole(folder, standin)


@pytest.mark.parametrize("standin", ["safetensors-hub"], indirect=True)
def test_a_repository_that_is_gone_is_named(folder, mirror, standin):
    mirror.fault(standin.file.url.replace("https:/", ""), Status(401), method="HEAD")
    with pytest.raises(ValueError, match=r"small can't be had: huggingface.co/.*HTTP status 401"):
        downloads.get("small")


@pytest.mark.parametrize("standin", ["gzip-list"], indirect=True)
@pytest.mark.parametrize("gone", [True, False])
def test_without_the_list_of_sums_the_form_is_checked(folder, mirror, standin, gone):
    listed = standin.file.checksum_list.replace("https:/", "")
    if gone:
        mirror.fault(listed, Status(404), always=True)
    else:
        mirror.add(listed, b"0" * 32 + b"  other.gz\n")
    mirror.fault(standin.bytes_at, WrongBytes())
    downloads.get("small")
    assert_whole(folder, standin)


@pytest.mark.parametrize("standin", ["text-nothing"], indirect=True)
def test_later_damage_is_found_where_the_source_publishes_no_checksum(folder, mirror, standin):
    downloads.get("small")
    target = folder / standin.file.name
    target.write_bytes(standin.content.replace(b"\n7\t", b"\n8\t", 1))
    (problem,) = downloads.check("small")
    assert "was set aside" in problem
    assert not target.exists()
    downloads.get("small")
    assert_whole(folder, standin)


@pytest.mark.parametrize("standin", ["gzip-nothing"], indirect=True)
def test_a_long_page_is_not_read_to_its_end(folder, mirror, standin):
    mirror.add(standin.bytes_at, b"<html>" + bytes(5_000_000))
    seen = []
    with pytest.raises(ValueError, match="web page"):
        downloads.get("small", on_progress=lambda done, total, file: seen.append(done))
    assert max(seen) < 5_000_000
