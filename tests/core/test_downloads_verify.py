import gzip
import hashlib
import json
import struct

import pytest

from creme_core.downloads.verify import checksum_of, form_problem
from tests.core.small_downloads import content_of

FORMS = ["json", "text", "gzip", "twobit", "safetensors", "torch"]


@pytest.fixture
def problem(tmp_path):
    """What is wrong with some bytes taken for a form."""

    def judge(form, content, lines=None):
        path = tmp_path / "file"
        path.write_bytes(content)
        return form_problem(path, form, lines)

    return judge


@pytest.mark.parametrize("form", FORMS)
def test_a_whole_file_is_fine(problem, form):
    assert problem(form, content_of(form)) is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>hi</p>\n", b"\n\n <HTML>\n", b"<?xml version='1.0'?><Error/>\n"])
def test_a_web_page_is_nothing_else(problem, form, page):
    assert "is a web page and not a" in problem(form, page)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_nothing(problem, form):
    assert problem(form, b"") == "is empty"


@pytest.mark.parametrize("form", [form for form in FORMS if form != "twobit"])  # whose end is known by its checksum
def test_a_cut_off_end_is_noticed(problem, form):
    assert problem(form, content_of(form)[:-1])
    assert problem(form, content_of(form)[:7])


@pytest.mark.parametrize("form", ["json", "gzip", "twobit", "torch"])
def test_something_else_is_refused(problem, form):
    assert "is not" in problem(form, b"ACGTACGTACGT\n")


@pytest.mark.parametrize(
    ("form", "content", "words"),
    [
        ("json", b"{", "no whole JSON"),
        ("text", b"a\tb\n\0\n", "is not a text table"),
        ("text", b"a\tb\n" * 500 + b"\0\n", "has zero bytes"),
        ("text", b"a\tb\nc", "in the middle of a line"),
        ("gzip", gzip.compress(b"x" * 100)[:-8] + b"\0" * 8, "can't be unpacked"),
        ("gzip", gzip.compress(b"x" * 100)[:-1], "ends before its end"),
        ("safetensors", struct.pack("<Q", 10**6) + b"{}", "ends within its header"),
        ("safetensors", struct.pack("<Q", 2) + b"{]", "damaged header"),
        ("safetensors", struct.pack("<Q", 7) + b'{"w":3}', "damaged header"),
        ("safetensors", struct.pack("<Q", 3) + b"[3]", "is not a safetensors file"),
        ("torch", b"PK\x03\x04" + b"x" * 100, "table of contents is missing"),
    ],
)
def test_damage_is_named(problem, form, content, words):
    assert words in problem(form, content)


def test_lines_are_counted(problem):
    assert problem("text", b"a\nb\n", lines=2) is None
    assert problem("text", b"a\nb\n", lines=3) == "has 2 lines where 3 are expected"


def test_an_older_checkpoint_and_a_model_without_weights_are_fine(problem):
    assert problem("torch", b"\x80\x02older") is None
    header = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    assert problem("safetensors", struct.pack("<Q", len(header)) + header) is None


def test_checksums_are_those_of_the_usual_tools(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello\n")
    assert checksum_of(path, "git") == "git:ce013625030ba8dba906f756967f9e9ca394464a"
    assert checksum_of(path, "md5") == "md5:b1946ac92492d2347c6235b4d2611184"
    path.write_bytes(b"x" * 3_000_000)
    assert checksum_of(path, "sha256") == f"sha256:{hashlib.sha256(b'x' * 3_000_000).hexdigest()}"
