"""The self-check from a shell."""

import json

from creme_core import selfcheck
from creme_core.cli import main


def test_the_demo_is_checked_and_told_line_by_line(capsys):
    assert main(["check", "--model", "demo"]) == 0
    told = capsys.readouterr().out
    assert "fingerprint" in told
    assert "Equal to a whole forward pass" in told


def test_json_holds_the_findings(capsys):
    assert main(["check", "--model", "demo", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "note"
    assert {finding["name"] for finding in told["findings"]} >= {"Model", "Device", "Incremental inference"}


def test_what_is_wrong_is_an_exit_code(capsys, monkeypatch):
    monkeypatch.setattr(selfcheck, "exactness", lambda model: selfcheck.Finding("Exactness", "It differs.", "wrong"))
    assert main(["check", "--model", "demo"]) == 1
    assert "WRONG" in capsys.readouterr().out


def test_no_genes_are_refused(capsys):
    assert main(["check", "--genes", "0"]) == 2
    assert "1 or more" in capsys.readouterr().err
