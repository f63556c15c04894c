"""The drivers of the lab's instruments, one module each.

No driver imports another, nor this package: an edit of one re-runs that one, and leaves the
connected instances of all others alone.
"""

from __future__ import annotations

from .balance import Balance
from .diffractometer import Diffractometer
from .furnace import Furnace
from .powder_dispenser import PowderDispenser
from .robot_arm import RobotArm

__all__ = ["Balance", "Diffractometer", "Furnace", "PowderDispenser", "RobotArm"]
