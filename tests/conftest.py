"""What holds for every test.

Bytecode is written, as on a user's machine: with PYTHONDONTWRITEBYTECODE set, a stale `.pyc` can't do
harm, and the tests of just that would prove nothing.
"""

from __future__ import annotations

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
