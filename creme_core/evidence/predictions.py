"""Sentences on what the model predicts of an element, from the tables of the tests."""

import math
from collections.abc import Mapping

import pandas as pd

from creme_core.effects import Cutoffs, classify_context, classify_tile
from creme_core.evidence.statement import (
    Row,
    Statement,
    crossed_cutoffs,
    interval_text,
    measured,
    present,
    with_article,
    written,
)

__all__ = ["Predictions"]


class Predictions:
    """Sentences on what the model predicts for one gene and readout."""

    def __init__(self, gene: str, readout: str, cutoffs: Cutoffs) -> None:
        self.gene, self.readout, self.cutoffs = gene, readout, cutoffs

    def call(self, row: Row | None) -> str:
        """enhancer, silencer, none, or "" where nothing can be called."""
        if row is None or not row.get("testable", True):
            return ""
        return str(row.get("call", classify_tile(row["effect"], self.cutoffs)))

    def necessity(self, row: Row | None) -> list[Statement]:
        """Of a row of the Necessity Test."""
        if row is not None and not row.get("testable", True):
            text = "The tile can't be shuffled into anything else, so the Necessity Test says nothing of it."
            return [Statement(text, "necessity", tone="uncertain")]
        meaning = {
            "enhancer": f"called an enhancer that {self.gene} needs",
            "silencer": f"called a silencer that holds {self.gene} down",
            "none": f"called neither an enhancer that {self.gene} needs nor a silencer that holds it down",
        }
        lead = f"With the tile shuffled, the model predicts that {self.gene} loses this share of its {self.readout}"
        return self._called(row, "necessity", f"{lead} (a gain is negative)", meaning)

    def sufficiency(self, row: Row | None) -> list[Statement]:
        """Of a row of the Sufficiency Test."""
        meaning = {
            "enhancer": "called an enhancer that is enough on its own there",
            "silencer": "called a silencer that is enough on its own there",
            "none": "called neither enough to raise activity there nor to lower it",
        }
        divisor = "" if row is None else row.get("normalisation", "")
        share = {"wild_type": ", as a share of the wild type", "control": ", as a share of the TSS tile alone"}
        lead = (
            f"With the tile beside the TSS tile in shuffled sequence, the model predicts this change of {self.readout}"
        )
        return self._called(row, "sufficiency", lead + share.get(divisor, ""), meaning)

    def _called(self, row: Row | None, source: str, lead: str, meaning: Mapping[str, str]) -> list[Statement]:
        if row is None:
            return []
        call = self.call(row)
        if call not in meaning:
            return [Statement(f"The {source} effect is not defined here.", source, tone="uncertain")]
        text, numbers, tone = measured(row, self.cutoffs.tile)
        high, low = self.cutoffs.enhancer, self.cutoffs.silencer
        side = {"enhancer": f"above {high:g}", "silencer": f"below {low:g}", "none": f"between {low:g} and {high:g}"}
        numbers |= {"cutoff_enhancer": high, "cutoff_silencer": low}
        return [Statement(f"{lead}: {text[0]}, {side[call]}: {meaning[call]}.{text[1]}", source, numbers, tone)]

    def together(self, rows: Mapping[str, Row | None]) -> list[Statement]:
        """What the two tests, {"necessity": row, "sufficiency": row}, say together."""
        needed, enough = self.call(rows["necessity"]), self.call(rows["sufficiency"])
        if not needed or not enough:
            return []
        tone = "contradiction"
        if needed == enough == "none":
            text, tone = "neither necessary nor sufficient", "finding"
        elif needed == enough:
            text, tone = f"both necessary and sufficient, as {with_article(needed)}", "finding"
        elif enough == "none":
            text = f"necessary ({needed}) but not sufficient: it may act only together with other sequence"
        elif needed == "none":
            text = f"sufficient ({enough}) but not necessary: other sequence may stand in for it"
        else:
            text = f"{with_article(needed)} by necessity, {with_article(enough)} by sufficiency: the two disagree"
        return [self._compared(f"The model predicts the tile to be {text}.", rows, list(rows), tone)]

    def claim(self, kind: str, rows: Mapping[str, Row | None]) -> list[Statement]:
        """Whether the tests back what the list claims."""
        known = {test: call for test, row in rows.items() if (call := self.call(row))}
        if not kind or not known:
            return []
        against = [test for test, call in known.items() if call not in (kind, "none")]
        backing = [test for test, call in known.items() if call == kind]
        claim, tone = f"The list claims {with_article(kind)}", "contradiction"
        if against:
            text = f"{claim}, but by {' and '.join(against)} the model predicts the opposite."
        elif backing:
            text, tone = f"{claim}; by {' and '.join(backing)} the model predicts one.", "finding"
        else:
            text = f"{claim}; by {' and '.join(known)} the model predicts none that passes the cut-off."
        return [self._compared(text, rows, against or backing or list(known), tone)]

    def _compared(self, text: str, rows: Mapping[str, Row | None], tests: list[str], tone: str) -> Statement:
        """A statement that rests on the calls of these tests, and says when one of them is not certain."""
        used = {test: row for test in tests if (row := rows[test]) is not None}
        unsure = [test for test, row in used.items() if crossed_cutoffs(row, self.cutoffs.tile) is not None]
        if unsure:
            text += f" The call by {' and by '.join(unsure)} is uncertain."
            tone = "uncertain" if tone == "finding" else tone
        numbers = {f"{test}.effect": float(row["effect"]) for test, row in used.items()}
        return Statement(text, " + ".join(used), numbers, tone)

    def distance(self, table: pd.DataFrame | None, kind: str) -> list[Statement]:
        """Of the table of the Distance Test; `kind` says whether the highest or the lowest place is the best."""
        if table is None:
            return []
        best, extreme = ("min", "lowest") if kind == "silencer" else ("max", "highest")
        fold = f"fold_over_{best}"
        own = table[table["own_place"].astype(bool) & table[fold].notna()]
        if own.empty:
            return [Statement("The Distance Test has no value at the element's own place.", "distance", tone="missing")]
        row = own.iloc[0]
        top = table.loc[table[fold].idxmax() if best == "max" else table[fold].idxmin()]
        interval = interval_text(row.get(f"{fold}_low", math.nan), row.get(f"{fold}_high", math.nan))
        text = (
            f"Moved to {len(table)} places, the tile gives the {extreme} {self.readout} that the model predicts at"
            f" {top['distance']:+,.0f} bp from the TSS; at its own place ({row['distance']:+,.0f} bp) activity is"
            f" {written(row[fold])} of the {extreme}{interval}. Minus is upstream."
        )
        numbers = {
            "positions": float(len(table)),
            "best.distance": float(top["distance"]),
            "distance": float(row["distance"]),
            fold: float(row[fold]),
        }
        return [Statement(text, "distance", numbers | present(row, f"{fold}_low", f"{fold}_high"))]

    def context(self, row: Row | None) -> list[Statement]:
        """Of the row of the Context Dependence Test."""
        if row is None:
            return []
        call = str(row.get("call", classify_context(row["effect"], self.cutoffs)))
        meaning = {
            "enhancing": "an enhancing context",
            "neutral": "a neutral context",
            "silencing": "a silencing context",
            "unclassified": "a context between the classes",
        }
        if call not in meaning:
            return [Statement("The context effect is not defined here.", "context", tone="uncertain")]
        text, numbers, tone = measured(row, self.cutoffs.context)
        lead = f"With all but the TSS tile shuffled, the model predicts that {self.gene} loses this share of its"
        tail = f"{text[0]}: {meaning[call]}.{text[1]}"
        return [Statement(f"{lead} {self.readout} (a gain is negative): {tail}", "context", numbers, tone)]
