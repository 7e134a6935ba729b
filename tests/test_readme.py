"""The README has two commands to copy, and CI runs the second as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [text.strip() for language, text in BLOCKS if language == "bash"]


def test_there_are_exactly_two_commands_to_copy():
    opens, tests = commands()
    assert {language for language, _ in BLOCKS} == {"bash", "python"}
    assert opens.endswith("streamlit run dashboard/app.py")
    assert tests.endswith("pytest")
    for command in (opens, tests):
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && ")


def test_the_test_command_lints_and_checks_the_format():
    assert ".venv/bin/ruff check . && .venv/bin/ruff format --check . && " in commands()[1]


@pytest.mark.parametrize("command", [0, 1])
def test_files_that_a_command_names_are_there(command):
    named = re.findall(r"[\w./-]+\.(?:txt|py)\b", commands()[command])
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_links_and_pictures_of_the_readme_are_there():
    named = re.findall(r"\]\((?!http)([^)#]+)\)", README) + re.findall(r"^\| `([\w]+/)`", README, flags=re.MULTILINE)
    assert "assets/screenshot.png" in named
    assert "creme_core/" in named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.skipif(shutil.which("bash") is None or shutil.which("git") is None, reason="needs bash and git")
@pytest.mark.parametrize("outcome", [0, 3])
def test_ci_runs_the_readmes_own_command_in_a_fresh_copy(tmp_path, outcome):
    """A small repository with a README of its own: whatever stands there is run, and its exit code is CI's."""
    checkout, tools = tmp_path / "checkout", tmp_path / "tools"
    (checkout / ".ci").mkdir(parents=True)
    (checkout / ".venv").mkdir()
    tools.mkdir()
    (tools / "chromium").write_text("#!/bin/sh\n")
    (tools / "chromium").chmod(0o755)
    shutil.copy(ROOT / ".ci" / "run", checkout / ".ci" / "run")
    command = f"test ! -e .venv && pwd && echo browser=$CREME_REQUIRE_BROWSER && cat ../shared/note && exit {outcome}"
    (checkout / "README.md").write_text(README.replace(commands()[1], command))
    (checkout / ".gitignore").write_text(".venv\n")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "note").write_text("data\n")
    subprocess.run(["git", "init", "--quiet", str(checkout)], check=True)
    run = subprocess.run(
        ["bash", ".ci/run"],
        cwd=checkout,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
    )
    echoed, folder, browser, data = run.stdout.splitlines()
    assert (run.returncode, run.stderr) == (outcome, "")
    assert echoed == f"+ {command}"
    assert folder != str(checkout)
    assert not Path(folder).exists()  # the copy is removed afterwards
    assert (browser, data) == ("browser=1", "data")


def test_the_python_example_runs(tmp_path):
    # The others are on models of one's own, and are run by tests/core/test_own_model.py.
    example = next(text for language, text in BLOCKS if language == "python")
    (tmp_path / "example.py").write_text(example.replace("shuffles=10", "shuffles=2"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-W", "error", "example.py"], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    assert "uncertain" in run.stdout
    assert (tmp_path / "predictions.sqlite").is_file()
