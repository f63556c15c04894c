"""`python -m hotlab.cli` is the `hotlab` script, for where that is not on the path."""

from __future__ import annotations

import sys

from hotlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
