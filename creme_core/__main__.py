"""`python -m creme_core`: see `creme_core.cli`."""

import sys

from creme_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
