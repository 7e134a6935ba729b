"""The self-check as a command: `check`."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from creme_core.cli.parser import PROBLEMS, Parser

__all__ = ["add_check"]

MARKS = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}


def add_check(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `check`."""
    about = "device, model and data, and predictions beside the published ones; exit code 1 when something is wrong"
    check = commands.add_parser("check", help=about, description=about)
    check.set_defaults(answer=_check, kept="what was predicted is lost")
    check.add_argument("--model", default="enformer", help="model name or folder (default: enformer)")
    check.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    check.add_argument("--precision", default="auto", help="auto, float32, tf32, float64, ... (default: auto)")
    check.add_argument("--genes", type=int, default=20, help="how many published loci to predict (default: 20)")
    check.add_argument("--published", type=Path, help="folder of the paper's public files (default: the download)")
    check.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def _check(asked: argparse.Namespace) -> int:
    from creme_core.selfcheck import check

    if asked.genes < 1:
        raise ValueError(f"--genes is {asked.genes}; it must be 1 or more.")

    def say(step: str) -> None:
        if not asked.json:
            print(f"... {step}", file=sys.stderr)

    report = check(
        asked.model,
        device=asked.device,
        precision=asked.precision,
        genes=asked.genes,
        published=asked.published,
        on_step=say,
    )
    if asked.json:
        found = [asdict(finding) for finding in report.findings]
        print(json.dumps({"verdict": report.verdict, "findings": found, "genes": report.genes.to_dict("records")}))
    else:
        for finding in report.findings:
            print(f"{MARKS[finding.verdict]}  {finding.name}: {finding.told}")
        if len(report.genes):
            print(report.genes.to_string(index=False))
    return PROBLEMS if report.verdict == "wrong" else 0
