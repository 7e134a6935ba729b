"""Does this installation compute what the paper's did? Device, model, data, and predictions beside published ones."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from creme_core import downloads
from creme_core.models import load_model
from creme_core.models.base import SequenceModel, resolve_readout
from creme_core.models.target_table import ENFORMER_TRACKS
from creme_core.mutant import Background, Edit, Mutant
from creme_core.predictor import Cancel, Cancelled, Predictor, Progress
from creme_core.sources import Source, open_source

__all__ = ["Finding", "Report", "check", "compare", "exactness", "judge"]

# The published values come from the TensorFlow Enformer on a GPU, so the last digits may differ; a wrong window, a
# wrong track or attention without the TensorFlow gammas moves them by far more (15% in lucidrains/enformer-pytorch#31).
LEAST_CORRELATION, LARGEST_DIFFERENCE = 0.999, 0.02
# Of the incremental against the network's own forward pass, relative to the activity.
EXACT = 1e-3
EXACT_DOUBLE = 1e-8
SEED = 0

Verdict = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One line of a report: what was looked at, what was found, and whether that is as it should be."""

    name: str
    told: str
    verdict: Verdict = "ok"


@dataclass(frozen=True, eq=False)
class Report:
    """What a self-check found.

    Attributes:
        findings: in the order looked at.
        genes: gene, cell_line, published, predicted, relative_difference; empty where nothing could be compared.
    """

    findings: tuple[Finding, ...]
    genes: pd.DataFrame = field(repr=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        found = {finding.verdict for finding in self.findings}
        return "wrong" if "wrong" in found else "note" if "note" in found else "ok"


def check(
    model_name: str | Path = "enformer",
    *,
    device: str = "auto",
    precision: str = "auto",
    genes: int = 20,
    published: str | Path | None = None,
    on_step: Callable[[str], None] | None = None,
    cancel: Cancel | None = None,
) -> Report:
    """Look at device, model and data, and compare predictions with published ones where all of them are here.

    Args:
        model_name: as `load_model` takes it.
        device, precision: likewise.
        genes: how many published loci to predict, spread over the cell lines that were published.
        published: folder of the paper's public files; None is where the download puts them.
        on_step: told what is looked at next.
        cancel: looked at before each batch.

    Raises:
        Cancelled: when cancel was set.
    """
    say = on_step or (lambda _: None)
    findings = [_machine(), _downloads()]
    table = _no_genes()
    say("loading the model")
    try:
        model = load_model(model_name, device=device, precision=precision)
    except (ValueError, OSError) as error:
        return Report((*findings, Finding("Model", str(error), "note")), table)
    findings.append(Finding("Model", f"{model.name}, fingerprint {model.fingerprint}, {len(model.tracks):,} tracks."))
    findings.append(Finding("Device", f"{getattr(model, 'device', 'cpu')}, arithmetic {model.precision}."))
    say("comparing incremental with whole passes")
    findings.append(exactness(model))
    if len(model.tracks) != ENFORMER_TRACKS:
        nothing = f"The published activities are those of Enformer, so there are none to compare {model.name} with."
        return Report((*findings, Finding("Published values", nothing, "note")), table)
    say("reading genome and published results")
    try:
        source, results = open_source("hg38"), open_source("published", path=published)
        loci = results.loci.dropna(subset=["wild_type"])
        if loci.empty:
            nothing = (
                "None of the published activities is here; get them with `python -m creme_core data get published`."
            )
            raise ValueError(next(iter(results.problems.values()), nothing))
    except (ValueError, OSError) as error:
        return Report((*findings, Finding("Published values", str(error), "note")), table)
    say("reading the windows of published loci")

    def follow(progress: Progress) -> None:
        say(f"predicting published loci, {progress.done} of {progress.total}")

    try:
        table = compare(Predictor(model), source, loci, genes, cancel, follow)
    except OSError as error:  # no network, say: nothing is known to be wrong
        return Report((*findings, Finding("Published values", str(error), "note")), table)
    except ValueError as error:
        return Report((*findings, Finding("Published values", str(error), "wrong")), table)
    return Report((*findings, Finding("Genome", source.label), judge(table)), table)


def compare(
    predict: Predictor,
    source: Source,
    loci: pd.DataFrame,
    genes: int,
    cancel: Cancel | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Predicted against published TSS activity of a sample of loci, in the paper's windows.

    Args:
        predict: of the model that the paper used.
        source: the genome.
        loci: gene, chrom, tss_base (0-based), strand, cell_line, wild_type (the published activity).
        genes: how many; always the same ones.
        cancel: looked at before each window and each batch.
        on_progress: called after each batch.

    Returns:
        DataFrame with gene, cell_line, published, predicted, relative_difference; without loci whose window the source
        refuses.

    Raises:
        ValueError: it refuses every one of them.
        SequenceUnavailable: the sequence is fetched over the network, and that failed.
        Cancelled: when cancel was set.
    """
    lines = loci["cell_line"].nunique()
    sample = pd.concat(
        [rows.sample(min(-(-genes // lines), len(rows)), random_state=SEED) for _, rows in loci.groupby("cell_line")]
    ).head(genes)
    windows, refused = [], {}
    for row in sample.itertuples():
        if cancel is not None and cancel.is_set():
            raise Cancelled("The self-check was cancelled.")
        place = f"{row.chrom}:{row.tss_base + 1}:{row.strand}"
        try:
            windows.append(source.locus(place, length=predict.model.input_length, convention="paper"))
        except ValueError as error:  # too much N, at a chromosome's end
            refused[row.Index] = error
    if len(refused) == len(sample):
        raise next(iter(refused.values()))
    sample = sample.drop(index=list(refused))
    activity = predict.predict([Mutant(Background(locus.codes)) for locus in windows], on_progress, cancel)
    tracks = predict.model.tracks
    predicted = [
        float(row[resolve_readout(tracks, line)].mean())
        for row, line in zip(activity, sample["cell_line"], strict=True)
    ]
    table = pd.DataFrame(
        {
            "gene": sample["gene"].to_numpy(),
            "cell_line": sample["cell_line"].to_numpy(),
            "published": sample["wild_type"].to_numpy(dtype=float),
            "predicted": predicted,
        }
    )
    return table.assign(relative_difference=(table["predicted"] - table["published"]).abs() / table["published"].abs())


def judge(table: pd.DataFrame) -> Finding:
    """What the comparison of `compare` comes to, in one plain sentence."""
    name = "Published values"
    if len(table) < 3:
        return Finding(name, f"{len(table)} loci could be compared; at least three are needed for a verdict.", "note")
    correlation = float(np.corrcoef(table["published"], table["predicted"])[0, 1])
    worst = table.loc[table["relative_difference"].idxmax()]
    largest = float(worst["relative_difference"])
    numbers = (
        f"correlation {correlation:.5f} over {len(table)} loci, largest difference {largest:.2%} ({worst['gene']})"
    )
    if correlation >= LEAST_CORRELATION and largest <= LARGEST_DIFFERENCE:
        return Finding(name, f"Predictions agree with the published ones: {numbers}.")
    return Finding(
        name,
        f"Predictions do not agree with the published ones: {numbers}. Expected are a correlation of at least "
        f"{LEAST_CORRELATION} and differences of at most {LARGEST_DIFFERENCE:.0%}; check that the genome is GRCh38 and "
        "the model the official Enformer.",
        "wrong",
    )


def exactness(model: SequenceModel) -> Finding:
    """Incremental inference against the network's own forward pass, on a random sequence with an edit near its TSS."""
    name = "Incremental inference"
    plain = getattr(model, "plain_tss_activity", None)
    if plain is None:
        return Finding(name, f"{model.name} computes every sequence whole, so there is nothing to compare.")
    rng = np.random.Generator(np.random.Philox(SEED))
    background = Background(rng.integers(0, 4, model.input_length, dtype=np.uint8))
    size = min(5000, model.input_length // 8)
    edit = Edit(model.input_length // 2 - 2 * size, rng.integers(0, 4, size, dtype=np.uint8))
    mutants: Sequence[Mutant] = [Mutant(background, (edit,))]
    # The background's own columns are computed on the way, so the edit is spliced into them.
    fast = model.tss_activity([Mutant(background), *mutants])[1:].astype(float)
    whole = plain(mutants).astype(float)
    largest = float(np.abs(fast - whole).max() / max(np.abs(whole).max(), np.finfo(float).tiny))
    allowed = EXACT_DOUBLE if model.precision == "float64" else EXACT
    within = largest <= allowed
    return Finding(
        name,
        f"{'Equal to' if within else 'Differs from'} a whole forward pass: largest difference {largest:.1e} of the "
        f"largest activity (allowed: {allowed:.0e}).",
        "ok" if within else "wrong",
    )


def _machine() -> Finding:
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "enformer-pytorch"))
    return Finding("Versions", f"Python {platform.python_version()}, {packages}, on {platform.system()}.")


def _downloads() -> Finding:
    here = [name for name in downloads.CATALOGUE if downloads.state(name).complete]
    told = f"Here: {', '.join(here)}." if here else "Nothing is downloaded yet; the demo needs nothing."
    return Finding("Data", told)


def _no_genes() -> pd.DataFrame:
    return pd.DataFrame(columns=["gene", "cell_line", "published", "predicted", "relative_difference"])
