"""Texts -> token ids, exactly as Sentence Transformers feeds them to the model, with `tokenizers` alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as RawTokenizer
from tokenizers import models, normalizers, pre_tokenizers

from advisor.encode.tokenizer_settings import Side, TokenizerSettings
from advisor.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a transformer takes: int64 arrays of shape `(batch, tokens)`. The mask is 1 where there is a token."""

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    padded: bool
    """Whether any position is padding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The token ids of several texts, not padded yet."""

    ids: list[list[int]]
    type_ids: list[list[int]] | None
    """None where all are 0."""
    lengths: NDArray[np.int64]
    """`(num_texts,)`, at least 1 where the tokenizer adds special tokens."""


class Tokenizer:
    """A model's tokenizer. Truncates at the model's maximum length; pads in `batch`.

    With more than one thread, texts are tokenised by the threads of `tokenizers` itself, one a core unless the
    variable RAYON_NUM_THREADS says otherwise.
    """

    def __init__(self, settings: TokenizerSettings, *, threads: int = 1) -> None:
        self._raw = load_tokenizer(settings)
        self._parallel = threads > 1
        self._max_length = settings.max_length
        self.padding_side, self.pad_token_id = _padding(self._raw, settings)
        self._raw.no_padding()
        self._raw.no_truncation()
        if settings.max_length is not None:
            try:
                self._raw.enable_truncation(settings.max_length, direction=settings.truncation_side)
            except ValueError as error:
                raise ModelError(f"A maximum length of {settings.max_length} tokens is too short: {error}.") from None
        self._has_type_ids = any(self._raw.encode("a").type_ids)
        added = self._raw.get_added_tokens_decoder()
        self._special_ids = frozenset(token_id for token_id, token in added.items() if token.special)

    def __call__(self, texts: Sequence[str], *, prompt: str = "") -> Tokens:
        """Tokenise texts, each with `prompt` before it."""
        if prompt:
            texts = [prompt + text for text in texts]
        if self._parallel and len(texts) > 1:
            encodings = self._raw.encode_batch(texts)
        else:
            encodings = [self._raw.encode(text) for text in texts]
        ids = [encoding.ids for encoding in encodings]
        return Tokens(
            ids=ids,
            type_ids=[encoding.type_ids for encoding in encodings] if self._has_type_ids else None,
            lengths=np.fromiter(map(len, ids), np.int64, len(ids)),
        )

    def prompt_length(self, prompt: str) -> int:
        """How many tokens a prompt takes, without a special token at its end; 0 for no prompt.

        The rule of Sentence Transformers (`Transformer._get_prompt_length`).
        """
        if not prompt:
            return 0
        ids = self._raw.encode(prompt).ids
        return len(ids) - (1 if ids and ids[-1] in self._special_ids else 0)

    def batch(self, tokens: Tokens, members: NDArray[np.int64]) -> Inputs:
        """Pad the texts at the positions `members` to the longest of them."""
        lengths = tokens.lengths[members]
        width = max(1, int(lengths.max()))
        padded = int(lengths.min()) < width
        if not padded:
            mask = np.ones((len(members), width), np.int64)
        elif self.padding_side == "right":
            mask = (np.arange(width) < lengths[:, None]).astype(np.int64)
        else:
            mask = (np.arange(width) >= width - lengths[:, None]).astype(np.int64)
        present = mask.astype(bool) if padded else None
        return Inputs(
            input_ids=_fill(tokens.ids, members, mask, present, self.pad_token_id),
            attention_mask=mask,
            token_type_ids=(
                np.zeros_like(mask) if tokens.type_ids is None else _fill(tokens.type_ids, members, mask, present, 0)
            ),
            padded=padded,
        )


def _fill(
    rows: list[list[int]],
    members: NDArray[np.int64],
    mask: NDArray[np.int64],
    present: NDArray[np.bool_] | None,
    filler: int,
) -> NDArray[np.int64]:
    flat = np.fromiter(chain.from_iterable(rows[member] for member in members.tolist()), np.int64)
    if present is None:
        return flat.reshape(mask.shape)
    filled = np.full(mask.shape, filler, np.int64)
    filled[present] = flat
    return filled


def load_tokenizer(settings: TokenizerSettings) -> RawTokenizer:
    """tokenizer.json, with the parts that transformers 5 rebuilds from the class and tokenizer_config.json instead.

    Raises ModelError where the file is damaged.
    """
    try:
        raw = RawTokenizer.from_file(str(settings.file))
    except Exception as error:  # tokenizers raises plain Exception
        raise ModelError(
            f"{settings.file.name} of the model in {settings.file.parent} cannot be read: {error}.",
            hint="Download or save the model again.",
        ) from None
    if settings.bert is not None and isinstance(raw.model, models.WordPiece):
        raw.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=settings.bert.handle_chinese_chars,
            strip_accents=settings.bert.strip_accents,
            lowercase=settings.bert.lowercase,
        )
        raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    elif settings.metaspace_words and isinstance(raw.model, models.Unigram):
        raw.normalizer = next(
            (part for part in _parts(raw.normalizer) if isinstance(part, normalizers.Precompiled)), None
        )
        raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    if settings.lower_case:
        parts = _parts(raw.normalizer)
        if not any(isinstance(part, normalizers.Lowercase) for part in parts):
            raw.normalizer = normalizers.Sequence([normalizers.Lowercase(), *parts])
    return raw


def _parts(normalizer: Any) -> list[normalizers.Normalizer]:
    if normalizer is None:
        return []
    if type(normalizer) is normalizers.Sequence:
        sequence: Any = normalizer  # it can be iterated over, which its type stubs do not say
        return list(sequence)
    return [normalizer]


def _padding(raw: RawTokenizer, settings: TokenizerSettings) -> tuple[Side, int]:
    """The side and the id: tokenizer_config.json first, then tokenizer.json, then the model."""
    stored = raw.padding or {}
    side: Side = settings.padding_side or (
        ("left" if stored.get("direction") == "left" else "right") if stored else settings.default_padding_side
    )
    names = (settings.pad_token, stored.get("pad_token"), "[PAD]", "<pad>")
    known = (raw.token_to_id(name) for name in names if isinstance(name, str))
    pad = next((token_id for token_id in known if token_id is not None), settings.pad_token_id)
    return side, 0 if pad is None else pad
