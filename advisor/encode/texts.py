"""Whether what callers give are texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from advisor.errors import InputError


def either(inputs: str | Iterable[str] | None, sentences: str | Iterable[str] | None) -> str | Iterable[str]:
    """What is to be embedded, under whichever of both names it was given. Raises InputError unless it is one."""
    if inputs is not None and sentences is not None:
        raise InputError("encode takes the texts as inputs or as sentences, not as both.")
    given = sentences if inputs is None else inputs
    if given is None:
        raise InputError(f"encode takes a string or an iterable of strings, not {kind_of(None)}.")
    return given


def checked_all(sentences: Iterable[str]) -> list[str]:
    """All texts as a list. Raises InputError where one is no string, or where they are no texts at all."""
    if type(sentences) is not list:
        refuse_table(sentences, "encode", "texts")
    try:
        texts = list(sentences)
    except TypeError:
        raise InputError(f"encode takes a string or an iterable of strings, not {kind_of(sentences)}.") from None
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise _no_string(index, text)
    return texts


def checked_one_by_one(sentences: Iterable[str]) -> Iterator[str]:
    """The same texts, each checked when its turn comes, for its Unicode too: an iterator gives it only once."""
    for index, text in enumerate(sentences):
        if not isinstance(text, str):
            raise _no_string(index, text)
        if not text.isascii():
            _check_unicode(f"Text {index}", text)
        yield text


def refuse_table(given: Any, method: str, wanted: str) -> None:
    """Raise InputError for what gives names when it is iterated over: a mapping its keys, a data frame its columns'."""
    if isinstance(given, Mapping):
        raise InputError(
            f"{method} takes {wanted}, and a {type(given).__name__} gives its keys.",
            hint="Give it a list: of the values, list(given.values()), or of the keys, list(given).",
        )
    if hasattr(given, "columns"):
        raise InputError(
            f"{method} takes {wanted}, and a {type(given).__name__} gives its columns.",
            hint="Give it what is in a column, given['text'], or rows, given.values.tolist().",
        )


def raise_for_unicode(texts: Iterable[str], prompt: str) -> None:
    """Raise InputError for the first that is not valid Unicode, the prompt included; nothing if all are."""
    _check_unicode("The prompt", prompt)
    if isinstance(texts, Sequence):
        for index, text in enumerate(texts):
            _check_unicode(f"Text {index}", text)


def _check_unicode(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{name} holds half of a surrogate pair at position {error.start}, which is not valid Unicode.",
            hint="Decode the source with errors='replace'.",
        ) from None


def _no_string(index: int, text: object) -> InputError:
    return InputError(
        f"Text {index} is {kind_of(text)}, not a string.",
        hint="Replace missing values by empty strings, or leave them out.",
    )


def kind_of(value: object) -> str:
    """`a float (2.5)`."""
    return f"a {type(value).__name__} ({value!r:.40})"
