"""The command line: `python -m creme_core TEST --gene GENE --cell-line LINE --out FOLDER`, `data` and `check`.

Exit codes: 0 done; 1 `data check` or `check` found something wrong; 2 refused, one sentence on standard error says
why; 130 interrupted, what was done is kept and the same command goes on from there.
"""

import sys
from collections.abc import Sequence

from creme_core.cli.check import add_check
from creme_core.cli.data import add_data
from creme_core.cli.experiment import add_tests
from creme_core.cli.parser import INTERRUPTED, PROGRAM, REFUSED, Parser

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return asked.answer(asked)
    except (ValueError, OSError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print(f"Interrupted; {asked.kept}, and the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description="Run a CREME test and write its results to a folder, or manage data.")
    commands = parser.add_subparsers(required=True, metavar="TEST, data or check", parser_class=Parser)
    # A command sets `answer`, a function of the parsed arguments that returns the exit code, and `kept`, for main.
    add_tests(commands)
    add_data(commands)
    add_check(commands)
    return parser
