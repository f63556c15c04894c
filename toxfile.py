"""Keeps tox from running the tests of one interpreter twice.

`py` runs all tests on the interpreter that runs tox. The environment named after that interpreter's
version (say py312) would run a part of them again on the same interpreter, so it is skipped whenever
`py` is among the environments that were asked for. tox.ini alone can't say that: it does not know
which version `py` is.
"""

from __future__ import annotations

import sys

from tox.config.loader.memory import MemoryLoader
from tox.config.sets import EnvConfigSet
from tox.config.types import EnvList
from tox.plugin import impl
from tox.session.state import State

TWIN_OF_PY = f"py{sys.version_info.major}{sys.version_info.minor}"


@impl
def tox_add_env_config(env_conf: EnvConfigSet, state: State) -> None:
    """Skip the twin of `py`, before it is created: no platform has this name."""
    if env_conf.name == TWIN_OF_PY and _py_runs(state):
        reason = "this is the interpreter of py, which runs all tests"
        env_conf.loaders.insert(0, MemoryLoader(platform=reason))


def _py_runs(state: State) -> bool:
    """Whether `py` is among the environments that were asked for."""
    options = state.conf.options
    if getattr(options, "factors", None):
        return False
    asked = getattr(options, "env", None)
    if asked is None or asked.is_default_list:
        env_list: EnvList = state.conf.core["env_list"]
        return "py" in env_list.envs
    return asked.is_all or "py" in asked
