"""What a source says of its files before they are fetched: size, checksum, and the commit on Hugging Face."""

import os
import re
from dataclasses import replace

from creme_core import web
from creme_core.downloads.catalogue import HUB, RemoteFile

__all__ = ["hub_headers", "resolve"]


def resolve(remote: RemoteFile, revision: str | None = None) -> tuple[RemoteFile, str | None]:
    """Ask the source for what the catalogue does not know: size, checksum, and the revision of Hugging Face.

    Args:
        remote: the file as in the catalogue.
        revision: the commit to take it at, where an earlier file of the same repository settled it.

    Returns:
        The file with url, size and checksum filled in, as far as the source tells; and the commit.

    Raises:
        web.Offline, web.HTTPStatus: as `web.fetch`.
    """
    if remote.on_hub:
        return _ask_hub(remote, revision)
    if remote.checksum is None and remote.checksum_list is not None:
        try:
            listed = web.fetch(remote.checksum_list, limit=2**20).decode("utf-8", "replace")
        except (web.HTTPStatus, ValueError):  # no list: the form is checked
            return remote, None
        for line in listed.splitlines():
            found = re.fullmatch(r"([0-9a-fA-F]{32}) [ *](?:\./)?(\S+)", line.strip())
            if found and found[2] == remote.name:
                return replace(remote, checksum=f"md5:{found[1].lower()}"), None
    return remote, None


def hub_headers() -> dict[str, str]:
    """The token of Hugging Face, where the user has one; it is not shown to a mirror."""
    if os.environ.get("CREME_MIRROR"):
        return {}
    from huggingface_hub import get_token

    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _ask_hub(remote: RemoteFile, revision: str | None) -> tuple[RemoteFile, str | None]:
    """Size, checksum and commit, from the headers with which Hugging Face sends on to the bytes."""
    url = remote.url.replace("/resolve/main/", f"/resolve/{revision or 'main'}/")
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    if endpoint:
        url = url.replace(HUB, endpoint, 1)
    headers = web.fetch_headers(url, headers=hub_headers())
    commit = headers.get("X-Repo-Commit")
    if commit and revision is None:
        url = url.replace("/resolve/main/", f"/resolve/{commit}/")
    etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/").strip('"').lower()
    size = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
    # Large files are known by their SHA-256, small ones by their git blob id.
    checksum = {64: f"sha256:{etag}", 40: f"git:{etag}"}.get(len(etag)) if re.fullmatch("[0-9a-f]+", etag) else None
    return replace(remote, url=url, size=int(size) if size.isdigit() else None, checksum=checksum), commit
