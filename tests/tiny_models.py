"""Builders of tiny random Sentence Transformers models, and of their ONNX and OpenVINO graphs.

Everything is made from a configuration and a fixed seed: nothing is downloaded. Used by the tests of several rooms.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Layout = Literal["st6", "st5"]

ARCHITECTURES = ("bert", "mpnet", "xlm-roberta", "roberta", "distilbert", "modernbert")
MORE_ARCHITECTURES = ("electra", "camembert", "deberta-v2", "qwen3")
"""Built for the tests of the encoder alone."""

POOLING_MODES = ("mean", "cls", "max", "lasttoken", "mean_sqrt_len_tokens", "weightedmean")

HIDDEN_SIZE = 32
VOCAB_SIZE = 400

TRAINING_TEXTS = (
    "The committee will publish the report on rivers, lakes and drinking water before the end of the year.",
    "A small dog runs across the green field while two children throw a red ball to each other.",
    "How do I change the battery of my phone, and where can I buy a new one for a fair price?",
    "Prices rose by 3.5 percent in March; economists had expected 2.9 percent, according to a survey.",
    "She plays the violin in an orchestra, he teaches mathematics at the university of the city.",
    "Der schnelle braune Fuchs springt über den faulen Hund. Où est la bibliothèque? ¿Cómo estás?",
    "In computing, a hash table maps keys to values with a function that spreads them over many slots.",
    "Rain is expected in the north, while the south stays dry with temperatures near twenty degrees.",
)

TEXTS = (
    "A small dog runs across the field.",
    "",
    "   leading and trailing spaces   ",
    "How do I change the battery of my phone?",
    "ÜBER den Wolken: naïve café, 東京タワー, Привет мир, 🙂 emoji and\ttabs\nnew lines",
    "one",
    "MIXED Case Text with NUMBERS 3.5 and symbols #$%&",
    " ".join(TRAINING_TEXTS) * 3,
    "The report on rivers and lakes.",
)
"""Texts that a tokenizer can trip over: empty, blank edges, other scripts, control characters, far over the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSpec:
    """A Dense module to add after pooling."""

    out_features: int = 16
    activation: Literal["Tanh", "Identity", "ReLU", "Sigmoid", "SiLU"] = "Tanh"
    bias: bool = True
    use_residual: bool = False


def build(
    folder: Path,
    *,
    architecture: str = "bert",
    pooling: str | tuple[str, ...] = "mean",
    dense: DenseSpec | None = None,
    normalize: bool = False,
    prompts: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    default_prompt_name: str | None = None,
    include_prompt: bool = True,
    do_lower_case: bool = False,
    similarity: str | None = None,
    truncate_dim: int | None = None,
    padding_side: Literal["left", "right"] = "right",
    max_seq_length: int | None = 64,
    layout: Layout = "st6",
    dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    hidden_size: int = HIDDEN_SIZE,
    num_layers: int = 2,
    seed: int = 0,
) -> Path:
    """Save a random model into `folder` (created) and return it.

    `max_seq_length=None` leaves the length to the tokenizer and the configuration. `do_lower_case` lives in
    `sentence_bert_config.json`, where Sentence Transformers 5 and older keep it; it needs `layout="st5"`.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    if do_lower_case and layout != "st5":
        raise ValueError("do_lower_case needs layout='st5': Sentence Transformers 6 does not save it")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as plain:
        build_plain(
            Path(plain),
            architecture=architecture,
            padding_side=padding_side,
            hidden_size=hidden_size,
            num_layers=num_layers,
            seed=seed,
        )
        transformer = Transformer(plain, max_seq_length=max_seq_length)
        modules: list[torch.nn.Module] = [transformer, Pooling(hidden_size, pooling, include_prompt=include_prompt)]
        if dense is not None:
            width = hidden_size * (1 if isinstance(pooling, str) else len(pooling))
            modules.append(
                Dense(
                    width,
                    dense.out_features,
                    bias=dense.bias,
                    activation_function=getattr(torch.nn, dense.activation)(),
                    use_residual=dense.use_residual,
                )
            )
        if normalize:
            modules.append(Normalize())
        model = SentenceTransformer(
            modules=modules,
            device="cpu",
            prompts=dict(prompts) if prompts is not None else None,
            default_prompt_name=default_prompt_name,
            similarity_fn_name=similarity,
            truncate_dim=truncate_dim,
        ).to(getattr(torch, dtype))
        model.save_pretrained(str(folder), create_model_card=False)
    _save_padding_side(folder, padding_side)
    if layout == "st5":
        _to_st5(folder, max_seq_length=max_seq_length, do_lower_case=do_lower_case)
    return folder


def build_plain(
    folder: Path,
    *,
    architecture: str = "bert",
    padding_side: Literal["left", "right"] = "right",
    hidden_size: int = HIDDEN_SIZE,
    num_layers: int = 2,
    seed: int = 0,
) -> Path:
    """Save a random transformers model and its tokenizer into `folder`, without any Sentence Transformers file."""
    import torch
    from transformers import AutoModel

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(architecture)
    config = _config(architecture, len(tokenizer), hidden_size, num_layers, tokenizer.pad_token_id)
    torch.manual_seed(seed)
    model = AutoModel.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():  # the usual initial deviation of 0.02 gives nearly equal embeddings
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _save_padding_side(folder, padding_side)
    return folder


def _save_padding_side(folder: Path, side: str) -> None:
    """transformers 5 does not save it for every tokenizer, and reads it for all."""
    path = folder / "tokenizer_config.json"
    _write(path, {**_read(path), "padding_side": side})


def reference(folder: Path, texts: list[str] | tuple[str, ...], **encode: Any) -> Any:
    """Sentence Transformers' own float32 embeddings, `(num_texts, embedding_dimension)`."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return model.encode(list(texts), **encode)


def to_onnx(model_folder: Path, out: Path, *, with_token_type_ids: bool | None = None) -> Path:
    """Write the model's graph to `out` (a `.onnx` path) and return it.

    Inputs are `input_ids, attention_mask[, token_type_ids]`, output 0 is `last_hidden_state`, batch and length are
    dynamic. PyTorch's TorchScript exporter: the fastest one for tiny models.
    """
    import warnings

    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(model_folder, attn_implementation="eager", dtype=torch.float32).eval()
    types = with_token_type_ids
    if types is None:
        types = getattr(model.config, "type_vocab_size", 0) > 1 and model.config.model_type in ("bert", "electra")

    class Wrapper(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            extra = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            return self.model(input_ids=input_ids, attention_mask=attention_mask, **extra).last_hidden_state

    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
    ids = torch.full((2, 7), 5)
    mask = torch.ones(2, 7, dtype=torch.int64)
    mask[1, 5:] = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Wrapper(),
            (ids, mask, torch.zeros_like(ids))[: len(names)],
            str(out),
            dynamo=False,
            opset_version=17,
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, "last_hidden_state"]},
        )
    return out


def to_openvino(model_folder: Path, out: Path, *, onnx: Path | None = None) -> Path:
    """Write the model's graph in float32 to `out` (a `.xml` path, its `.bin` beside it) and return it."""
    import openvino

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = onnx if onnx is not None else to_onnx(model_folder, Path(scratch) / "model.onnx")
        openvino.save_model(openvino.convert_model(source), out, compress_to_fp16=False)
    return out


@functools.cache
def openvino_has_bf16() -> bool:
    """Whether OpenVINO computes in bfloat16 here: the CPU has it, and nothing keeps oneDNN from it."""
    import openvino

    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in capabilities and "ONEDNN_MAX_CPU_ISA" not in os.environ


def copy(folder: Path, target: Path) -> Path:
    """A copy of a built model, for tests that damage one."""
    shutil.copytree(folder, target)
    return target


def in_a_folder_of_its_own(folder: Path, target: Path) -> Path:
    """A copy with its Transformer in 0_Transformer/, as Sentence Transformers wrote models before version 2."""
    copy(folder, target)
    modules = _read(target / "modules.json")
    rest = {"modules.json", "config_sentence_transformers.json", *(module["path"] for module in modules)}
    moved = [path for path in target.iterdir() if path.name not in rest]
    (target / "0_Transformer").mkdir()
    for path in moved:
        path.rename(target / "0_Transformer" / path.name)
    modules[0]["path"] = "0_Transformer"
    _write(target / "modules.json", modules)
    return target


def _tokenizer(architecture: str) -> Any:
    """A tokenizer of the architecture's own class, trained on `TRAINING_TEXTS`."""
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, processors, trainers

    if architecture in ("albert", "bert", "distilbert", "electra", "mpnet"):
        special = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"] if architecture == "mpnet" else _BERT_SPECIAL
        cls = transformers.MPNetTokenizer if architecture == "mpnet" else transformers.BertTokenizer
        return cls(vocab={token: index for index, token in enumerate([*special, *_word_pieces()])})
    if architecture in ("xlm-roberta", "camembert", "deberta-v2"):
        pieces = [piece for piece in _word_pieces() if not piece.startswith("##")]
        scored = [(piece if len(piece) == 1 else f"▁{piece}", -float(len(piece) == 1) - 5.0) for piece in pieces]
        if architecture == "deberta-v2":
            special = [(token, 0.0) for token in _BERT_SPECIAL]
            return transformers.DebertaV2Tokenizer(vocab=[*special, ("▁", -6.0), *scored])
        cls = transformers.CamembertTokenizer if architecture == "camembert" else transformers.XLMRobertaTokenizer
        return cls(vocab=[*_XLMR_SPECIAL, ("▁", -6.0), *scored, ("<mask>", 0.0)])
    special = {"roberta": _ROBERTA_SPECIAL, "qwen3": ["<|endoftext|>"]}.get(architecture, _BERT_SPECIAL)
    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(TRAINING_TEXTS, trainer)
    if architecture in ("roberta", "qwen3"):
        model = json.loads(raw.to_str())["model"]
        merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]]
        cls = transformers.RobertaTokenizer if architecture == "roberta" else transformers.Qwen2Tokenizer
        return cls(vocab=model["vocab"], merges=merges)
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", raw.token_to_id("[CLS]")), ("[SEP]", raw.token_to_id("[SEP]"))],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
    )


def _word_pieces() -> list[str]:
    """Every second word of the training texts and every character, so that the other words fall into pieces.

    Not trained: the WordPiece and Unigram trainers break ties differently from one process to the next.
    """
    words = sorted({word.strip(".,;?!") for text in TRAINING_TEXTS for word in text.lower().split()})
    characters = sorted(
        {character for text in (*TRAINING_TEXTS, *TEXTS) for character in text.lower() if character > " "}
    )
    pieces = [*characters, *(f"##{character}" for character in characters), *words[::2]]
    return list(dict.fromkeys(piece for piece in pieces if piece))


_BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_XLMR_SPECIAL = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
_ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def _config(architecture: str, vocab_size: int, hidden_size: int, num_layers: int, pad_token_id: int) -> Any:
    import transformers

    shared: dict[str, Any] = {"vocab_size": vocab_size, "pad_token_id": pad_token_id}
    if architecture == "distilbert":
        return transformers.DistilBertConfig(
            **shared,
            dim=hidden_size,
            n_layers=num_layers,
            n_heads=2,
            hidden_dim=2 * hidden_size,
            max_position_embeddings=128,
        )
    shared |= {
        "hidden_size": hidden_size,
        "num_hidden_layers": num_layers,
        "num_attention_heads": 2,
        "intermediate_size": 2 * hidden_size,
    }
    if architecture == "modernbert":
        return transformers.ModernBertConfig(
            **shared,
            max_position_embeddings=128,
            cls_token_id=2,
            bos_token_id=2,
            sep_token_id=3,
            eos_token_id=3,
            local_attention=16,
        )
    if architecture == "qwen3":
        return transformers.Qwen3Config(
            **shared, num_key_value_heads=1, head_dim=hidden_size // 2, max_position_embeddings=128
        )
    # RoBERTa, XLM-R and MPNet number positions from pad_token_id + 1, so 130 of them hold 128 tokens.
    positions = 128 if architecture in ("albert", "bert", "deberta-v2", "electra") else 130
    config = {
        "albert": transformers.AlbertConfig,
        "bert": transformers.BertConfig,
        "camembert": transformers.CamembertConfig,
        "deberta-v2": transformers.DebertaV2Config,
        "electra": transformers.ElectraConfig,
        "mpnet": transformers.MPNetConfig,
        "roberta": transformers.RobertaConfig,
        "xlm-roberta": transformers.XLMRobertaConfig,
    }[architecture]
    if architecture != "mpnet":
        shared["type_vocab_size"] = {"bert": 2, "electra": 2, "deberta-v2": 0}.get(architecture, 1)
    if architecture in ("albert", "electra"):
        shared["embedding_size"] = hidden_size
    return config(**shared, max_position_embeddings=positions)


def _to_st5(folder: Path, *, max_seq_length: int | None, do_lower_case: bool) -> None:
    """Rewrite the configuration files in the words of Sentence Transformers 5."""
    modules = _read(folder / "modules.json")
    for module in modules:
        name = module["type"].rsplit(".", 1)[-1]
        module["type"] = f"sentence_transformers.models.{name}"
        if name == "Pooling":
            path = folder / module["path"] / "config.json"
            pooling = _read(path)
            modes = pooling["pooling_mode"]
            modes = [modes] if isinstance(modes, str) else modes
            _write(
                path,
                {
                    "word_embedding_dimension": pooling["embedding_dimension"],
                    "pooling_mode_cls_token": "cls" in modes,
                    "pooling_mode_mean_tokens": "mean" in modes,
                    "pooling_mode_max_tokens": "max" in modes,
                    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens" in modes,
                    "pooling_mode_weightedmean_tokens": "weightedmean" in modes,
                    "pooling_mode_lasttoken": "lasttoken" in modes,
                    "include_prompt": pooling["include_prompt"],
                },
            )
        if name == "Dense":
            path = folder / module["path"] / "config.json"
            dense = _read(path)
            _write(path, {key: dense[key] for key in ("in_features", "out_features", "bias", "activation_function")})
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_seq_length, "do_lower_case": do_lower_case})


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")


_SHARED = tempfile.TemporaryDirectory(prefix="tiny-models-", ignore_cleanup_errors=True)


@functools.cache
def shared(**options: Any) -> Path:
    """`build(**options)` once a process, into a folder that disappears with it. Read-only: `copy` it to change it."""
    return build(Path(tempfile.mkdtemp(dir=_SHARED.name)) / "tiny", **options)


@functools.cache
def shared_onnx(model_folder: Path) -> Path:
    """`to_onnx` of a model once a process."""
    return to_onnx(model_folder, Path(tempfile.mkdtemp(dir=_SHARED.name)) / "model.onnx")


@functools.cache
def shared_openvino(model_folder: Path) -> Path:
    """`to_openvino` of a model once a process."""
    folder = Path(tempfile.mkdtemp(dir=_SHARED.name))
    return to_openvino(model_folder, folder / "openvino_model.xml", onnx=shared_onnx(model_folder))
