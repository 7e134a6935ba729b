"""The child process that opens bigWig and bigBed files: `python -m creme_core.signals.child`.

A request is one line of JSON on standard input; the answer is one line of JSON, whose "bytes" says how many raw bytes
follow it. What a damaged file does to this process, it does to nobody else.
"""

import contextlib
import json
import os
import signal
import sys
from typing import BinaryIO

from creme_core.signals.reading import answer
from creme_core.signals.structure import Unreadable

__all__ = ["serve"]

# A window of any honest file needs a tenth of it.
MEMORY_BYTES = 2 * 2**30
# The parent kills a slow child; this is for one whose parent is gone.
SPARE_SECONDS = 10


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more, or until a library met something it could not read."""
    for line in requests:
        request = json.loads(line)
        with contextlib.suppress(AttributeError):  # Windows has no alarm
            signal.alarm(int(request["seconds"]) + SPARE_SECONDS)
        last = False
        try:
            head, body = answer(request)
        except Unreadable as error:
            # After a library's own failure its memory is not to be trusted with the next file.
            head, body, last = {"error": str(error), "network": error.network}, b"", error.library
        except MemoryError:
            head, body, last = {"error": "it takes more memory than any such file should", "network": False}, b"", True
        answers.write(json.dumps({**head, "last": last, "bytes": len(body)}).encode() + b"\n" + body)
        answers.flush()
        if last:
            return


def _limit() -> None:
    """No more memory than a file may need, no core files, nothing written, where the system can say so."""
    try:
        import resource
    except ImportError:
        return
    for name, value in (("RLIMIT_AS", MEMORY_BYTES), ("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", 0)):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


def main() -> None:
    """Serve the parent, keeping its pipe clear of what the libraries print."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    _limit()
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
