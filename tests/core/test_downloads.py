import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

from creme_core import downloads
from creme_core.downloads import CATALOGUE
from creme_core.downloads.verify import checksum_of
from tests.core.small_downloads import KINDS, TEXTS, serve_one, serve_several, small
from tests.faulty_server import Status, WrongBytes, WrongType


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def several(mirror, monkeypatch):
    return serve_several(mirror, monkeypatch)


def test_the_catalogue_has_what_the_project_needs():
    models = {f"{name}-{replicate}" for name in ("borzoi", "flashzoi") for replicate in range(4)}
    tables = {"enformer-tracks", "borzoi-tracks", "gencode", "gencode-50", "published", "ccres", "rmsk"}
    assert set(CATALOGUE) == models | tables | {"enformer", "hg38"}
    for name, download in CATALOGUE.items():
        assert download.name == name
        assert download.size
        assert download.licence
        assert download.purpose.endswith(".")
        names = [file.name for file in download.files]
        assert len(set(names)) == len(names)
        for file in download.files:
            assert file.url.startswith("https://")
            assert " " not in file.url
            assert not Path(file.name).is_absolute()
            assert ".." not in Path(file.name).parts
    assert [file.name for file in CATALOGUE["enformer"].files] == ["config.json", "pytorch_model.bin"]
    assert [file.name for file in CATALOGUE["borzoi-2"].files] == ["config.json", "model.safetensors"]
    assert "johahi/borzoi-replicate-2/" in CATALOGUE["borzoi-2"].files[0].url


def test_the_published_files_are_those_of_the_pinned_commit(shared_data):
    rows = (shared_data / "published" / "MANIFEST.tsv").read_text().splitlines()[1:]
    files = {file.name: file for file in CATALOGUE["published"].files}
    assert {path: f"git:{blob}" for blob, path in (row.split("\t") for row in rows)} == {
        name: file.checksum for name, file in files.items()
    }
    for name, file in files.items():
        assert unquote(file.url).endswith(f"/02f0acac13a38dbe635092487f480009ecaf4fd3/{name}")
    assert any("%26" in file.url and "%2C" in file.url for file in files.values())


def test_the_borzoi_table_is_the_one_that_its_package_ships():
    package = find_spec("borzoi_pytorch")
    if package is None:
        pytest.skip("borzoi-pytorch is not installed")
    table = Path(package.origin).parent / "precomputed" / "targets.txt"
    (file,) = CATALOGUE["borzoi-tracks"].files
    assert (table.stat().st_size, checksum_of(table, "git")) == (file.size, file.checksum)


def test_states_from_nothing_to_complete(several, home, mirror):
    assert downloads.folder("small") == home / "data" / "small"
    state = downloads.state("small")
    assert (state.present, state.bytes_here, state.complete) == ((), 0, False)
    assert state.missing == tuple(TEXTS)
    assert not (home / "data").exists()
    folder = downloads.get("small")
    assert {name: (folder / name).read_bytes() for name in TEXTS} == TEXTS
    state = downloads.state("small")
    assert (state.missing, state.bytes_here, state.partial_bytes) == ((), 19, 0)
    assert downloads.require("small") == folder
    asked = len(mirror.requests)
    assert downloads.get("small") == folder
    assert len(mirror.requests) == asked
    assert downloads.check("small") == []
    downloads.remove("small")
    assert not folder.exists()
    downloads.remove("small")


def test_what_is_not_here_is_asked_for_in_a_sentence(several):
    with pytest.raises(
        ValueError, match=r"\(small\) is not here; get it with .*data get small.*about 20 bytes"
    ) as absent:
        downloads.require("small")
    with pytest.raises(ValueError, match=r"Human genome GRCh38 \(hg38\) is not here.*Data and models \(835 MB\)\.$"):
        downloads.require("hg38")
    assert downloads.check("small") == [str(absent.value)]


@pytest.mark.parametrize("call", [downloads.get, downloads.state, downloads.check, downloads.remove, downloads.require])
def test_an_unknown_name_is_refused_with_the_nearest(call):
    with pytest.raises(ValueError, match=r"no download 'enfromer'.*do you mean 'enformer'\?"):
        call("enfromer")


def test_one_file_that_is_gone_does_not_keep_the_others_from_coming(several, mirror):
    mirror.fault("/raw.example/a.txt", Status(404))
    with pytest.raises(ValueError, match=r"a\.txt of small can't be had: raw\.example/a\.txt.*404.*The other files"):
        downloads.get("small")
    state = downloads.state("small")
    assert state.missing == ("a.txt",)
    assert len(state.present) == 2
    (problem,) = downloads.check("small")
    assert problem.startswith("a.txt of small is missing; get it with")
    mirror.fault("/raw.example/a.txt", WrongBytes(), always=True)
    with pytest.raises(ValueError, match=r"a\.txt from raw\.example has the checksum git:.* where git:.* is expected"):
        downloads.get("small")
    mirror.heal("/raw.example/a.txt")
    downloads.get("small")
    assert downloads.check("small") == []
    mirror.fault("/raw.example/a.txt", WrongType(), always=True)
    mirror.fault("/raw.example/c.txt", Status(403))
    downloads.remove("small")
    with pytest.raises(ValueError, match=r"2 of 3 files of small can't be had; the first: a\.txt .* is a web page"):
        downloads.get("small")


def test_a_note_is_said_where_something_is_taken_on_trust(mirror):
    with pytest.raises(ValueError, match=r"404.*UNVERIFIED"):
        downloads.get("rmsk")


@pytest.mark.parametrize("damage", [lambda old: b"X" + old[1:], lambda old: old[:-1], lambda old: b""])
def test_damage_is_found_set_aside_and_mended(several, damage):
    folder = downloads.get("small")
    target = folder / "c.txt"
    target.write_bytes(damage(TEXTS["c.txt"]))
    (problem,) = downloads.check("small")
    assert problem.startswith("c.txt of small has ")
    assert "set aside as c.txt.damaged" in problem
    assert downloads.state("small").missing == ("c.txt",)
    downloads.get("small")
    assert downloads.check("small") == []
    assert not (folder / "c.txt.damaged").exists()


def test_a_file_that_shrank_counts_as_missing(several):
    folder = downloads.get("small")
    (folder / "c.txt").write_bytes(b"th")
    assert downloads.state("small").missing == ("c.txt",)
    downloads.get("small")
    assert (folder / "c.txt").read_bytes() == TEXTS["c.txt"]


def test_copies_from_elsewhere_are_checked_and_kept(several, mirror):
    folder = downloads.folder("small")
    folder.mkdir(parents=True)
    (folder / "a.txt").write_bytes(TEXTS["a.txt"])
    (folder / "c.txt").write_bytes(b"other\n")
    downloads.get("small")
    assert downloads.check("small") == []
    assert (folder / "c.txt").read_bytes() == TEXTS["c.txt"]
    assert not mirror.asked("/raw.example/a.txt")


@pytest.mark.parametrize("manifest", ["", "[1]", '{"a.txt": 3}', "{"])
def test_a_damaged_manifest_is_written_anew(several, manifest):
    folder = downloads.get("small")
    (folder / ".manifest.json").write_text(manifest)
    assert downloads.state("small").complete
    assert downloads.check("small") == []
    downloads.get("small")
    assert set(json.loads((folder / ".manifest.json").read_text())) == set(TEXTS)


def test_progress_counts_the_whole_download(several):
    seen = []
    downloads.get("small", on_progress=lambda *told: seen.append(told))
    assert seen[-1] == (19, 19, "c.txt")
    assert list(dict.fromkeys(file for _, _, file in seen)) == list(TEXTS)
    assert all(done <= total for done, total, _ in seen)


def test_every_kind_has_a_stand_in():
    assert len(KINDS) >= 9
    for kind in KINDS:
        assert small(kind).content


def test_a_gzip_file_is_kept_packed_whatever_the_server_calls_it(mirror, monkeypatch):
    standin = serve_one("gzip-nothing", mirror, monkeypatch)
    mirror.add(standin.bytes_at, standin.content, "application/gzip", {"Content-Encoding": "x-gzip"})
    folder = downloads.get("small")
    assert gzip.decompress((folder / standin.file.name).read_bytes())
