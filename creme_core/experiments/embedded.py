"""What Sufficiency and Distance share: a piece of the wild type embedded beside the TSS tile in shuffled contexts."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from creme_core.effects import Cutoffs, tile_effect
from creme_core.experiments.context import context_table
from creme_core.experiments.result import Result, check_choice

__all__ = ["NORMALISATIONS", "EmbeddedResult"]

NORMALISATIONS = ("auto", "wild_type", "control")


@dataclass(frozen=True, eq=False)
class EmbeddedResult(Result):
    """Activities of a test that embeds something, one unit (a tile, a position) at a time.

    Attributes:
        control_activity: float32 (shuffles, tracks), predicted TSS activity of the TSS tile alone (CONTROL).
        mutant_activity: float32 (units, shuffles, tracks), with that unit embedded (MUTANT).
    """

    control_activity: np.ndarray = field(repr=False)
    mutant_activity: np.ndarray = field(repr=False)

    def context(self, readout: str | int, cutoffs: Cutoffs | None = None) -> pd.DataFrame:
        """The Context Dependence Test's table: its mutants are this test's controls, so it comes for free."""
        controls = self._readout(self.control_activity, readout)
        return context_table(self.wild_type(readout), controls, cutoffs or self.cutoffs)

    def normalisation(self, readout: str | int, cutoffs: Cutoffs | None = None, asked: str = "auto") -> str:
        """What `effect` divides by: as asked, or by the paper's rule."""
        check_choice("normalisation", asked, NORMALISATIONS)
        if asked != "auto":
            return asked
        return "wild_type" if self.context(readout, cutoffs)["call"].iloc[0] == "enhancing" else "control"

    def samples(self, readout: str | int, cutoffs: Cutoffs | None = None, normalisation: str = "auto") -> np.ndarray:
        """The effect of each shuffle: float64 (units, shuffles), NaN where there is none."""
        controls = self._readout(self.control_activity, readout)
        over_wild_type = self.normalisation(readout, cutoffs, normalisation) == "wild_type"
        divisor = self.wild_type(readout) if over_wild_type else controls
        return tile_effect(self._readout(self.mutant_activity, readout), controls, divisor)
