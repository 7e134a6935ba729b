"""Real processes: killed at any moment, or writing one file together."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from creme_core.store import Store

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
BATCH, TRACKS = 8, 5313

# Saves batch after batch and says so only when save() has returned.
WRITER = f"""
    import os, sys
    import numpy as np
    from creme_core.store import Store

    path, name, batches = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with Store(path) as store:
        for batch in range(batches):
            digests = [f"{{name}}-{{batch}}-{{row}}" for row in range({BATCH})]
            values = np.random.default_rng(batch).normal(size=({BATCH}, {TRACKS})).astype(np.float32)
            store.save("model", "float32", digests, values)
            os.write(1, b"%d\\n" % batch)
        assert store.notes == [], store.notes
"""


def start(path: Path, name: str, batches: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path), name, str(batches)],
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    )


def expected(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).normal(size=(BATCH, TRACKS)).astype(np.float32)


def stored_batches(path: Path, name: str, batches: int) -> list[int]:
    """Return the batches found whole and right; fail on a part of one."""
    found = []
    with Store(path) as store:
        for batch in range(batches):
            digests = [f"{name}-{batch}-{row}" for row in range(BATCH)]
            rows = store.load("model", "float32", digests)
            assert len(rows) in (0, BATCH), f"{len(rows)} of {BATCH} rows of batch {batch}"
            if rows:
                np.testing.assert_array_equal([rows[digest] for digest in digests], expected(batch))
                found.append(batch)
        assert store.notes == []
    return found


def test_killed_process_loses_at_most_one_batch(tmp_path):
    delays = random.Random(5)
    in_flight = 0
    for attempt in range(10):
        path = tmp_path / f"{attempt}.sqlite"
        with start(path, "killed", 10_000) as process:
            first = process.stdout.readline()
            time.sleep(delays.uniform(0, 0.12))
            process.send_signal(signal.SIGKILL)
            acknowledged = len((first + process.stdout.read()).splitlines())
        assert acknowledged > 0
        found = stored_batches(path, "killed", acknowledged + 3)
        assert found[:acknowledged] == list(range(acknowledged))
        assert len(found) <= acknowledged + 1  # written, and killed before it could say so
        in_flight += len(found) - acknowledged
        # The next run goes on where this one ended.
        with start(path, "next", 2) as process:
            assert process.stdout.read() == b"0\n1\n"
        assert process.returncode == 0
        assert stored_batches(path, "killed", acknowledged + 3) == found
    assert in_flight <= 10


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_that_make_and_write_one_store_lose_nothing_and_agree(tmp_path, processes):
    path = tmp_path / "store.sqlite"
    # Each writes batches of its own, and all write the batches called "shared".
    own = [start(path, f"own{number}", 12) for number in range(processes)]
    shared = [start(path, "shared", 12) for _ in range(processes)]
    for process in own + shared:
        with process:
            assert len(process.stdout.read().splitlines()) == 12
        assert process.returncode == 0
    for name in [f"own{number}" for number in range(processes)] + ["shared"]:
        assert stored_batches(path, name, 12) == list(range(12))
    with Store(path) as store:
        assert store.stats().entries == (processes + 1) * 12 * BATCH


def test_store_sees_at_once_what_another_process_wrote(tmp_path):
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        assert store.load("model", "float32", ["own-0-0"]) == {}
        with start(path, "own", 1) as process:
            process.stdout.read()
        np.testing.assert_array_equal(store.load("model", "float32", ["own-0-0"])["own-0-0"], expected(0)[0])


def test_store_that_nobody_closes_warns_about_nothing(tmp_path):
    program = "import sys; from creme_core.store import Store; store = Store(sys.argv[1]); store.stats()"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program, str(tmp_path / "store.sqlite")],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    assert (run.returncode, run.stderr) == (0, "")
