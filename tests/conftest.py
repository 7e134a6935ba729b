"""Shared by every test."""

import pytest

from creme_core import web
from tests.faulty_server import FaultyServer


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory):
    """What the tests, and the servers they start, keep: in a folder of this run and never in the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("CREME_HOME", str(folder))
        yield folder


@pytest.fixture
def server(monkeypatch):
    """A server of this machine that can be told to fail; the product retries without waiting."""
    monkeypatch.setattr(web, "BACKOFF_SECONDS", 0.001)
    monkeypatch.setattr(web, "PAUSES", {})
    for name in ("CREME_OFFLINE", "CREME_MIRROR", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FaultyServer() as running:
        yield running


@pytest.fixture
def mirror(server, monkeypatch):
    """The same, standing for every public server: https://HOST/PATH is asked from it as /HOST/PATH."""
    monkeypatch.setenv("CREME_MIRROR", server.url)
    return server
