"""Runs the comparison and puts it into plain text."""

import os
import platform
import statistics
from collections.abc import Iterator

import creme.shuffle as published_shuffle
import numpy as np
import torch

from creme_core.mutant import Background, Mutant
from creme_core.sequence import one_hot
from creme_core.shuffle import dinucleotide_shuffle
from tests.benchmarks import growth
from tests.benchmarks.engines import plain_forward, run_ours, run_plain, run_published, timed
from tests.benchmarks.memory import peak_bytes
from tests.benchmarks.networks import SIZES, make_locus, make_model, make_module, mutants_of, nearest_tiles
from tests.benchmarks.peak import floating_point_operations, matmul_peak

__all__ = ["compare", "compare_shuffles", "difference", "grow", "machine"]

TEST_MUTANTS = 380  # the paper's Necessity Test: 38 tiles, 10 shuffles


def machine(name: str, device: str, threads: int) -> str:
    """Describe what is timed, on what."""
    size = SIZES[name]
    where = torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()} CPU, {threads} threads"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"size {name}: {size.input_length:,} bp, tiles of {size.tile_size:,} bp; {where}{load}; "
        f"torch {torch.__version__}, medians of {size.rounds} rounds"
    )


def difference(a: np.ndarray, b: np.ndarray, wild_type: np.ndarray) -> tuple[float, float]:
    """Largest difference of two predictions (mutants, tracks) of the same sequences.

    Returns:
        As a share of the wild type's activity (tracks,), and of the largest change that an edit makes to that track;
        tracks that are 0, or that no edit moves, are left out.
    """
    apart = np.abs(a.astype(np.float64) - b).max(axis=0)
    spread = np.abs(b - wild_type[None]).max(axis=0)
    moved = (spread > 0) & (wild_type != 0)
    return float((apart[moved] / np.abs(wild_type[moved])).max()), float((apart[moved] / spread[moved]).max())


def compare(name: str, device: str, threads: int, memory: bool = True) -> Iterator[str]:
    """Time the three ways round by round, so that all meet the same machine; yield lines of the report."""
    # On a GPU all three get TF32, which is what ours takes by itself.
    torch.backends.cuda.matmul.allow_tf32 = device == "cuda"
    size, module, locus = SIZES[name], make_module(name).to(device), make_locus(name)
    wild_type = plain_forward(module, [Mutant(Background(locus.codes))], 1, device)[0]  # also warms up
    run_ours("tiny", make_model("tiny", make_module("tiny").to(device), device), make_locus("tiny"), device)
    published, plain, ours, totals = [], [], [], []
    for _ in range(size.rounds):
        seconds, theirs = run_published(name, module, locus, device)
        published.append(seconds)
        seconds, whole = run_plain(name, module, locus, device)
        plain.append(seconds)
        model = make_model(name, module, device)
        timing, mine = run_ours(name, model, locus, device)
        ours.append(timing)
        totals.append(timing.total(TEST_MUTANTS) / (TEST_MUTANTS + 1))
    middle = sorted(ours, key=lambda timing: timing.total(TEST_MUTANTS))[len(ours) // 2]
    seconds = {"published": statistics.median(published), "plain": statistics.median(plain)}
    seconds["ours"] = statistics.median(totals)
    labels = {"published": "creme-nn necessity_test", "plain": f"full forward, batches of {size.batch}", "ours": "ours"}
    apart = {"published": (0.0, 0.0), "plain": difference(whole, theirs, wild_type)}
    apart["ours"] = difference(mine, theirs, wild_type)
    yield f"{'':28}  s per mutant   ratio   peak memory above weights   largest difference: of WT, of the edits' spread"
    for way, label in labels.items():
        peak = f"{peak_bytes(name, way, device, threads) / 1e6:,.0f} MB" if memory else "not measured"
        yield (
            f"{label:28}  {seconds[way]:12.4f}  {seconds['published'] / seconds[way]:6.2f}  {peak:>26}  "
            f"{apart[way][0]:24.1e} {apart[way][1]:10.1e}"
        )
    yield (
        f"creme-nn and the full forward were timed on {size.slow_mutants} mutants a round (the wild type counts as one "
        f"prediction); ours is a whole test of {TEST_MUTANTS} mutants over {TEST_MUTANTS + 1}, "
        + ("run in full" if size.shuffles == 10 else f"projected from one with {size.shuffles} shuffles")
        + ", the background's columns included."
    )
    yield (
        f"ours: wild type {middle.setup:.2f} s, first mutants after {middle.first:.2f} s, then {middle.each:.4f} s a "
        f"mutant; {TEST_MUTANTS} mutants {middle.total(TEST_MUTANTS):.1f} s; the same test again from the store "
        f"{middle.again:.3f} s, {middle.computed} sequences computed."
    )
    held = size.input_length * 4 * 8
    yield f"creme-nn keeps every mutant, {held / 1e6:.1f} MB each: {held * TEST_MUTANTS / 1e9:.1f} GB in a whole test."
    if device == "cuda":
        yield from _shares_of_peak(name, module, locus, seconds)


def _shares_of_peak(name: str, module, locus, seconds: dict[str, float]) -> Iterator[str]:
    mutants = mutants_of(locus, nearest_tiles(name, SIZES[name].slow_mutants))
    model = make_model(name, module, "cuda")
    peak = matmul_peak(model.precision)
    model.tss_activity([Mutant(Background(locus.codes))])
    operations = {
        "plain": floating_point_operations(lambda: plain_forward(module, mutants, SIZES[name].batch, "cuda")),
        "ours": floating_point_operations(lambda: model.tss_activity(mutants)),
    }
    yield f"matrix-multiply peak, {model.precision}: {peak / 1e12:.0f} Tflop/s"
    for way, count in operations.items():
        each = count / len(mutants)
        yield f"{way}: {each / 1e9:,.1f} Gflop a mutant, {each / seconds[way] / peak:.1%} of that peak"


def grow(name: str, device: str) -> Iterator[str]:
    """Yield the growth tables."""
    module, locus = make_module(name).to(device), make_locus(name)
    size = SIZES[name]
    tables = {
        f"mutants, one tile of {size.tile_size:,} bp each, background included": growth.by_mutants,
        f"tile size, {size.growth_count} mutants, background known": growth.by_tile_size,
        f"edits of {growth.EDIT_LENGTH} bp a mutant, {size.growth_count} mutants, background known": growth.by_edits,
    }
    for title, table in tables.items():
        yield f"\n{title}"
        yield f"{'':>8}  {'s in all':>9}  {'s a mutant':>10}  {'of it in the trunk':>18}"
        for row in table(name, module, locus, device):
            trunk = "" if row.trunk is None else f"{row.trunk:.4f}"
            yield f"{row.grows:>8,}  {row.seconds:9.2f}  {row.each:10.4f}  {trunk:>18}"


def compare_shuffles(length: int = 196_608) -> str:
    """Time the dinucleotide shuffle of a whole window, ours and creme-nn's."""
    codes = np.random.default_rng(3).integers(0, 4, length, dtype=np.uint8)
    rng = np.random.default_rng(4)
    dinucleotide_shuffle(codes, rng)  # compiled at the first call
    ours = statistics.median(timed(lambda: dinucleotide_shuffle(codes, rng), "cpu")[0] for _ in range(20))
    theirs, _ = timed(lambda: published_shuffle.dinuc_shuffle(one_hot(codes)), "cpu")
    return f"dinucleotide shuffle of {length:,} bp: {ours * 1e3:.1f} ms, creme-nn {theirs * 1e3:.0f} ms"
