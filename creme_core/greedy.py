"""The one greedy loop: try every candidate, keep the best, go on from there.

The three adaptive tests differ only in what a candidate is, what trying and keeping it means, and when to stop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from creme_core.mutant import Mutant
from creme_core.predictor import Cancel, Predictor, Progress

__all__ = ["Round", "greedy_search"]

State = TypeVar("State")
Candidate = TypeVar("Candidate")


@dataclass(frozen=True, eq=False)
class Round(Generic[Candidate]):
    """One round of the search.

    Attributes:
        candidates: what was tried.
        activity: float32 (candidates, replicates, tracks), predicted TSS activity of every trial.
        scores: float64 (candidates, replicates), what was compared.
        chosen: indices into candidates, best first.
    """

    candidates: tuple[Candidate, ...]
    activity: np.ndarray
    scores: np.ndarray
    chosen: tuple[int, ...]


def greedy_search(
    predict: Predictor,
    state: State,
    candidates: Sequence[Candidate],
    *,
    trial: Callable[[State, Candidate], list[Mutant]],
    score: Callable[[np.ndarray], np.ndarray],
    best: str,
    keep: Callable[[State, Round], State],
    rounds: int,
    per_round: int = 1,
    on_round: Callable[[Round], None],
    go_on: Callable[[State], bool] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: Cancel | None = None,
) -> State:
    """Search greedily. Each round predicts all candidates with all their replicates as one batch.

    Args:
        predict: the model and its store.
        state: where the search starts.
        candidates: what may be chosen; a chosen one is not tried again.
        trial: the mutants, one a replicate, of a state with a candidate added; each candidate gives equally many.
        score: activity (..., tracks) to what is compared (...).
        best: "max" or "min" of the mean score over replicates.
        keep: the state after a round.
        rounds: at most this many.
        per_round: how many candidates are chosen a round, by their independent scores.
        on_round: told of every round that is kept.
        go_on: looks at the state after a round; when it says no, that round is undone and the search ends.
        on_progress: told after each batch, with done and total counted over all rounds to come.
        cancel: looked at before each batch.

    Returns:
        The last state.

    Raises:
        Cancelled: when cancel was set.
    """
    left = list(candidates)
    done = reused = 0
    for number in range(rounds):
        if not left:
            break
        trials = [trial(state, candidate) for candidate in left]
        replicates = len(trials[0])
        total = done + _sequences_to_come(len(left), replicates, per_round, rounds - number)

        def report(progress: Progress, before: tuple[int, int] = (done, reused), total: int = total) -> None:
            on_progress(
                replace(progress, done=before[0] + progress.done, total=total, reused=before[1] + progress.reused)
            )

        known = predict.reused
        mutants = [mutant for of_candidate in trials for mutant in of_candidate]
        activity = predict.predict(mutants, None if on_progress is None else report, cancel)
        done += len(mutants)
        reused += predict.reused - known
        activity = activity.reshape(len(left), replicates, -1)
        scores = score(activity)
        order = np.argsort(scores.mean(axis=1) * (1 if best == "min" else -1), kind="stable")
        found = Round(tuple(left), activity, scores, tuple(int(i) for i in order[:per_round]))
        after = keep(state, found)
        if go_on is not None and not go_on(after):
            break
        state = after
        on_round(found)
        left = [candidate for i, candidate in enumerate(left) if i not in found.chosen]
    return state


def _sequences_to_come(candidates: int, replicates: int, per_round: int, rounds: int) -> int:
    left = (candidates - per_round * i for i in range(rounds))
    return sum(max(count, 0) for count in left) * replicates
