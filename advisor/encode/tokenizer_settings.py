"""How Sentence Transformers would call the tokenizer, read from the model's files.

Follows sentence_transformers 6.2 `base/modules/transformer.py` (`Transformer.__init__`) and transformers 5.23
`tokenization_utils_tokenizers.py` (`TokenizersBackend`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from advisor.encode.files import first_of, positive_int, read_object
from advisor.errors import ModelError

Side = Literal["left", "right"]

_UNLIMITED = 10**20
"""transformers' LARGE_INTEGER: a `model_max_length` above it stands for no limit."""

_LEFT_PADDED_CLASSES = {"LlamaTokenizer", "GemmaTokenizer", "CohereTokenizer", "CodeLlamaTokenizer", "XLNetTokenizer"}
"""The classes of transformers whose `padding_side` is left where the configuration names none."""

_BERT_CLASSES = {
    "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "ConvBertTokenizer",
    "LxmertTokenizer", "RetriBertTokenizer", "DPRQuestionEncoderTokenizer", "DPRContextEncoderTokenizer",
    "MPNetTokenizer",
}  # fmt: skip

_CLASS_OF_ARCHITECTURE = {
    "bert": "BertTokenizer", "distilbert": "BertTokenizer", "electra": "BertTokenizer", "mobilebert": "BertTokenizer",
    "convbert": "BertTokenizer", "mpnet": "MPNetTokenizer", "xlm-roberta": "XLMRobertaTokenizer",
}  # fmt: skip
"""The class that transformers takes where tokenizer_config.json names none (TOKENIZER_MAPPING_NAMES)."""

_OFFSET_POSITIONS = {
    "roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer", "roberta-prelayernorm",
    "data2vec-text", "xmod", "ibert", "luke",
}  # fmt: skip
"""Architectures that number positions from `pad_token_id + 1`, so that the first ones hold no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BertNormalization:
    """How a BERT tokenizer cleans a text. transformers 5 takes this from tokenizer_config.json, not tokenizer.json."""

    lowercase: bool
    strip_accents: bool | None
    handle_chinese_chars: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerSettings:
    """What the tokenizer does around `tokenizer.json`."""

    file: Path
    max_length: int | None
    """Longest sequence in tokens, special ones included; None without a limit."""
    pad_token: str | None
    """None where only tokenizer.json may name it."""
    pad_token_id: int | None
    """The model's own, for tokenizers without a padding token."""
    padding_side: Side | None
    """None where only tokenizer.json may name it."""
    default_padding_side: Side
    """The class's, where no file names one."""
    truncation_side: Side
    lower_case: bool
    """Whether texts are lower-cased before the tokenizer's own normalisation."""
    bert: BertNormalization | None
    """Set where the class rebuilds its normalisation from tokenizer_config.json."""
    metaspace_words: bool
    """Whether the class splits at white space before it marks words (XLM-RoBERTa)."""


def read_tokenizer_settings(folder: Path, *, config: Mapping[str, Any], module: Mapping[str, Any]) -> TokenizerSettings:
    """Read tokenizer.json's surroundings in `folder`.

    `config` is config.json, `module` is sentence_bert_config.json (empty for a plain transformers model).
    Raises ModelError where there is no tokenizer.json, or where a file is damaged.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelError(
            f"The model in {folder} has no tokenizer.json, which advisor needs to tokenise without transformers.",
            hint='Write one with: python -c "from transformers import AutoTokenizer as T; '
            f"T.from_pretrained('{folder}').save_pretrained('{folder}')\"",
        )
    overrides = first_of(module, "tokenizer_args", "processor_kwargs") or {}  # the old name counts where both are there
    stored = {**read_object(folder / "special_tokens_map.json", optional=True)}
    stored |= read_object(folder / "tokenizer_config.json", optional=True)
    settings = {**stored, **overrides}
    tokenizer_class = settings.get("tokenizer_class") or config.get("tokenizer_class")
    if not isinstance(tokenizer_class, str):
        tokenizer_class = _CLASS_OF_ARCHITECTURE.get(str(config.get("model_type")), "")
    tokenizer_class = tokenizer_class.removesuffix("Fast")
    return TokenizerSettings(
        file=file,
        max_length=_max_length(folder, config=config, module=module, stored=stored, overrides=overrides),
        pad_token_id=config.get("pad_token_id") if isinstance(config.get("pad_token_id"), int) else None,
        pad_token=_token(settings.get("pad_token")),
        padding_side=None if settings.get("padding_side") is None else _side(settings["padding_side"]),
        default_padding_side="left" if tokenizer_class in _LEFT_PADDED_CLASSES else "right",
        truncation_side=_side(settings.get("truncation_side") or "right"),
        lower_case=bool(module.get("do_lower_case", False)),
        bert=_bert(settings) if tokenizer_class in _BERT_CLASSES else None,
        metaspace_words=tokenizer_class == "XLMRobertaTokenizer",
    )


def _max_length(
    folder: Path,
    *,
    config: Mapping[str, Any],
    module: Mapping[str, Any],
    stored: Mapping[str, Any],
    overrides: Mapping[str, Any],
) -> int | None:
    """The module's own limit, else the smaller of the tokenizer's and the model's, as Sentence Transformers does."""
    explicit = first_of(overrides, "model_max_length") or module.get("max_seq_length")
    if explicit is not None:
        return positive_int(explicit, name="max_seq_length", path=folder / "sentence_bert_config.json")
    limits = []
    from_tokenizer = stored.get("model_max_length")
    if isinstance(from_tokenizer, int | float) and 0 < from_tokenizer < _UNLIMITED:
        limits.append(int(from_tokenizer))
    positions = first_of(config, "max_position_embeddings", "n_positions")
    if isinstance(positions, int) and positions > 0:
        limits.append(positions)
        if config.get("model_type") in _OFFSET_POSITIONS:
            # Sentence Transformers itself would fail with an index error between this limit and the one above.
            pad = config.get("pad_token_id", 1)
            limits.append(positions - (pad if isinstance(pad, int) else 1) - 1)
    return min(limits, default=None)


def _bert(settings: Mapping[str, Any]) -> BertNormalization:
    strip = settings.get("strip_accents")
    return BertNormalization(
        lowercase=bool(settings.get("do_lower_case", True)),
        strip_accents=None if strip is None else bool(strip),
        handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
    )


def _token(value: Any) -> str | None:
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else None


def _side(value: object) -> Side:
    return "left" if value == "left" else "right"
