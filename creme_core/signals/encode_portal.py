"""What the ENCODE portal answers: asked politely, kept on disk, and read into plain rows.

Answers are kept under home()/"encode": a fresh one is not asked for again, an old one stands in when the portal can't
be asked. Not tried on the real portal: the very combination of search parameters that `signals.encode` asks with.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from creme_core import web
from creme_core.home import home, write_whole

__all__ = [
    "COLUMNS",
    "FRESH_SECONDS",
    "PORTAL",
    "UNTRIED",
    "answer",
    "check_file",
    "check_list",
    "download_url",
    "file_row",
    "replicates",
    "superseded",
]

PORTAL = "https://www.encodeproject.org"
# An answer younger than this is not asked for again.
FRESH_SECONDS = 7 * 24 * 3600
TIMEOUT_SECONDS = 120.0
COLUMNS = [
    "accession",
    "cell_line",
    "assay",
    "target",
    "output_type",
    "biological_replicates",
    "experiment",
    "status",
    "assembly",
    "size",
    "md5sum",
    "url",
]
UNTRIED = (
    "this search has not been tried on the real portal, and it may have changed; go on with the default tracks or "
    "with bigWigs of your own"
)


def download_url(accession: str) -> str:
    """Where the portal gives a bigWig; it redirects to a signed address that is good for a while."""
    return f"{PORTAL}/files/{accession}/@@download/{accession}.bigWig"


def answer(
    url: str, check: Callable[[Any], dict], refresh: bool, *, timeout: float | None = None, attempts: int = 4
) -> tuple[dict, str]:
    """The JSON answer to a URL of the portal, and a sentence on where it is from when that is not the portal now ("").

    Args:
        url: under PORTAL.
        check: takes the parsed answer, gives what is to be kept of it or raises ValueError.
        refresh: ask even where a fresh answer is kept.
        timeout, attempts: seconds for one attempt (None: TIMEOUT_SECONDS), and how many there are.

    Raises:
        ValueError: no such file (HTTPStatus 404), and what `check` raises, when nothing is kept.
        OSError: the portal can't be asked and nothing is kept.
    """
    path = home() / "encode" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
    kept = _kept(path, url, check)
    if kept is not None and not refresh and 0 <= time.time() - kept["asked"] < FRESH_SECONDS:
        return kept["answer"], ""
    try:
        found = check(_ask(url, TIMEOUT_SECONDS if timeout is None else timeout, attempts))
    except (OSError, ValueError) as error:
        if kept is None or getattr(error, "status", None) == 404:
            raise
        reason = str(error)
    else:
        _keep(path, {"url": url, "asked": time.time(), "answer": found})
        return found, ""
    day = time.strftime("%Y-%m-%d", time.gmtime(kept["asked"]))
    return kept["answer"], f"This is what ENCODE answered on {day}; it can't be asked now: {reason}"


def _ask(url: str, timeout: float, attempts: int) -> Any:
    try:
        return web.fetch_json(url, timeout=timeout, attempts=attempts)
    except web.HTTPStatus as error:
        # An empty search is 404 with the list in it.
        if error.status == 404 and "/search/" in url:
            if b"No results found" in error.body:
                return {"@graph": []}
            try:
                return json.loads(error.body)
            except ValueError:
                pass
            raise ValueError(
                "The ENCODE portal answered a search with HTTP status 404 and not with the JSON list that it sends "
                f"when nothing is found: {UNTRIED}."
            ) from None
        raise


def check_list(found: Any) -> dict:
    """The answer to a search, cut down to its list of records in "@graph".

    Raises:
        ValueError: it is of another shape.
    """
    graph = found.get("@graph") if isinstance(found, dict) else None
    if not isinstance(graph, list) or not all(isinstance(record, dict) for record in graph):
        raise ValueError(f"The ENCODE portal's answer to a search holds no list of files in '@graph': {UNTRIED}.")
    return {"@graph": graph}


def check_file(found: Any) -> dict:
    """The answer about one file, as it is.

    Raises:
        ValueError: it is of another shape.
    """
    if not isinstance(found, dict) or not isinstance(found.get("status"), str):
        raise ValueError(f"The ENCODE portal's answer about a file holds no 'status': {UNTRIED}.")
    return found


def _kept(path: Path, url: str, check: Callable[[Any], dict]) -> dict | None:
    """An earlier answer, unless it is not there or damaged."""
    try:
        kept = json.loads(path.read_bytes())
        if kept["url"] != url:
            return None
        return {"asked": float(kept["asked"]), "answer": check(kept["answer"])}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _keep(path: Path, kept: dict) -> None:
    with contextlib.suppress(OSError):  # not kept, only slower next time
        write_whole(path, json.dumps(kept).encode())


def superseded(record: dict) -> bool:
    """Whether a file belongs to an analysis that ENCODE has put away."""
    states = _labels(record.get("analyses"), "status")
    return "archived" in states and "released" not in states


def replicates(record: dict) -> int:
    """How many replicates a file is over: technical ones, else biological ones; 0 when it does not tell."""
    return len(_items(record.get("technical_replicates"))) or len(_items(record.get("biological_replicates")))


def file_row(record: dict) -> dict[str, Any]:
    """COLUMNS of a file's record; what it does not tell is "", and 0 for the size.

    url is the unsigned public address where there is one, else the portal's own, which redirects.
    """
    accession = _string(record.get("accession"))
    cloud = record.get("cloud_metadata")
    url = _string(cloud.get("url")) if isinstance(cloud, dict) else ""
    if not url.startswith("https://"):  # what a page of the portal links to instead: it redirects to a signed address
        href = _string(record.get("href"))
        url = f"{PORTAL}{quote(href, safe='/@.')}" if href.startswith("/files/") else download_url(accession)
    size = record.get("file_size")
    return {
        "accession": accession,
        "cell_line": "".join(_labels(record.get("biosample_ontology"), "term_name")),
        "assay": _string(record.get("assay_title")),
        "target": "".join(_labels(record.get("target"), "label")),
        "output_type": _string(record.get("output_type")),
        "biological_replicates": ", ".join(map(str, _items(record.get("biological_replicates")))),
        "experiment": "".join(_labels(record.get("dataset"), "accession")),
        "status": _string(record.get("status")),
        "assembly": _string(record.get("assembly")),
        "size": size if isinstance(size, int) and size > 0 else 0,
        "md5sum": _string(record.get("md5sum")),
        "url": url,
    }


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _items(value: Any) -> list:
    return value if isinstance(value, list) else []


def _labels(value: Any, key: str) -> list[str]:
    """A name out of what the portal gives for another object: the object, its path, or a list of either."""
    if isinstance(value, list):
        return [label for one in value for label in _labels(one, key)]
    if isinstance(value, dict):
        return [str(value[key])] if value.get(key) else []
    if not isinstance(value, str) or "biosample-types" in value:  # "cell_line_EFO_0002067" names no cell line
        return []
    return [value.strip("/").rpartition("/")[2].removesuffix("-human")]
