"""The sources of a lab in which each module has the version of one file, `a`, by one way of importing or another.

So whoever sees two versions has a torn view, and whoever sees -1 has looked into an edit that was refused.
"""

from __future__ import annotations

LATE = 12
BROKEN = {
    "SyntaxError": "V = (",
    "RuntimeError": "V = -1",  # `b` raises for it, when `a` is through
    "ImportError": "W = -1",
}

B = """\
from .a import V
if V < 0:
    raise RuntimeError("no such version")
"""

MAIN = """\
import importlib
from . import b
from .a import V

def by_statement(n):
    from .a import V as A
    from . import a
    if n % 2:
        from . import late1, sub
        from .sub import deep
        import LABNAME.sub.deeper
        return {V, b.V, A, a.V, late1.V, sub.V, deep.V, LABNAME.sub.deeper.V, LABNAME.b.V}
    import LABNAME.late2 as late2
    from .late3 import V as L3
    return {V, b.V, A, a.V, late2.V, L3}

def by_name(n):
    late = importlib.import_module(f"LABNAME.late{n}")
    again = importlib.import_module(f".late{n}", __package__)
    return {V, b.V, late.V, late.of_b(), again.V}
"""

LATE_MODULE = """\
from .a import V
def of_b():
    from . import b
    return b.V
"""


def versioned_lab(name: str) -> dict[str, str]:
    """Version 0 of a lab of that name, as :meth:`LabOnDisk.write` takes it. An edit of `a` makes another version."""
    return {
        "a": "V = 0",
        "b": B,
        "main": MAIN.replace("LABNAME", name),
        "sub__init": "from ..a import V",
        "sub__deep": "from .. import b\nV = b.V",
        "sub__deeper": "from .deep import V",
        **{f"late{n}": LATE_MODULE for n in range(LATE)},
    }
