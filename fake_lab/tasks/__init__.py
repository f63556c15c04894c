"""The procedures of the lab, one module each.

Moving carries a sample from one place to another; all others call it as a subtask.
"""

from __future__ import annotations

from .heating import Heating
from .measuring import Measuring
from .mixing import Mixing
from .moving import Moving
from .weighing import Weighing

__all__ = ["Heating", "Measuring", "Mixing", "Moving", "Weighing"]
