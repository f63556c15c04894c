"""Public reports of what goes wrong when code is reloaded, each put as a test and named by its id.

The fixtures are those of the layers that the reports are about: `lab` is a package on disk, `run_lab` runs one.
"""

from __future__ import annotations

from tests.importing.conftest import lab as lab
from tests.runtime.conftest import lab_folder as lab_folder
from tests.runtime.conftest import run_lab as run_lab
