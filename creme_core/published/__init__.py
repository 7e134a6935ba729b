"""The paper's published Enformer results, read into the same results that the tests compute."""

from creme_core.published.source import PublishedSource

__all__ = ["PublishedSource"]
