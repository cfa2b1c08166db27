"""Elements of HTML and SVG. Whatever is not markup already is escaped where it is put in. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_VOID = {"meta", "wbr"}
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What neither XML nor HTML may contain."""


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """`text` as markup: nothing in it can open an element or end an attribute."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_NOT_TEXT.sub("\ufffd", text), quote=True))


def join(parts: Iterable[str | None], between: str = "") -> Markup:
    """The parts one after another; None is left out."""
    return Markup(escaped(between).join(escaped(part) for part in parts if part is not None))


def tag(name: str, /, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """An element. `class_` is `class` and `text_anchor` is `text-anchor`; True is an attribute without a value.

    Attributes that are None or False, and children that are None, are left out.
    """
    written = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def number(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _attribute(key: str, value: str | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = value if isinstance(value, str) else number(value or 0)
    return f' {name}="{escaped(text)}"'
