"""Frozen dataclasses as JSON and back: what is written reads back, and nothing else than CodecError is raised."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.codec import HIDDEN, INLINE, CodecError, Positive, from_json, loads, to_json
from advisor.document import from_dict
from advisor.errors import ArtifactError
from advisor.types import Recommendation


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    word: Literal["a", "b"]
    pair: tuple[float, float] | None
    more: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    size: int
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    fact: bool | int | float | str | tuple[str, ...] | None
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    seconds: Mapping[str, tuple[Positive, ...]] = field(default_factory=dict)
    path: Path = Path()
    anything: Any = None
    part: Part | None = field(default=None, metadata=INLINE)
    secret: str = field(default="none", metadata=HIDDEN)


FINITE = st.floats(allow_nan=False)
INTS = st.integers(-(2**63) + 1, 2**63 - 1)
INNERS = st.builds(
    Inner,
    word=st.sampled_from(["a", "b"]),
    pair=st.none() | st.tuples(FINITE, FINITE),
    more=st.lists(INTS).map(tuple),
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
OUTERS = st.builds(
    Outer,
    name=st.text(),
    fact=st.none() | st.booleans() | INTS | FINITE | st.text() | st.lists(st.text()).map(tuple),
    inner=st.none() | INNERS,
    inners=st.lists(INNERS, max_size=3).map(tuple),
    seconds=st.dictionaries(
        st.text(), st.lists(st.floats(min_value=0, exclude_min=True, allow_infinity=False)).map(tuple)
    ),
    path=st.just(Path("a/b")),
    anything=st.none() | st.booleans() | st.text(),
    part=st.none() | st.builds(Part, size=INTS, share=st.none() | FINITE),
    secret=st.text(),
)


@given(OUTERS)
def test_what_is_written_reads_back(outer: Outer) -> None:
    assert from_json(Outer, loads(json.dumps(to_json(outer, hidden=True))), hidden=True) == outer
    assert from_json(Outer, loads(json.dumps(to_json(outer)))) == replace(outer, secret="none")


@given(st.data())
def test_an_edited_document_is_a_valid_value_or_a_codec_error(data: st.DataObject) -> None:
    document = to_json(data.draw(OUTERS))
    edited = _edited(document, data)
    try:
        read = from_json(Outer, edited)
    except CodecError:
        return
    assert _same(to_json(from_json(Outer, to_json(read))), to_json(read))


@given(st.data())
def test_an_edited_recommendation_is_one_or_an_artifact_error(data: st.DataObject) -> None:
    make = data.draw(st.sampled_from([factories.labelled, factories.with_failures, factories.detailed]))
    document = _edited(json.loads(json.dumps(make().to_dict())), data)
    with contextlib.suppress(ArtifactError):
        assert isinstance(from_dict(document), Recommendation)


def _edited(document: Any, data: st.DataObject) -> Any:
    """The document with one of its values replaced or left out."""
    keys: list[Any] = []
    if isinstance(document, dict | list):
        keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    if not keys or data.draw(st.integers(0, 9)) == 0:
        return data.draw(ANYTHING)
    key = data.draw(st.sampled_from(keys))
    if isinstance(document, dict) and data.draw(st.integers(0, 4)) == 0:
        return {name: value for name, value in document.items() if name != key}
    changed = dict(document) if isinstance(document, dict) else list(document)
    changed[key] = _edited(changed[key], data)
    return changed


def _same(one: object, other: object) -> bool:
    return repr(one) == repr(other)  # NaN is not equal to itself


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": 1}, "name: a string is expected, not a whole number"),
        ({"inner": {"word": "c", "pair": None}}, "inner.word: one of 'a', 'b' is expected, not 'c'"),
        ({"inner": {"word": "a", "pair": [1, "2"]}}, "inner.pair[1]: a number is expected, not a string"),
        ({"inner": {"word": "a"}}, "inner.pair is missing"),
        ({"inners": [{"word": "a", "pair": [1]}]}, "inners[0].pair: an array of 2 is expected, not an array"),
        ({"inners": [{"word": "a", "pair": None, "more": [True]}]}, "more[0]: a whole number is expected, not true or"),
        ({"inners": [{"word": "a", "pair": None, "more": [2.0]}]}, "more[0]: a whole number is expected, not a number"),
        ({"seconds": {"x": [0]}}, "seconds['x'][0]: a positive number is expected, not 0"),
        ({"seconds": {"x": [math.inf]}}, "seconds['x'][0]: a positive number is expected, not inf"),
        ({"seconds": {"x": [math.nan]}}, "seconds['x'][0]: a positive number is expected, not nan"),
        ({"size": "1"}, "size: a whole number is expected, not a string"),
        ({"share": 10**400, "size": 1}, "share: a number is expected, not one of more than 64 bits"),
        ({"path": None}, "path: a string is expected, not null"),
        ({"fact": {}}, "fact: an array is expected, not an object"),
    ],
)
def test_an_error_names_the_path_and_the_type_of_the_value(change: dict[str, Any], says: str) -> None:
    with pytest.raises(CodecError) as error:
        from_json(Outer, {"name": "n", "fact": None, **change})
    assert says in str(error.value)


def test_an_inlined_part_that_is_not_there_is_null_and_reads_as_none() -> None:
    document = to_json(Outer(name="n", fact=None))
    assert (document["size"], document["share"]) == (None, None)
    assert from_json(Outer, document).part is None
    assert from_json(Outer, {"name": "n", "fact": None, "share": 0.5}).part is None
    assert from_json(Outer, {"name": "n", "fact": None, "size": 3}).part == Part(size=3)


def test_a_hidden_field_is_not_read_from_a_document_and_can_be_supplied() -> None:
    document = {"name": "n", "fact": None, "secret": "told"}
    assert from_json(Outer, document).secret == "none"
    assert from_json(Outer, document, hidden=True).secret == "told"
    assert from_json(Outer, document, secret="mine").secret == "mine"


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 5000])
def test_text_that_is_not_json_is_a_codec_error(text: str) -> None:
    with pytest.raises(CodecError, match="it is not JSON"):
        loads(text)


def test_another_thing_than_an_object_is_a_codec_error() -> None:
    with pytest.raises(CodecError, match="the document: an object is expected, not an array"):
        from_json(Outer, [])
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CodecError):
        from_json(Outer, {"name": deep, "fact": deep})
