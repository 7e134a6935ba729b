"""How many mutants to compute at once: as many as memory allows, and as take a moment."""

__all__ = ["SECONDS_PER_BATCH", "BatchSize"]

# A batch is the grain of progress and cancelling, so it should pass before a person wonders.
SECONDS_PER_BATCH = 0.3
# What a batch costs whatever its size may be this share of it; the batch is made larger than a moment for that.
LARGEST_FIXED_SHARE = 0.1
LARGEST = 1024
# The first batch also pays for its background, on a machine whose speed is only guessed: begin small.
FIRST = 16


class BatchSize:
    """A batch size that follows the measured speed, and shrinks for good when memory runs out.

    Args:
        guess: mutants that are thought to take SECONDS_PER_BATCH.
        limit: mutants that are thought to fit into memory.

    Attributes:
        size: mutants to compute next, at least 1.
    """

    def __init__(self, guess: float, limit: float):
        self._limit = int(min(max(limit, 1), LARGEST))
        self.size = int(min(max(guess, 1), self._limit, FIRST))

    def observe(self, count: int, seconds: float, fixed: float = 0.0) -> None:
        """Follow a batch of `count` mutants that took `seconds`, and `fixed` seconds more that do not grow with it.

        By no more than a factor of two, since one batch may have paid for a background, or waited for a busy machine.
        """
        wanted = max(SECONDS_PER_BATCH, fixed / LARGEST_FIXED_SHARE)
        fitting = wanted * count / max(seconds, 1e-6)
        self.size = int(min(max(fitting, self.size / 2, 1), 2 * self.size, self._limit))

    def halve(self, failed: int) -> None:
        """Stay at half of a batch of `failed` mutants that did not fit."""
        self._limit = self.size = max(failed // 2, 1)
