"""Which lab is meant: from an import name, a path, an entry point, or the folder one is in.

Guarantees: looks only; imports no lab, changes no `sys.path`. What can't be found is one
:class:`LabNotFound` that says what to do. Any thread.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

import attrs
import importlib_metadata

from hotlab.importing.errors import HotlabError
from hotlab.runtime.configuration_files import FILE_NAMES, config_files
from hotlab.runtime.configuration_problems import did_you_mean, shown

ENTRY_POINT_GROUP = "hotlab.labs"


class LabNotFound(HotlabError):
    """No lab, or more than one, is what was asked for; the message says what to do."""


@attrs.frozen(kw_only=True)
class LabLocation:
    """Where a lab is.

    Attributes:
        import_name: of its package.
        path_to_add: the folder that must come first in `sys.path`; None where none is needed.
        folder: the package folder.
        config_file: its configuration file. None where there is none, or more than one, which
            `load_config` refuses.
    """

    import_name: str
    path_to_add: Path | None
    folder: Path
    config_file: Path | None


def find_lab(argument: str | None, cwd: Path) -> LabLocation:
    """The lab that is meant.

    Args:
        argument: a path to a package folder, or to a folder with one lab package in it; or the name
            of a package in `cwd`, of one on `sys.path`, or of an entry point in `hotlab.labs`, looked
            for in this order; or None for the lab whose configuration file is in `cwd` or above.
        cwd: the folder that relative paths begin in.

    Raises:
        LabNotFound: there is none, or more than one.
    """
    cwd = Path(os.path.abspath(cwd))
    if argument is None:
        return _from_config_above(cwd)
    if "\0" in argument or not argument.strip():
        raise LabNotFound(f"{shown(argument)} can't be a lab: give an import name or a path")
    path = Path(os.path.abspath(cwd / os.path.expanduser(argument)))
    if os.sep in argument or argument in (".", ".."):
        return _from_path(path, argument)
    if _is_package(path):
        return _at(path)
    found = _from_import_name(argument) or _from_entry_point(argument)
    if found is not None:
        return found
    if os.path.exists(path):
        return _from_path(path, argument)
    raise LabNotFound(
        f"no lab is named {shown(argument)}: {_suggestion(argument, cwd)}Give the import name of an "
        "installed lab, or the path of its package folder"
    )


def _from_config_above(cwd: Path) -> LabLocation:
    for folder in (cwd, *cwd.parents):
        if config_files(folder):
            return _from_path(folder, str(folder))
    raise LabNotFound(
        f"there is no {' or '.join(FILE_NAMES)} in {cwd} or above: go into the lab's folder, or name the lab"
    )


def _from_path(path: Path, argument: str) -> LabLocation:
    if not os.path.exists(path):
        raise LabNotFound(f"{argument} does not exist: give the path of the lab's package folder")
    if not os.path.isdir(path):
        raise LabNotFound(f"{argument} is a file: give the folder of the lab's package")
    if _is_package(path):
        return _at(path)
    try:
        packages = sorted(child for child in path.iterdir() if _is_package(child))
    except OSError as error:
        raise LabNotFound(f"{argument} can't be read: {error.strerror}") from error
    labs = [package for package in packages if _mentions_hotlab(package)] or packages
    if len(labs) == 1:
        return _at(labs[0])
    if not labs:
        raise LabNotFound(
            f"{argument} has no package in it: a lab is a folder with an __init__.py that calls hotlab.enable()"
        )
    names = ", ".join(package.name for package in labs)
    raise LabNotFound(f"{argument} has more than one package in it ({names}): name one of them")


def _at(folder: Path) -> LabLocation:
    """The lab whose package is in `folder`, which may itself be in a package."""
    parts = [folder.name]
    top = folder.parent
    while _is_package(top):
        parts.insert(0, top.name)
        top = top.parent
    for part in parts:
        if not part.isidentifier():
            raise LabNotFound(f"{folder} can't be imported: {shown(part)} is no Python name; rename the folder")
    if parts[0] in sys.stdlib_module_names or parts[0] == "hotlab":
        raise LabNotFound(f"{folder} can't be a lab: the name {parts[0]} is taken; rename the folder")
    return LabLocation(
        import_name=".".join(parts),
        path_to_add=top,
        folder=folder,
        config_file=_config_file(folder),
    )


def _from_import_name(name: str) -> LabLocation | None:
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    spec = _find_spec(parts)
    if spec is None:
        return None
    if spec.submodule_search_locations is None or spec.origin is None:
        raise LabNotFound(f"{name} is no package: a lab is a folder with an __init__.py that calls hotlab.enable()")
    folder = Path(os.path.abspath(spec.origin)).parent
    return LabLocation(import_name=name, path_to_add=None, folder=folder, config_file=_config_file(folder))


def _find_spec(parts: list[str]) -> ModuleSpec | None:
    """The spec of a dotted name, found without importing any of it."""
    try:
        spec = importlib.util.find_spec(parts[0])
        for index in range(1, len(parts)):
            if spec is None or spec.submodule_search_locations is None:
                return None
            name = ".".join(parts[: index + 1])
            spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    except (
        ImportError,
        ValueError,
        AttributeError,
    ):  # a broken finder, or sys.modules holds no real module
        return None
    return spec


def _from_entry_point(name: str) -> LabLocation | None:
    for entry in importlib_metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        location = _from_import_name(entry.module)
        if location is None:
            owner = entry.dist.name if entry.dist is not None else "?"
            raise LabNotFound(
                f"the lab {name} of {owner} should be the package {entry.module}, which can't be found: "
                f"install {owner} again"
            )
        return location
    return None


def _config_file(folder: Path) -> Path | None:
    found = [*config_files(folder), *config_files(folder.parent)]
    return found[0] if len(found) == 1 else None


def _suggestion(name: str, cwd: Path) -> str:
    known = sorted(set(_known_names(cwd)))
    return f"{did_you_mean(name, known)}. ".replace("?.", "?") if known else ""


def _known_names(cwd: Path) -> Iterator[str]:
    for entry in importlib_metadata.entry_points(group=ENTRY_POINT_GROUP):
        yield entry.name
    try:
        children = list(cwd.iterdir())
    except OSError:
        return
    for child in children:
        if _is_package(child) and _mentions_hotlab(child):
            yield child.name


def _is_package(folder: Path) -> bool:
    return os.path.isfile(folder / "__init__.py")


def _mentions_hotlab(package: Path) -> bool:
    try:
        return b"hotlab" in (package / "__init__.py").read_bytes()
    except OSError:
        return False
