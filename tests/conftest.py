"""Shared by every test."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory):
    """What the tests, and the servers they start, keep: in a folder of this run and never in the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("CREME_HOME", str(folder))
        yield folder
