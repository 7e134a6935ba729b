"""`python -m tests.benchmarks.signals`: 12 local bigWigs over 196,608 bp, read, binned and drawn."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyBigWig

import creme_core as creme
from creme_core.signals import bigwig, isolated
from dashboard.background import Background, settled
from dashboard.figures.overlay import Lane, overlay
from dashboard.figures.style import LIGHT
from dashboard.tracks import OfferedTrack, read_lane

__all__ = ["measure"]

TRACKS = 12
LENGTH = 3_000_000
WINDOW = 196_608


def write_dense(path: Path, seed: int) -> None:
    """A bigWig with a value a base, as ENCODE's fold changes have."""
    values = np.random.default_rng(seed).gamma(2, size=LENGTH).round(3)
    file = pyBigWig.open(str(path), "w")
    file.addHeader([("demo1", 3_175_134)])
    file.addEntries("demo1", 0, values=values.tolist(), span=1, step=1)
    file.close()


def draw(tracks: list[OfferedTrack], start: int) -> tuple[float, float, int]:
    """Seconds to read and bin, seconds to draw, and bytes of the figure."""
    locus = creme.open_source("demo").locus("SOLO1", length=WINDOW)
    begun = time.perf_counter()
    questions = {track: lambda track=track: read_lane(track, "demo1", start, start + WINDOW) for track in tracks}
    futures = Background(threads=4).ask(questions)
    settled(futures, 60)
    lanes: list[Lane] = [future.result() for future in futures]
    read = time.perf_counter()
    size = len(overlay(locus, LIGHT, view=(start, start + WINDOW), lanes=lanes).to_json())
    return read - begun, time.perf_counter() - read, size


def measure() -> dict[str, tuple[float, float, int]]:
    """Cold without and with a child waiting, warm (median of five windows), and the same window again."""
    with tempfile.TemporaryDirectory() as folder:
        tracks = []
        for number in range(TRACKS):
            path = Path(folder) / f"{number}.bw"
            write_dense(path, number)
            tracks.append(OfferedTrack(f"H3K{number}", (str(path),), ""))
        creme.open_source("demo").locus("SOLO1", length=WINDOW)
        overlay(creme.open_source("demo").locus("SOLO1", length=WINDOW), LIGHT).to_json()  # plotly's imports
        isolated._shared().close()
        found = {"cold, no reader running": draw(tracks, 100_001)}
        isolated._shared().close()
        bigwig.warm_up()
        time.sleep(1)
        found["cold, as the app starts (one reader waits)"] = draw(tracks, 100_501)
        several = [draw(tracks, 200_000 + 7 * number) for number in range(5)]
        found["warm, another window"] = tuple(statistics.median(column) for column in zip(*several, strict=True))
        found["the same window again"] = draw(tracks, 200_000)
    return found


def main() -> None:
    """Print a line a case."""
    for case, (read, drawn, size) in measure().items():
        print(f"{case:45} read and binned {read:.3f} s, drawn {drawn:.3f} s, {size / 1e6:.2f} MB for the browser")


if __name__ == "__main__":
    main()
