"""A lab's configuration: what can be set, and the effective values with where each came from.

Guarantees: `load_config` returns values that are all of the right type and possible, or raises one
:class:`ConfigurationError` that names every fault. It reads a file and touches nothing. Any thread.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

import attrs

from hotlab.refreshing.limits import RefreshLimits
from hotlab.runtime.configuration_files import FileContent, Sections, config_files, read_file
from hotlab.runtime.configuration_problems import (
    DEFAULT,
    ConfigurationError,
    Given,
    Origin,
    did_you_mean,
    from_file,
    problem,
    shown,
)
from hotlab.runtime.configuration_values import kind_of, parse_variable, strict_converter

__all__ = [
    "BrokerSettings",
    "ConfigurationError",
    "DatabaseSettings",
    "GeneralSettings",
    "LabConfig",
    "LoadedConfig",
    "Origin",
    "RefreshSettings",
    "WatchingSettings",
    "load_config",
]

VARIABLE_PREFIX = "HOTLAB_"
DATABASES = ("sqlite", "postgresql")

ALABOS_SECTIONS = frozenset(
    {
        "alarm",
        "data_api",
        "db",
        "large_result_storage",
        "mongodb",
        "mongodb_completed",
        "rabbitmq",
        "user_notification",
    }
)
"""Sections of an AlabOS file that mean nothing here: accepted, and `hotlab config` says so."""
ALABOS_KEYS = frozenset({"general.device_connect_timeout"})


def _filled(_settings: object, _attribute: attrs.Attribute[str], value: str) -> None:
    if not value.strip():
        raise ValueError("must not be empty")


def _positive(_settings: object, _attribute: attrs.Attribute[Any], value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"must be more than 0, not {value!r}")


def _names_database(_settings: object, _attribute: attrs.Attribute[str], value: str) -> None:
    scheme, _, rest = value.partition("://")
    if scheme.partition("+")[0] not in DATABASES:
        raise ValueError(f"must begin with sqlite:/// or postgresql+psycopg://, and is {shown(value)}")
    if scheme.startswith("sqlite") and rest.partition("?")[0] in ("", "/", "/:memory:"):
        raise ValueError("must name a file: a lab's store has to outlive its process")


def _names_broker(_settings: object, _attribute: attrs.Attribute[str], value: str) -> None:
    if value != "memory://":
        raise ValueError(f"must be memory:// (so far a lab runs its tasks in one process), and is {shown(value)}")


@attrs.frozen(kw_only=True)
class GeneralSettings:
    """What the lab is called, where it keeps its state, and whether edits are taken by themselves.

    Attributes:
        name: the lab's name; by default that of its package.
        working_dir: an absolute folder; by default `.hotlab` beside the configuration file.
        auto_refresh: watch the lab's files and refresh when one is saved.
    """

    name: str = attrs.field(validator=_filled)
    working_dir: Path
    auto_refresh: bool = False


@attrs.frozen(kw_only=True)
class RefreshSettings(RefreshLimits):
    """The time limits of a refresh, when it stages an edit, and what it pauses.

    Attributes:
        stage: when an edit is executed aside; so far only before anything is paused.
        scope: which devices a refresh pauses; so far only all of them.
    """

    # One value each until the sequence knows the others: a setting that is taken and not obeyed would be a lie.
    stage: Literal["before"] = "before"
    scope: Literal["all"] = "all"


@attrs.frozen(kw_only=True)
class BrokerSettings:
    """What carries task messages, and how many tasks run at once in one process."""

    url: str = attrs.field(default="memory://", validator=_names_broker)
    threads: int = attrs.field(default=64, validator=_positive)


@attrs.frozen(kw_only=True)
class DatabaseSettings:
    """Where the state is: an SQLAlchemy URL; by default a file in the working folder."""

    url: str = attrs.field(validator=_names_database)


@attrs.frozen(kw_only=True)
class WatchingSettings:
    """When a saved edit counts as finished.

    Attributes:
        settle: seconds without a further change.
        max_wait: seconds after which it is taken even though changes go on.
    """

    settle: float = attrs.field(default=0.05, validator=_positive)
    max_wait: float = attrs.field(default=2.0, validator=_positive)


@attrs.frozen(kw_only=True)
class LabConfig:
    """All settings of a lab, a section each."""

    general: GeneralSettings
    refresh: RefreshSettings
    broker: BrokerSettings
    database: DatabaseSettings
    watching: WatchingSettings


@attrs.frozen(kw_only=True)
class LoadedConfig:
    """A lab's settings and where they come from.

    Attributes:
        config: the effective values.
        origins: for each `section.key`, where its value comes from.
        file: the configuration file, if there is one.
        ignored: lines about what stands in the file and is AlabOS's own.
    """

    config: LabConfig
    origins: Mapping[str, Origin]
    file: Path | None
    ignored: tuple[str, ...] = ()


def load_config(
    lab_path: Path,
    *,
    config_file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> LoadedConfig:
    """The configuration of the lab whose package folder is `lab_path`.

    Args:
        lab_path: the package folder. Its configuration file is in there, or in the folder above.
        config_file: use this file instead.
        environ: `HOTLAB_SECTION_KEY` variables in here go before the file.

    Raises:
        ConfigurationError: with every fault of the file and of the variables.
    """
    lab_path = Path(os.path.abspath(lab_path))
    file = _choose_file(lab_path, config_file)
    content = read_file(file) if file is not None else FileContent({}, {})
    return _Structuring(lab_path, file, content).load(environ)


def _choose_file(lab_path: Path, config_file: Path | None) -> Path | None:
    if config_file is not None:
        file = Path(os.path.abspath(config_file))
        if not file.is_file():
            raise ConfigurationError([problem(from_file(file), "there is no such file")])
        return file
    found = [*config_files(lab_path), *config_files(lab_path.parent)]
    if len(found) > 1:
        text = "there is more than one configuration file; keep one, or name it with --config"
        raise ConfigurationError([problem(from_file(file), text) for file in found])
    return found[0] if found else None


class _Structuring:
    """Turns one file's content, and variables, into settings; gathers the faults on the way."""

    def __init__(self, lab_path: Path, file: Path | None, content: FileContent) -> None:
        self._lab_path = lab_path
        self._file = file
        self._folder = lab_path if file is None else file.parent
        self._content = content
        self._problems = list(content.problems)
        self._ignored: list[str] = []
        self._origins: dict[str, Origin] = {}
        self._converter = strict_converter()

    def load(self, environ: Mapping[str, str]) -> LoadedConfig:
        """All sections, or :class:`ConfigurationError`."""
        given = self._known_sections()
        self._add_variables(given, environ)
        general = self._section("general", GeneralSettings, given, self._general_defaults())
        store = {"url": f"sqlite:///{general.working_dir / 'hotlab.db'}"} if general else {"url": "sqlite:///x"}
        sections = {
            "general": general,
            "refresh": self._section("refresh", RefreshSettings, given),
            "broker": self._section("broker", BrokerSettings, given),
            "database": self._section("database", DatabaseSettings, given, store),
            "watching": self._section("watching", WatchingSettings, given),
        }
        watching = sections["watching"]
        if isinstance(watching, WatchingSettings) and watching.settle > watching.max_wait:
            key, text = "watching.settle", "must not be more than watching.max_wait"
            self._problems.append(problem(self._origins[key], text, key=key))
        if self._problems:
            raise ConfigurationError(self._problems)
        return LoadedConfig(
            config=LabConfig(**sections),
            origins=self._origins,
            file=self._file,
            ignored=tuple(self._ignored),
        )

    def _general_defaults(self) -> dict[str, object]:
        return {"name": self._lab_path.name, "working_dir": self._folder / ".hotlab"}

    def _known_sections(self) -> Sections:
        known = _section_types()
        given: Sections = {name: {} for name in known}
        for name, place in self._content.places.items():
            if name in ALABOS_SECTIONS:
                text = "AlabOS's own section, ignored"
                self._ignored.append(problem(place.origin, text, key=name))
            elif name not in known:
                text = f"unknown section; {did_you_mean(name, known)}"
                self._problems.append(problem(place.origin, text, key=name))
            elif place.value is not None:
                text = f"must be a section with keys, not {kind_of(place.value)}"
                self._problems.append(problem(place.origin, text, key=name))
            else:
                given[name] = dict(self._content.sections.get(name, {}))
        return given

    def _add_variables(self, given: Sections, environ: Mapping[str, str]) -> None:
        known = {
            f"{VARIABLE_PREFIX}{section}_{key}".upper(): (section, key, kind)
            for section, settings in _section_types().items()
            for key, kind in _key_types(settings).items()
        }
        heads = tuple(f"{VARIABLE_PREFIX}{section}_".upper() for section in _section_types())
        for variable, text in sorted(environ.items()):
            origin = Origin("variable", variable)
            if variable in known:
                section, key, kind = known[variable]
                given[section][key] = Given(parse_variable(text, kind), origin)
            elif variable.startswith(heads):
                self._problems.append(problem(origin, f"unknown; {did_you_mean(variable, known)}"))

    def _section(
        self,
        name: str,
        settings: type[Any],
        given: Sections,
        defaults: Mapping[str, object] | None = None,
    ) -> Any:
        """One section's settings; None where a fault was found and added to the problems."""
        values: dict[str, object] = dict(defaults or {})
        kinds = _key_types(settings)
        fields = attrs.fields_dict(settings)
        before = len(self._problems)
        for key in kinds:
            self._origins[f"{name}.{key}"] = DEFAULT
        for key, item in given[name].items():
            full_name = f"{name}.{key}"
            if full_name in ALABOS_KEYS:
                text = "AlabOS's own key, ignored"
                self._ignored.append(problem(item.origin, text, key=full_name))
            elif key not in kinds:
                text = f"unknown key; {did_you_mean(key, kinds)}"
                self._problems.append(problem(item.origin, text, key=full_name))
            else:
                self._origins[full_name] = item.origin
                try:
                    value = self._converter.structure(item.value, kinds[key])
                    value = self._anchored(full_name, value, item.origin)
                    if (validator := fields[key].validator) is not None:
                        validator(None, fields[key], value)
                    values[key] = value
                except (TypeError, ValueError) as error:
                    text = str(error).removeprefix(f"{key} ")
                    self._problems.append(problem(item.origin, text, key=full_name))
        return settings(**values) if len(self._problems) == before else None

    def _anchored(self, full_name: str, value: Any, origin: Origin) -> Any:
        """Paths made absolute: those of a file from its folder, those of a variable from here."""
        folder = Path.cwd() if origin.kind == "variable" else self._folder
        if full_name == "general.working_dir":
            if "\0" in str(value) or "?" in str(value):
                raise ValueError(f"can't be the name of a folder: {shown(str(value))}")
            path = Path(os.path.abspath(folder / os.path.expanduser(value)))
            if path.exists() and not path.is_dir():
                raise ValueError(f"{path} is not a folder")
            return path
        head = "sqlite:///"
        if full_name == "database.url" and value.startswith(head):
            path, question_mark, query = value[len(head) :].partition("?")
            if path not in ("", ":memory:"):
                return f"{head}{os.path.abspath(folder / path)}{question_mark}{query}"
        return value


def _section_types() -> dict[str, type[Any]]:
    return get_type_hints(LabConfig)


def _key_types(settings: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(settings)
    return {field.name: hints[field.name] for field in attrs.fields(settings)}
