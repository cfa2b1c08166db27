"""Tokenising no more of a long text than the model reads.

A text is cut at the model's maximum of tokens after all of it was tokenised. A tokenizer that first splits at white
space, and then looks at single words, gives the beginning of a text the same tokens whatever follows. So only the head
is tokenised; where that does not fill the model, the whole text is.
"""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer as RawTokenizer
from tokenizers import models, normalizers, pre_tokenizers

from advisor.encode.tokenizer_settings import TokenizerSettings

CHARS_PER_TOKEN = 8
"""A head has this many characters for each token. English has 4 to 5, so that heads of most texts fill the model."""

_BY_WORDS = (pre_tokenizers.BertPreTokenizer, pre_tokenizers.Whitespace, pre_tokenizers.WhitespaceSplit)
"""What splits at white space, whatever stands on the other side of it."""

_BY_CHARACTERS = (normalizers.BertNormalizer, normalizers.Lowercase)
"""What looks at one character, and the accents on it, at a time."""


def head_chars(raw: RawTokenizer, settings: TokenizerSettings) -> int | None:
    """How many characters of a text to tokenise first; None where only the whole text is safe."""
    if settings.max_length is None or settings.truncation_side != "right":
        return None
    words: Any = raw.pre_tokenizer
    first = words[0] if type(words) is pre_tokenizers.Sequence else words
    if not isinstance(first, _BY_WORDS) or not all(
        isinstance(part, _BY_CHARACTERS) for part in parts_of(raw.normalizer)
    ):
        return None
    if not isinstance(raw.model, models.WordPiece | models.WordLevel):
        return None
    if any(" " in token.content for token in raw.get_added_tokens_decoder().values()):
        return None  # a head could end inside of one
    return CHARS_PER_TOKEN * settings.max_length


def head(text: str, num_chars: int) -> str:
    """The first words of a text, of at most `num_chars` characters; all of it where there is no space to cut at."""
    if len(text) <= num_chars:
        return text
    end = text.rfind(" ", 0, num_chars)
    return text if end <= 0 else text[:end]


def parts_of(normalizer: Any) -> list[normalizers.Normalizer]:
    """The normalisers of which one is made; none for None."""
    if normalizer is None:
        return []
    if type(normalizer) is normalizers.Sequence:
        sequence: Any = normalizer  # it can be iterated over, which its type stubs do not say
        return list(sequence)
    return [normalizer]
