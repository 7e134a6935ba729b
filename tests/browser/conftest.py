"""A real server and a real Chromium, for every test of this folder."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 120_000  # ms; on two idle cores nothing takes a tenth of it

# CI sets CREME_REQUIRE_BROWSER: there a missing browser is a failure, not a reason to skip.
REQUIRED = bool(os.environ.get("CREME_REQUIRE_BROWSER"))


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason="no Chromium on the path"))


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """Address of a dashboard started by the command of the README, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with open(log, "w") as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as server:
        try:
            await_health(f"http://127.0.0.1:{port}/_stcore/health", server, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def await_health(url, server, log):
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except urllib.error.URLError:
            try:
                server.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    pytest.fail(f"The dashboard did not start: {log.read_text()}")


@pytest.fixture
def page():
    """An empty browser tab; requests to anywhere but this machine fail the test."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    outside = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        tab = browser.new_page(viewport={"width": 1280, "height": 1000})
        tab.set_default_timeout(PATIENCE)
        tab.on("request", lambda request: outside.append(request.url) if "127.0.0.1" not in request.url else None)
        yield tab
        browser.close()
    assert [url for url in outside if url.startswith("http")] == []
