"""Small stand-ins for every kind of file that the catalogue has, served where the real ones are."""

import gzip
import hashlib
import io
import json
import struct
import zipfile
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

import numpy as np
import pytest

from creme_core.downloads import CATALOGUE, Download, RemoteFile
from tests.faulty_server import FaultyServer

__all__ = ["KINDS", "TEXTS", "Small", "blob_id", "content_of", "serve", "serve_one", "serve_several", "small"]

TEXTS = {"a.txt": b"first\n", "sub folder/b, c&d.txt": b"second\n", "c.txt": b"third\n"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def content_of(form: str, version: int = 0) -> bytes:
    """Some 4 kB in a form of `RemoteFile.content`; another version has other bytes and another length."""
    noise = np.random.default_rng(version).bytes(4000 + version)
    if form == "json":
        return json.dumps({"noise": noise.hex()}).encode()
    if form == "text":
        return "".join(f"{place}\t{byte:03}\n" for place, byte in enumerate(noise[:500])).encode()
    if form == "gzip":
        return gzip.compress(noise, mtime=0)
    if form == "twobit":
        return struct.pack("<4I", 0x1A412743, 0, 0, 0) + noise
    if form == "safetensors":
        header = json.dumps(
            {"weight": {"dtype": "U8", "shape": [len(noise)], "data_offsets": [0, len(noise)]}}
        ).encode()
        return struct.pack("<Q", len(header)) + header + noise
    assert form == "torch", f"write a stand-in for {form}"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", noise)
    return file.getvalue()


def blob_id(content: bytes) -> str:
    """What git calls it."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _kind(file: RemoteFile) -> str:
    """What matters to the downloader."""
    told = file.checksum.partition(":")[0] if file.checksum else "list" if file.checksum_list else "nothing"
    return f"{file.content}-{'hub' if file.on_hub else told}{'-lines' if file.lines else ''}"


# Kind -> the first file of that kind.
KINDS = {_kind(file): file for download in reversed(CATALOGUE.values()) for file in download.files}


@dataclass(frozen=True)
class Small:
    """A stand-in: the download, its one file's content, and the path on the mirror where its bytes are."""

    kind: str
    download: Download
    content: bytes
    bytes_at: str

    @property
    def file(self) -> RemoteFile:
        return self.download.files[0]


def small(kind: str, version: int = 0) -> Small:
    """A download named "small" of one file, with the real one's address and kind."""
    real = KINDS[kind]
    content = content_of(real.content, version)
    changes = {"size": None if real.size is None else len(content)}
    if real.checksum:
        name = real.checksum.partition(":")[0]
        changes["checksum"] = f"{name}:{blob_id(content) if name == 'git' else hashlib.new(name, content).hexdigest()}"
    if real.lines:
        changes["lines"] = content.count(b"\n")
    file = replace(real, **changes)
    at = f"/cdn.example/{file.name}" if file.on_hub and file.content != "json" else _path(file.url)
    if file.on_hub and file.content == "json":
        at = at.replace("/resolve/main/", f"/resolve/{COMMIT}/")
    return Small(kind, Download("small", "Small", "Tests.", "MIT", (file,)), content, at)


def serve(mirror: FaultyServer, standin: Small) -> None:
    """Put it on the mirror, in the way its real server has it."""
    file, content = standin.file, standin.content
    if file.checksum_list:
        line = f"{hashlib.md5(content).hexdigest()}  {file.name}\n".encode()
        mirror.add(_path(file.checksum_list), b"0" * 32 + b"  other.gz\n" + line, "text/plain")
    if not file.on_hub:
        mirror.add(standin.bytes_at, content, "text/plain" if file.content == "text" else "application/x-any")
        return
    for revision in ("main", COMMIT):
        path = _path(file.url).replace("/resolve/main/", f"/resolve/{revision}/")
        if file.content == "json":
            mirror.add(path, content, "text/plain", {"X-Repo-Commit": COMMIT, "ETag": f'"{blob_id(content)}"'})
            continue
        linked = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Size": str(len(content)),
            "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
        }
        mirror.redirect(path, f"https://cdn.example/{file.name}?signature=x", 302, linked)
        mirror.add(standin.bytes_at, content)


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"/{parts.netloc}{parts.path}"


def serve_one(kind: str, mirror: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> Small:
    """Put a stand-in on the mirror and, as "small", into the catalogue."""
    standin = small(kind)
    monkeypatch.setitem(CATALOGUE, "small", standin.download)
    serve(mirror, standin)
    return standin


def serve_several(mirror: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> Download:
    """The same with TEXTS, 19 bytes in three files verified by git blob id as the published results are."""
    files = []
    for name, content in TEXTS.items():
        url = f"https://raw.example/{quote(name)}"
        files.append(RemoteFile(url, name, checksum=f"git:{blob_id(content)}"))
        mirror.add(f"/raw.example/{name}", content)
    made = Download("small", "Small tables", "Tests.", "MIT", tuple(files), about=20)
    monkeypatch.setitem(CATALOGUE, "small", made)
    return made
