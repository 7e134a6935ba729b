"""How the command line refuses: in one sentence, with code 2."""

import argparse
from typing import NoReturn

__all__ = ["INTERRUPTED", "PROBLEMS", "PROGRAM", "REFUSED", "Parser"]

PROGRAM = "python -m creme_core"
PROBLEMS, REFUSED, INTERRUPTED = 1, 2, 130


class Parser(argparse.ArgumentParser):
    """Refuses in one sentence, without the usage text in front."""

    def error(self, message: str) -> NoReturn:
        """End the process with code 2."""
        self.exit(REFUSED, f"{self.prog}: {message}. See {self.prog} --help.\n")
