"""The process that plays fresh interpreter: started once, it forks for each question and never imports a lab itself.

Run as a script, by its path. Questions and answers are lines of JSON on standard input and output. With ``--once`` it
answers one question without a fork, for systems that have none.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from observing import answer_of, described, install_counts  # type: ignore[import-not-found]

LIMIT = 60.0
MOST_TEXTS = 2000
_NO_ANSWER = '{"ok": false, "error": "the fresh interpreter gave no answer", "within": []}'


def answered(question: dict[str, Any]) -> dict[str, Any]:
    """Import the root and then the modules asked for, in order; say all values, then what late functions answer.

    What follows the values executes modules that were not imported before, so the order of the parts counts.
    """
    counts = install_counts()
    sys.modules["hotlab"] = hotlab = ModuleType("hotlab")
    vars(hotlab)["enable"] = lambda: None
    root = question["root"]
    sys.path.insert(0, question["folder"])
    try:
        for name in [root, *question["order"]]:
            importlib.import_module(name)
    except BaseException as error:
        return {"ok": False, "error": f"{name}: {type(error).__name__}: {error}", "within": _within(error)}
    held = sorted(each for each in sys.modules if each == root or each.startswith(root + "."))
    answer: dict[str, Any] = {"ok": True, "held": held}
    answer["values"] = {name: described(vars(sys.modules[name])) for name in held}
    answer["retried"] = sorted(name for name in held if counts.begun[name] != 1)
    answer["orphans"] = [name for name in held if name != root and name.rpartition(".")[0] not in held]
    answer["log"] = counts.log.copy()
    answer["early_chains"] = _answers(question["chains"])
    answer["late"] = _answers(question["late"])
    answer["rest"] = {name: [_value_of(name)] for name in question["all"]}
    for name, right in answer["rest"].items():
        # A package that failed leaves what it had imported behind; who imports that first meets the failure.
        package = name.rpartition(".")[0]
        right += [_value_of(package)] if package and package not in sys.modules else []
    answer["late"] = {**_answers(question["late"]), **answer["late"]}
    answer["late_chains"] = _answers(question["chains"])
    return answer


def _within(error: BaseException) -> list[str]:
    """The lab modules that were being imported when one of them failed, the one that failed last."""
    found, entry = [], error.__traceback__
    while entry is not None:
        if "_counts" in entry.tb_frame.f_globals:
            found.append(entry.tb_frame.f_globals["__name__"])
        entry = entry.tb_next
    return list(dict.fromkeys(found))


def _answers(asked: list[list[str]]) -> dict[str, Any]:
    found = {}
    for name, late in asked:
        module = sys.modules.get(name)
        if module is not None:
            found[f"{name}.{late}"] = answer_of(vars(module), late)
    return found


def _value_of(name: str) -> Any:
    try:
        return importlib.import_module(name).V
    except BaseException as error:
        return f"error {type(error).__name__}"


def _forked(question: dict[str, Any]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with contextlib.suppress(BaseException), os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(answered(question)))
        os._exit(0)
    os.close(writing)
    parts = list(_parts(reading, child))
    os.close(reading)
    os.waitpid(child, 0)
    return b"".join(parts).decode() or _NO_ANSWER


def _parts(reading: int, child: int) -> Iterator[bytes]:
    while True:
        if not select.select([reading], [], [], LIMIT)[0]:
            os.kill(child, signal.SIGKILL)
            return
        part = os.read(reading, 1 << 16)
        if not part:
            return
        yield part


class CompiledOnce:
    """Compiles each text once for all questions. Which text a file holds is still read by the import itself."""

    def __init__(self) -> None:
        self._code: dict[tuple[bytes, str], CodeType] = {}
        compile_text = importlib.machinery.SourceFileLoader.source_to_code

        def source_to_code(loader: Any, data: bytes, path: str) -> CodeType:
            known = self._code.get((data, path))
            return compile_text(loader, data, path) if known is None else known

        importlib.machinery.SourceFileLoader.source_to_code = source_to_code  # type: ignore[assignment,method-assign]

    def learn(self, paths: list[str]) -> None:
        """Compile these files now, before the fork."""
        if len(self._code) > MOST_TEXTS:
            self._code.clear()
        for path in paths:
            with open(path, "rb") as file:
                data = file.read()
            with contextlib.suppress(SyntaxError):
                self._code[data, path] = compile(data, path, "exec", dont_inherit=True)


def main() -> None:
    """Answer until standard input ends."""
    # Byte code that others left beside the sources must play no part.
    sys.dont_write_bytecode = True
    sys.pycache_prefix = os.path.join(os.path.dirname(os.path.abspath(__file__)), "no_such_folder")
    # Modules that lab code imports from outside of the lab are the same for all questions: import them once.
    importlib.import_module("pkgutil")
    importlib.import_module("typing")
    if "--once" in sys.argv:
        print(json.dumps(answered(json.load(sys.stdin))))
        return
    compiled = CompiledOnce()
    gc.disable()
    gc.freeze()
    for line in sys.stdin:
        question = json.loads(line)
        compiled.learn(question["edited"])
        sys.stdout.write(_forked(question) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
