"""Copies of namespaces that write through: what ``vars()`` gives where the real dict can't be handed out."""

from __future__ import annotations

from typing import Any

_missing = object()


class NamespaceView(dict[str, Any]):
    """A copy of a namespace each of whose changes, by whatever method of a dict, is made in the real one too."""

    def store(self, name: str, value: Any) -> None:
        """Make a change in the real namespace."""
        raise NotImplementedError

    def drop(self, name: str) -> None:
        """Take a name out of the real namespace."""
        raise NotImplementedError

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.store(name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.drop(name)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As of a dict."""
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __ior__(self, other: Any) -> NamespaceView:  # type: ignore[override,misc]
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        """As of a dict."""
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name: str, default: Any = _missing) -> Any:
        """As of a dict."""
        if name not in self and default is not _missing:
            return default
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """As of a dict."""
        name, value = super().popitem()
        self.drop(name)
        return name, value

    def clear(self) -> None:
        """As of a dict."""
        for name in list(self):
            del self[name]
