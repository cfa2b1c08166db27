"""Texts -> token ids, exactly as Sentence Transformers feeds them to the model, with `tokenizers` alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as RawTokenizer

from advisor.encode.heads import head, head_chars, parts_of
from advisor.encode.tokenizer_settings import Side, TokenizerSettings
from advisor.errors import ModelError
from advisor.pairs import split


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
    """The token ids of several texts, one text after the other, not padded yet."""

    ids: NDArray[np.int64]
    """`(num_tokens,)`, of all texts."""
    type_ids: NDArray[np.int64] | None
    """`(num_tokens,)`; None where all are 0."""
    starts: NDArray[np.int64]
    """`(num_texts,)`: where each text begins in `ids`."""
    lengths: NDArray[np.int64]
    """`(num_texts,)`, at least 1 where the tokenizer adds special tokens."""


class Tokenizer:
    """A model's tokenizer. Truncates at the model's maximum length; pads in `batch`.

    With more than one thread, texts are tokenised by the threads of `tokenizers` itself, one a core unless the
    variable RAYON_NUM_THREADS says otherwise. With `pairs`, every text is a pair (`advisor.pairs`) that is tokenised
    together; the longer of both is cut first.
    """

    def __init__(self, settings: TokenizerSettings, *, threads: int = 1, pairs: bool = False) -> None:
        self.raw = load_tokenizer(settings)
        self._settings = settings
        self._pairs = pairs
        self._parallel = threads > 1
        self.padding_side, self.pad_token_id = _padding(self.raw, settings)
        self.raw.no_padding()
        self.raw.no_truncation()
        self.cut_at(settings.max_length)
        self._has_type_ids = any((self.raw.encode("a", "a") if pairs else self.raw.encode("a")).type_ids)
        added = self.raw.get_added_tokens_decoder()
        self._special_ids = frozenset(token_id for token_id, token in added.items() if token.special)

    def cut_at(self, max_length: int | None) -> None:
        """Cut texts after so many tokens from now on, special ones included; None does not cut.

        Raises ModelError for a length that `tokenizers` refuses.
        """
        if max_length is None:
            self.raw.no_truncation()
        else:
            try:
                self.raw.enable_truncation(max_length, direction=self._settings.truncation_side)
            except ValueError as error:
                raise ModelError(f"A maximum length of {max_length} tokens is too short: {error}.") from None
        self._max_length = max_length
        own = replace(self._settings, max_length=max_length)
        self._head_chars = None if self._pairs else head_chars(self.raw, own)

    def __call__(self, texts: Sequence[str], *, prompt: str = "") -> Tokens:
        """Tokenise texts, each with `prompt` before it; a pair's prompt stands before its first text."""
        inputs: Sequence[str] | Sequence[tuple[str, str]]
        if self._pairs:
            inputs = [(prompt + first, second) for first, second in map(split, texts)]
        else:
            texts = [prompt + text for text in texts] if prompt else texts
            inputs = texts if self._head_chars is None else [head(text, self._head_chars) for text in texts]
        encodings = self._encode(inputs)
        lengths = np.fromiter(map(len, encodings), np.int64, len(encodings))
        if self._head_chars is not None:
            self._mend_short_heads(texts, encodings, lengths)
        num_tokens = int(lengths.sum())
        return Tokens(
            ids=_flat((encoding.ids for encoding in encodings), num_tokens),
            type_ids=_flat((encoding.type_ids for encoding in encodings), num_tokens) if self._has_type_ids else None,
            starts=np.cumsum(lengths) - lengths,
            lengths=lengths,
        )

    def _encode(self, inputs: Sequence[str] | Sequence[tuple[str, str]]) -> list[Encoding]:
        if self._parallel and len(inputs) > 1:
            return self.raw.encode_batch_fast(inputs)
        return [self.raw.encode(*each) if self._pairs else self.raw.encode(each) for each in inputs]

    def _mend_short_heads(self, texts: Sequence[str], encodings: list[Encoding], lengths: NDArray[np.int64]) -> None:
        """Tokenise the whole of those texts whose head did not fill the model: its words are longer than usual."""
        assert self._head_chars is not None  # heads were taken
        assert self._max_length is not None  # or there were no heads
        for index in np.flatnonzero(lengths < self._max_length).tolist():
            if len(texts[index]) > self._head_chars:
                (encodings[index],) = self._encode([texts[index]])
                lengths[index] = len(encodings[index])

    def prompt_length(self, prompt: str) -> int:
        """How many tokens a prompt takes, without a special token at its end; 0 for no prompt.

        The rule of Sentence Transformers (`Transformer._get_prompt_length`).
        """
        if not prompt:
            return 0
        ids = self.raw.encode(prompt).ids
        return len(ids) - (1 if ids and ids[-1] in self._special_ids else 0)

    def batch(self, tokens: Tokens, members: NDArray[np.int64]) -> Inputs:
        """Pad the texts at the positions `members` to the longest of them."""
        lengths = tokens.lengths[members][:, None]
        width = max(1, int(lengths.max()))
        padded = int(lengths.min()) < width
        columns = np.arange(width)
        if not padded:
            shifts, present = columns, None
        elif self.padding_side == "right":
            shifts, present = columns, columns < lengths
        else:
            shifts = columns - (width - lengths)
            present = shifts >= 0
        # Positions beyond a text's end are another text's tokens, and masked; mode="clip" keeps them in the array.
        positions = tokens.starts[members][:, None] + shifts
        return Inputs(
            input_ids=_taken(tokens.ids, positions, present, self.pad_token_id),
            attention_mask=np.ones(positions.shape, np.int64) if present is None else present.astype(np.int64),
            token_type_ids=(
                np.zeros(positions.shape, np.int64)
                if tokens.type_ids is None
                else _taken(tokens.type_ids, positions, present, 0)
            ),
            padded=padded,
        )


def _flat(rows: Iterable[list[int]], num_tokens: int) -> NDArray[np.int64]:
    return np.fromiter(chain.from_iterable(rows), np.int64, num_tokens)


def _taken(
    values: NDArray[np.int64], positions: NDArray[np.int64], present: NDArray[np.bool_] | None, filler: int
) -> NDArray[np.int64]:
    if not len(values):  # a tokenizer without special tokens, and only empty texts
        return np.full(positions.shape, filler, np.int64)
    taken = np.take(values, positions, mode="clip")
    if present is not None:
        taken[~present] = filler
    return taken


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
            (part for part in parts_of(raw.normalizer) if isinstance(part, normalizers.Precompiled)), None
        )
        raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    if settings.lower_case:
        parts = parts_of(raw.normalizer)
        if not any(isinstance(part, normalizers.Lowercase) for part in parts):
            raw.normalizer = normalizers.Sequence([normalizers.Lowercase(), *parts])
    return raw


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
