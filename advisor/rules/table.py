"""One table of a ruleset file, read with errors that name the file, the place and the key."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.errors import InputError
from advisor.rules.facts import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A TOML table: `where` is its dotted place in the file, empty for the file itself."""

    file: str
    where: str
    items: Mapping[str, object]

    def error(self, key: str | None, problem: str, *, hint: str | None = None) -> InputError:
        """An error about a key of this table, or about the table where `key` is None."""
        place = self._place(key)
        return InputError(f"{self.file}: {place}: {problem}." if place else f"{self.file}: {problem}.", hint=hint)

    def only(self, *allowed: str) -> None:
        """Raise InputError if the table has a key that is not in `allowed`: a typo must not be ignored."""
        for key in self.items:
            if key not in allowed:
                raise self.error(key, "this key is not known here", hint=did_you_mean(key, allowed))

    def required(self, key: str) -> object:
        """The value of a key that must be there."""
        if key not in self.items:
            raise self.error(None, f"the key '{key}' is missing")
        return self.items[key]

    def text(self, key: str) -> str:
        """A text on one line, not empty: texts are drawn in terminals, so control characters are refused."""
        value = self.required(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"{reprlib.repr(value)} is not a text")
        if not value.isprintable():
            raise self.error(key, f"{reprlib.repr(value)} holds a line break or a control character")
        return value

    def flag(self, key: str) -> bool:
        """True or false; false where the key is absent."""
        value = self.items.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"{reprlib.repr(value)} is not true or false")
        return value

    def table(self, key: str) -> Table:
        """A table inside this one."""
        value = self.required(key)
        if not isinstance(value, dict):
            raise self.error(key, f"{reprlib.repr(value)} is not a table")
        return Table(file=self.file, where=self._place(key), items=value)

    def tables(self, key: str) -> tuple[Table, ...]:
        """An array of tables, numbered from 1 in messages; empty where the key is absent."""
        value = self.items.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, "this is not a list of tables")
        place = self._place(key)
        return tuple(
            Table(file=self.file, where=f"{place}[{index}]", items=item) for index, item in enumerate(value, start=1)
        )

    def _place(self, key: str | None) -> str:
        return ".".join(part for part in (self.where, key) if part)
