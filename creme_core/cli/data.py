"""Downloads as commands: `data list | get | check | path | remove`."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from creme_core import downloads
from creme_core.cli.parser import PROBLEMS, Parser
from creme_core.models.layout import forget_converted

__all__ = ["add_data"]


def add_data(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `data` and its commands."""
    about = "models, genome, genes and published results: what is here, and getting the rest"
    data = commands.add_parser("data", help=about, description=about)
    actions = data.add_subparsers(required=True, metavar="list|get|check|path|remove", parser_class=Parser)

    def add(name: str, answer: Callable[[argparse.Namespace], int], text: str, names: str | None) -> None:
        action = actions.add_parser(name, help=text, description=text)
        action.set_defaults(answer=answer, kept="what came is kept")
        if names is not None:
            action.add_argument("names", nargs=names, metavar="NAME", help="as `data list` has it")
        action.add_argument("--json", action="store_true", help="print one JSON object on standard output")

    add("list", _list, "what can be downloaded, what for, its size and licence, and whether it is here", None)
    add("get", _get, "download; goes on where an earlier one stopped", "+")
    add("check", _check, "read what is here and compare checksums; exit code 1 when something is wrong", "*")
    add("path", _path, "print the folder of a download that is here", "+")
    add("remove", _remove, "delete a download", "+")


def _list(asked: argparse.Namespace) -> int:
    rows = [_described(download) for download in downloads.CATALOGUE.values()]
    if asked.json:
        print(json.dumps({"downloads": rows}))
        return 0
    print(_table([("name", "size", "here", "what it is for", "licence"), *map(_cells, rows)]))
    return 0


def _described(download: downloads.Download) -> dict[str, Any]:
    state = downloads.state(download.name)
    return {
        "name": download.name,
        "title": download.title,
        "purpose": download.purpose,
        "licence": download.licence,
        "bytes": download.size,
        "bytes_exact": download.is_exact,
        "complete": state.complete,
        "files": len(download.files),
        "missing": list(state.missing),
        "bytes_here": state.bytes_here,
        "bytes_partial": state.partial_bytes,
        "folder": str(downloads.folder(download.name)),
        "note": download.note,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    size = "" if row["bytes"] is None else ("" if row["bytes_exact"] else "~") + downloads.in_words(row["bytes"])
    came = row["files"] - len(row["missing"])
    here = "yes" if row["complete"] else f"{came} of {row['files']} files" if came else "no"
    if row["bytes_partial"]:
        here += f", {downloads.in_words(row['bytes_partial'])} half-way"
    return row["name"], size, here, row["purpose"], row["licence"]


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _get(asked: argparse.Namespace) -> int:
    for name in asked.names:  # a misspelt name is refused before an hour of downloading
        downloads.find(name)
    folders = {}
    for name in asked.names:
        with _Bar(name, shown=not asked.json) as bar:
            folders[name] = str(downloads.get(name, on_progress=bar.show))
    print(json.dumps({"folders": folders}) if asked.json else "\n".join(folders.values()))
    return 0


def _check(asked: argparse.Namespace) -> int:
    names = asked.names or [name for name in downloads.CATALOGUE if downloads.state(name).bytes_here]
    problems = {name: downloads.check(name) for name in names}
    if asked.json:
        print(json.dumps({"problems": problems}))
    elif not names:
        print("Nothing is here to check.")
    else:
        print("\n".join(line for name, found in problems.items() for line in found or [f"{name} is whole."]))
    return PROBLEMS if any(problems.values()) else 0


def _path(asked: argparse.Namespace) -> int:
    folders = {name: str(downloads.require(name)) for name in asked.names}
    print(json.dumps({"folders": folders}) if asked.json else "\n".join(folders.values()))
    return 0


def _remove(asked: argparse.Namespace) -> int:
    for name in asked.names:
        downloads.find(name)
    removed = {}
    for name in asked.names:
        state = downloads.state(name)
        removed[name] = state.bytes_here + state.partial_bytes
        downloads.remove(name)
        forget_converted(downloads.folder(name))
    words = (f"{name}: {downloads.in_words(count)} removed." for name, count in removed.items())
    print(json.dumps({"bytes_removed": removed}) if asked.json else "\n".join(words))
    return 0


class _Bar:
    """A progress bar in bytes that appears with the first progress, so that a refusal stands alone."""

    def __init__(self, label: str, shown: bool):
        self._label, self._shown, self._bar = label, shown, None

    def show(self, done: int, total: int | None, file: str) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                unit="B", unit_scale=True, unit_divisor=1000, desc=self._label, disable=not self._shown, initial=done
            )
        self._bar.total = total
        self._bar.set_postfix_str(file, refresh=False)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
