"""Pairs are read from two columns, or made of single texts, and the profile says which."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import InputError
from advisor.pairs import join, split
from advisor.texts import builtin_texts, reference_pairs, sample_pairs
from advisor.texts.made_pairs import QUERY_CHARS, make_pairs

ROWS = [(f"What is thing {index}?", f"Thing {index} is a thing of many words.") for index in range(20)]


def write(path: Path, rows: Iterable[tuple[Any, Any]], names: tuple[str, str]) -> Path:
    rows = list(rows)
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = {name: [row[index] for row in rows] for index, name in enumerate(names)}
        parquet.write_table(pytest.importorskip("pyarrow").table(columns), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        path.write_text("".join(mark.join(row) + "\n" for row in [names, *rows]))
    return path


@pytest.mark.parametrize("pair", [("a", "b"), ("", ""), ("3:x", ":"), ("\x1f\n", "ü🙂"), ("", "12:a"), ("9" * 30, "")])
def test_a_pair_is_told_apart_again_whatever_it_holds(pair: tuple[str, str]) -> None:
    assert split(join(*pair)) == pair


@pytest.mark.parametrize("text", ["", "text", "a:b", "9:short", "-1:x", ":x"])
def test_what_is_no_pair_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match="not a pair"):
        split(text)


@pytest.mark.parametrize("extension", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize(("names", "field"), [(("Query", "Passage"), None), (("a", "b"), "a,b"), (("q", "d"), None)])
def test_two_columns_are_pairs(tmp_path: Path, extension: str, names: tuple[str, str], field: str | None) -> None:
    source = write(tmp_path / f"pairs.{extension}", ROWS, names)
    sample = sample_pairs(source, field=field)
    assert sorted(map(split, sample.texts)) == sorted(ROWS)
    profile = sample.profile
    assert (profile.pairs, profile.field, profile.num_seen) == ("given", ",".join(names), 20)
    assert profile.chars.max == max(len(first) + len(second) for first, second in ROWS)
    assert profile.source == source.name


def test_the_columns_order_is_the_fields(tmp_path: Path) -> None:
    source = write(tmp_path / "pairs.csv", ROWS, ("a", "b"))
    assert all(split(text)[1].startswith("What") for text in sample_pairs(source, field="b,a").texts)


def test_rows_with_a_blank_side_are_passed_over_and_not_counted(tmp_path: Path) -> None:
    rows = [*ROWS[:3], ("only a query", ""), ("", "only a document"), (None, "null")]
    source = write(tmp_path / "pairs.jsonl", rows, ("query", "document"))
    assert sample_pairs(source).profile.num_seen == 3
    nothing = write(tmp_path / "nothing.jsonl", rows[3:], ("query", "document"))
    with pytest.raises(InputError, match="There are no pairs in nothing"):
        sample_pairs(nothing)


def test_python_pairs_are_pairs_and_strings_are_single_texts() -> None:
    given = sample_pairs(iter(ROWS))
    assert (given.profile.pairs, given.profile.source) == ("given", "Python pairs")
    made = sample_pairs([document for _, document in ROWS])
    assert (made.profile.pairs, made.profile.num_seen, len(made.texts)) == ("made", 20, 20)
    with pytest.raises(InputError, match=r"Pair 1 is \('a',\), not two strings"):
        sample_pairs([("a", "b"), ("a",)])
    with pytest.raises(InputError, match="must be a path or an iterable of strings, not int"):
        sample_pairs(3)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("texts.txt", "one text\nanother text\na third one\n"),
        ("texts.csv", "id,text\n1,one text here\n2,another text\n3,a third one\n"),
        ("texts.jsonl", '"one text"\n"another text"\n"a third one"\n'),
    ],
)
def test_single_texts_are_made_into_pairs(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    profile = sample_pairs(tmp_path / name).profile
    assert (profile.pairs, profile.num_seen) == ("made", 3)


def test_no_texts_are_the_built_in_ones() -> None:
    profile = sample_pairs(None, num_texts=50).profile
    assert (profile.pairs, profile.builtin, profile.num_sampled) == ("made", True, 50)


def test_more_than_two_columns_and_standard_input_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "three.csv"
    source.write_text("a,b,c\n" + "this is text,this is more,2\n" * 3)
    with pytest.raises(InputError, match=r"names 3 columns \(a,b,c\), and a pair has two"):
        sample_pairs(source, field="a,b,c")
    with pytest.raises(InputError, match="Pairs cannot be read from standard input"):
        sample_pairs("-", field="a,b")
    with pytest.raises(InputError, match="has no column 'd'"):
        sample_pairs(write(tmp_path / "two.jsonl", ROWS, ("a", "b")), field="a,d")


def test_the_sample_is_fixed_by_its_seed(tmp_path: Path) -> None:
    source = write(tmp_path / "pairs.csv", ROWS, ("query", "document"))
    first, again, other = (sample_pairs(source, num_texts=5, seed=seed).texts for seed in (1, 1, 2))
    assert first == again != other


def test_made_pairs_are_of_every_degree_of_relation() -> None:
    texts = builtin_texts()
    pairs = make_pairs(texts)
    assert len(pairs) == len(texts)
    assert all(
        len(query) <= QUERY_CHARS and text.startswith(query) for (query, _), text in zip(pairs, texts, strict=True)
    )
    own = [document == text for (_, document), text in zip(pairs, texts, strict=True)]
    assert 0.1 < sum(own) / len(own) <= 1 / 3 + 0.01
    assert not any(query == document for query, document in pairs)


def test_a_made_pairs_document_shares_the_rarer_words() -> None:
    texts = [
        "the violin and the orchestra play",
        "the price of the bread rose",
        "an orchestra needs a violin",
        "the sea is the coldest in the north",
    ]
    assert make_pairs(texts)[0] == (texts[0], texts[2])


def test_one_text_alone_and_reference_pairs() -> None:
    assert make_pairs(["A first sentence. " * 20]) == (("A first sentence.", "A first sentence. " * 20),)
    assert len({*reference_pairs()}) == 8
