"""What is particular to Hugging Face."""

import json

import pytest

from creme_core import downloads
from creme_core.downloads import CATALOGUE, Download
from tests.core.small_downloads import COMMIT, serve, small


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path))


@pytest.fixture
def both(mirror, monkeypatch):
    config, weights = small("json-hub"), small("safetensors-hub")
    files = (config.file, weights.file)
    monkeypatch.setitem(CATALOGUE, "small", Download("small", "S", "T.", "MIT", files))
    serve(mirror, config)
    serve(mirror, weights)
    return files


def test_all_files_are_taken_at_one_commit(both, mirror):
    folder = downloads.get("small")
    manifest = json.loads((folder / ".manifest.json").read_text())
    assert {entry["revision"] for entry in manifest.values()} == {COMMIT}
    assert all(f"/resolve/{COMMIT}/" in entry["url"] for entry in manifest.values())
    assert manifest["model.safetensors"]["checksum"].startswith("sha256:")
    assert manifest["config.json"]["checksum"].startswith("git:")
    heads = [path for verb, path, _ in mirror.requests if verb == "HEAD"]
    assert ["/resolve/main/" in path for path in heads] == [True, False]


def test_the_token_goes_to_the_hub_and_nowhere_else(both, mirror, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    downloads.get("small")
    assert not any("Authorization" in headers for _, _, headers in mirror.requests)
    downloads.remove("small")
    monkeypatch.delenv("CREME_MIRROR")
    monkeypatch.setenv("HF_ENDPOINT", f"{mirror.url}/huggingface.co")
    elsewhere = mirror.url.replace("127.0.0.1", "localhost")
    for file in both[1:]:
        path = file.url.replace("https:/", "")
        for revision in ("main", COMMIT):
            found = mirror.find(path)
            mirror.redirect(
                path.replace("/main/", f"/{revision}/"), f"{elsewhere}/cdn.example/{file.name}", 302, found[2]
            )
    mirror.requests.clear()
    downloads.get("small")
    with_token = {path for _, path, headers in mirror.requests if headers.get("Authorization") == "Bearer hf_secret"}
    assert with_token
    assert all(path.startswith("/huggingface.co/") for path in with_token)
    assert mirror.asked("/cdn.example/model.safetensors")


def test_a_renamed_repository_is_followed(both, mirror):
    for file in both:
        path = file.url.replace("https:/", "")
        moved = path.replace("/huggingface.co/", "/huggingface.co/new-")
        found = mirror.find(path)
        for revision in ("main", COMMIT):
            old, new = (where.replace("/main/", f"/{revision}/") for where in (path, moved))
            if isinstance(found, tuple):
                mirror.redirect(new, *found)
            else:
                mirror.add(new, found.content, found.content_type, found.headers)
            mirror.redirect(old, new)
    downloads.get("small")
    assert downloads.check("small") == []
