import json
import os

import pytest

from creme_core import cli, downloads
from tests.core.small_downloads import TEXTS, serve_several
from tests.faulty_server import Status, WrongType


@pytest.fixture
def run(tmp_path, mirror, monkeypatch, capsys):
    """Run `data ...` beside a mirror with the download "small"; give code, output lines, errors."""
    monkeypatch.setenv("CREME_HOME", str(tmp_path))
    serve_several(mirror, monkeypatch)

    def start(*arguments):
        code = cli.main(["data", *arguments])
        output = capsys.readouterr()
        return code, output.out.splitlines(), output.err

    return start


def row_of(lines, name):
    return next(line for line in lines if line.split()[0] == name)


def test_the_list_says_what_is_there_and_what_is_here(run, mirror):
    code, lines, errors = run("list")
    assert (code, errors) == (0, "")
    assert lines[0].split("  ")[0] == "name"
    assert len(lines) == 1 + len(downloads.CATALOGUE)
    assert " 835 MB " in row_of(lines, "hg38")
    assert " ~1.0 GB " in row_of(lines, "enformer")
    assert " no " in row_of(lines, "small")
    mirror.fault("/raw.example/a.txt", Status(404))
    run("get", "small")
    assert " 2 of 3 files " in row_of(run("list")[1], "small")
    run("get", "small")
    assert " yes " in row_of(run("list")[1], "small")


def test_the_list_as_json_has_everything(run):
    code, lines, _ = run("list", "--json")
    rows = {row["name"]: row for row in json.loads("\n".join(lines))["downloads"]}
    assert code == 0
    assert rows["hg38"]["bytes"] == 835_393_456
    assert rows["hg38"]["bytes_exact"]
    assert rows["small"]["missing"] == list(TEXTS)
    assert rows["gencode"]["note"]


def test_get_fetches_and_prints_the_folder(run):
    code, lines, errors = run("get", "small")
    assert code == 0
    assert lines == [str(downloads.folder("small"))]
    assert "100%" in errors
    assert downloads.state("small").complete
    code, lines, errors = run("get", "small", "--json")
    assert (json.loads(lines[0]), errors) == ({"folders": {"small": str(downloads.folder("small"))}}, "")
    assert run("path", "small") == (0, [str(downloads.folder("small"))], "")


def test_check_and_remove(run):
    assert run("check") == (0, ["Nothing is here to check."], "")
    run("get", "small")
    assert run("check") == (0, ["small is whole."], "")
    (downloads.folder("small") / "a.txt").write_bytes(b"other\n")
    code, lines, _ = run("check", "small", "--json")
    assert code == 1
    assert "a.txt" in json.loads(lines[0])["problems"]["small"][0]
    code, lines, _ = run("check")
    assert (code, lines[0].split(" is missing")[0]) == (1, "a.txt of small")
    assert run("remove", "small") == (0, ["small: 13 bytes removed."], "")
    assert not downloads.folder("small").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["path", "small"], "Small tables (small) is not here; get it with"),
        (["get", "smal"], "do you mean 'small'?"),
        (["get", "small", "hg83"], "do you mean 'hg38'?"),
        (["check", "nothing"], "There is no download 'nothing'"),
        (["remove", "hg83"], "do you mean 'hg38'?"),
    ],
)
def test_what_is_refused_ends_in_one_sentence_and_code_2(run, mirror, arguments, words):
    code, lines, errors = run(*arguments)
    assert (code, lines) == (2, [])
    assert words in errors
    assert len(errors.strip().splitlines()) == 1
    assert mirror.requests == []


def test_a_failed_download_ends_in_one_sentence_and_code_2(run, mirror, monkeypatch):
    mirror.fault("/raw.example/a.txt", WrongType(), always=True)
    code, _, errors = run("get", "small", "--json")
    assert code == 2
    assert "a.txt from raw.example is a web page" in errors
    assert len(errors.strip().splitlines()) == 1
    monkeypatch.setenv("CREME_OFFLINE", "1")
    code, _, errors = run("get", "small")
    assert code == 2
    assert "CREME_OFFLINE is set" in errors


def test_a_download_can_be_interrupted(run, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    code, _, errors = run("get", "small")
    assert code == 130
    assert errors.strip().splitlines()[-1].startswith("Interrupted; what came is kept, and the same command goes on")
    monkeypatch.undo()


@pytest.mark.parametrize("arguments", [["data"], ["data", "got"], ["data", "get"], []])
def test_what_cannot_be_parsed_ends_with_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "See python -m creme_core" in capsys.readouterr().err
