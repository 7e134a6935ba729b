"""How many shuffles: a number, or "auto", which spends them where they are needed.

Auto is Stein's two-stage procedure (Annals of Mathematical Statistics 16, 1945): PILOT shuffles of every unit (a tile,
a position) estimate its spread; from that alone the number follows that makes its 95% interval as narrow as asked,
within a budget; the interval then uses the pilot's spread. Since the later shuffles decide neither the number nor the
spread, the interval covers the truth as often as it says, which it would not if one looked after each shuffle.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from creme_core.experiments import result as shared
from creme_core.models.base import CAGE
from creme_core.predictor import Predictor

__all__ = ["AUTO", "PILOT", "ReplicatedSettings", "initial_counts", "needed_counts", "pairs", "scatter", "spend"]

AUTO = "auto"
PILOT = 5


@dataclass(frozen=True)
class ReplicatedSettings(shared.Settings):
    """Settings of a test whose shuffles may be "auto".

    Attributes:
        half_width: with "auto", how far the 95% interval of an effect may reach to each side.
        budget: with "auto", at most this many shuffles of a unit.
    """

    shuffles: int | str = 10
    half_width: float = 0.05
    budget: int = 50

    def __post_init__(self):
        if self.shuffles == AUTO:
            for name, lowest in (("tile_size", 1), ("seed", 0), ("budget", PILOT)):
                self._check_whole(name, lowest)
            if not 0 < self.half_width < np.inf:
                raise ValueError(f"half_width is {self.half_width!r}; it must be above 0, such as 0.05.")
        elif isinstance(self.shuffles, str):
            raise ValueError(f"shuffles is {self.shuffles!r}; it must be a whole number, 1 or more, or 'auto'.")
        else:
            super().__post_init__()

    @property
    def pilot(self) -> int | None:
        """Shuffles that estimate the spread, with "auto"; None where all do."""
        return PILOT if self.shuffles == AUTO else None


def initial_counts(settings: ReplicatedSettings, units: int) -> np.ndarray:
    """Shuffles of each unit to start with: int (units,)."""
    return np.full(units, PILOT if settings.shuffles == AUTO else settings.shuffles)


def needed_counts(samples: np.ndarray, half_width: float, budget: int) -> np.ndarray:
    """Shuffles that a unit needs by its pilot samples (..., units, replicates): int (units,), the most over `...`."""
    pilot = np.asarray(samples, float)[..., :PILOT]
    spread = pilot.std(axis=-1, ddof=1)
    needed = np.ceil((stdtrit(PILOT - 1, 0.975) * spread / half_width) ** 2)
    # An effect that is not defined (no activity) does not become so by more shuffles.
    needed = np.nan_to_num(needed, nan=PILOT).reshape(-1, needed.shape[-1]).max(axis=0)
    return np.clip(needed, PILOT, budget).astype(int)


def pairs(counts: np.ndarray, order: list[int] | None = None) -> list[tuple[int, int]]:
    """Every (unit, replicate) there is, unit by unit in the order given."""
    return [(unit, replicate) for unit in order or range(len(counts)) for replicate in range(counts[unit])]


def scatter(activity: np.ndarray, counts: np.ndarray, order: list[int] | None = None) -> np.ndarray:
    """Lay predictions in the order of `pairs`, (n, tracks), out as (units, most replicates, tracks), NaN where none."""
    laid = np.full((len(counts), int(counts.max()), activity.shape[-1]), np.nan, dtype=activity.dtype)
    units, replicates = np.array(pairs(counts, order)).T
    laid[units, replicates] = activity
    return laid


def spend(
    predict: Predictor,
    settings: ReplicatedSettings,
    units: int,
    run_with: Callable[[np.ndarray], shared.Result],
    samples_of: Callable[[shared.Result, int], np.ndarray],
) -> shared.Result:
    """Run a test with its fixed number of shuffles, or in the two stages of "auto".

    Args:
        predict: the model and its store.
        settings: the test's.
        units: how many there are.
        run_with: the test with that many shuffles of each unit; what was predicted before is found in the store.
        samples_of: effects (units, replicates) of a result on a track.
    """
    result = run_with(initial_counts(settings, units))
    if settings.shuffles != AUTO:
        return result
    # Whichever cell line is looked at later, its intervals are to be narrow enough.
    tracks = predict.model.tracks
    cage = tracks.loc[tracks["assay"] == CAGE, "index"]
    samples = np.stack([samples_of(result, int(track)) for track in (cage if len(cage) else tracks["index"])])
    return run_with(needed_counts(samples, settings.half_width, settings.budget))
