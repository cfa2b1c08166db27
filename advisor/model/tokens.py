"""How long texts are for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.types import ModelProfile

if TYPE_CHECKING:
    from advisor.texts.tokens import TokenCounter


def token_counter(profile: ModelProfile) -> TokenCounter:
    """A counter of a model's tokens that tokenises as the model's encoder does, but cuts nothing.

    Raises ModelError where the tokenizer is missing or damaged.
    """
    from advisor.encode.modules import read_pipeline
    from advisor.encode.tokenize import load_tokenizer
    from advisor.texts.tokens import JsonTokenCounter

    tokenizer = load_tokenizer(read_pipeline(profile.path).tokenizer)
    return JsonTokenCounter(tokenizer, pairs=profile.kind == "cross-encoder")
