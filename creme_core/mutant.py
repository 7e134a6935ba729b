"""A perturbed sequence as what it is: a background and the edits made to it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from creme_core.sequence import ALPHABET, digest

__all__ = ["Background", "Edit", "Mutant"]


def _frozen_codes(codes: np.ndarray, what: str) -> np.ndarray:
    """A read-only copy of codes (length,), so that a later change by the caller can't reach it."""
    copy = np.array(codes, dtype=np.uint8, copy=True)
    if copy.ndim != 1 or copy.size == 0:
        raise ValueError(f"{what} has the shape {copy.shape}; it must be (length,) with at least one base.")
    if int(copy.max()) >= len(ALPHABET):
        raise ValueError(f"{what} holds the code {int(copy.max())}; codes are 0 to {len(ALPHABET) - 1}.")
    copy.flags.writeable = False
    return copy


@dataclass(frozen=True, eq=False)
class Background:
    """A whole window that mutants share: the wild type, or a shuffle of it. codes: uint8 (length,), read-only."""

    codes: np.ndarray = field(repr=False)

    def __post_init__(self):
        object.__setattr__(self, "codes", _frozen_codes(self.codes, "A background"))

    @property
    def length(self) -> int:
        """Bases in the window."""
        return self.codes.size

    @cached_property
    def digest(self) -> str:
        """Content address of the window."""
        return digest(self.codes)


@dataclass(frozen=True, eq=False)
class Edit:
    """New bases for [start, start + len(codes)) of the oriented window, 0-based. codes: uint8 (size,), read-only."""

    start: int
    codes: np.ndarray = field(repr=False)

    def __post_init__(self):
        if self.start < 0:
            raise ValueError(f"An edit starts at {self.start}; it must start at 0 or later.")
        object.__setattr__(self, "codes", _frozen_codes(self.codes, "An edit"))

    @property
    def end(self) -> int:
        """One past the last base replaced."""
        return self.start + self.codes.size


@dataclass(frozen=True, eq=False)
class Mutant:
    """A background with edits, applied in order: where two overlap the later one wins.

    Raises:
        ValueError: when an edit reaches past the end of the background.
    """

    background: Background
    edits: tuple[Edit, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "edits", tuple(self.edits))
        for edit in self.edits:
            if edit.end > self.background.length:
                raise ValueError(
                    f"An edit covers bases {edit.start:,} to {edit.end:,} of a window of "
                    f"{self.background.length:,}; it must end inside the window."
                )

    @property
    def length(self) -> int:
        """Bases in the window."""
        return self.background.length

    def render(self) -> np.ndarray:
        """The sequence itself: a new uint8 array (length,)."""
        codes = self.background.codes.copy()
        for edit in self.edits:
            codes[edit.start : edit.end] = edit.codes
        return codes

    @cached_property
    def digest(self) -> str:
        """Content address of the rendered sequence: equal sequences have equal digests, however they were made."""
        return digest(self.render()) if self.edits else self.background.digest
