"""A configuration as it may be shown to people and scripts: passwords hidden. Any thread."""

from __future__ import annotations

from typing import Any

import attrs
import cattrs

from hotlab.runtime.configuration import LoadedConfig, Origin
from hotlab.runtime.configuration_problems import hide_password


@attrs.frozen
class Setting:
    """One setting: `section.key`, its value as JSON, and where that comes from."""

    key: str
    value: Any
    origin: Origin

    @property
    def text(self) -> str:
        """The value as one would write it in a file."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return f"{self.value:g}" if isinstance(self.value, float) else str(self.value)


def settings(loaded: LoadedConfig) -> list[Setting]:
    """All settings in the order in which they are documented."""
    sections: dict[str, dict[str, Any]] = cattrs.unstructure(loaded.config)
    return [
        Setting(f"{section}.{key}", _json(value), loaded.origins[f"{section}.{key}"])
        for section, values in sections.items()
        for key, value in values.items()
    ]


def _json(value: object) -> object:
    if isinstance(value, (bool, int, float)):
        return value
    return hide_password(str(value))
