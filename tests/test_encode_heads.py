"""Tokenising no more of a long text than the model reads."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_models
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.encode.heads import head, head_chars
from advisor.encode.modules import read_pipeline
from advisor.encode.tokenize import Tokenizer, load_tokenizer

pytest.importorskip("sentence_transformers", reason="builds the models")

WORDS = st.text(alphabet="abcxyz éüßñ日本語 \t\n.,!?'-\u0301[]SEP", min_size=0, max_size=12)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(read_pipeline(tiny_models.shared()).tokenizer)


@pytest.fixture(scope="module")
def whole() -> Tokenizer:
    tokenizer = Tokenizer(read_pipeline(tiny_models.shared()).tokenizer)
    tokenizer._head_chars = None
    return tokenizer


def test_a_bert_tokenizer_has_heads(tokenizer: Tokenizer) -> None:
    assert tokenizer._head_chars == 8 * (tokenizer._max_length or 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=400).map(" ".join), min_size=1, max_size=3))
def test_heads_give_the_tokens_of_whole_texts(tokenizer: Tokenizer, whole: Tokenizer, texts: list[str]) -> None:
    made, wanted = tokenizer(texts), whole(texts)
    np.testing.assert_array_equal(made.ids, wanted.ids)
    np.testing.assert_array_equal(made.lengths, wanted.lengths)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5000,
        "word " * 5000,
        "antidisestablishmentarianism " * 40,
        " " * 5000 + "late",
        "x " * 3 + "y" * 5000 + " z" * 50,
        "\u0301" * 3000 + " e\u0301" * 3000,
    ],
    ids=["no space", "many words", "long words", "only spaces first", "one huge word", "accents"],
)
def test_texts_that_heads_could_get_wrong(tokenizer: Tokenizer, whole: Tokenizer, text: str) -> None:
    np.testing.assert_array_equal(tokenizer([text]).ids, whole([text]).ids)


@pytest.mark.parametrize("architecture", ["roberta", "xlm-roberta", "modernbert"])
def test_tokenizers_that_do_not_look_at_words_alone_have_none(architecture: str) -> None:
    settings = read_pipeline(tiny_models.shared(architecture=architecture)).tokenizer
    assert head_chars(load_tokenizer(settings), settings) is None


def test_a_head_ends_at_a_space() -> None:
    assert head("one two three", 9) == "one two"
    assert head("one two", 9) == "one two"
    assert head("onetwothree", 5) == "onetwothree"
