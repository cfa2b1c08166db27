"""A model's folder -> the pipeline that Sentence Transformers would run, read without torch.

Old and new names of modules and keys are both read (Sentence Transformers 2 to 6). What is not known is refused by
name: a module that is skipped would give embeddings that look right and are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from advisor.encode.files import first_of, positive_int, read_object
from advisor.encode.module_list import Module, check_modules, kind_of, list_modules, needs_no_backend
from advisor.encode.pipeline import (
    Activation,
    Dense,
    Embeddings,
    Head,
    Normalize,
    Pipeline,
    Pooling,
    PoolingMode,
    Splade,
)
from advisor.encode.score_head import read_scores
from advisor.encode.tokenizer_settings import read_tokenizer_settings
from advisor.errors import ModelError
from advisor.types import ModelKind, Similarity

OLD_POOLING_KEYS: Mapping[str, PoolingMode] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""In the order in which Sentence Transformers concatenates them (`_LEGACY_POOLING_MODE_KWARGS`)."""

_TASKS: Mapping[ModelKind, tuple[str, str, str, str]] = {
    "embedding": ("feature-extraction", "last_hidden_state", "token_embeddings", "the token embeddings of texts"),
    "cross-encoder": ("sequence-classification", "logits", "scores", "the scores of pairs of texts"),
    "sparse-encoder": ("fill-mask", "logits", "token_embeddings", "the logits of every token of texts"),
}
"""What the Transformer module is to do: its task, the output of the transformer, what the module calls it, and what
that is."""

_ACTIVATIONS: Mapping[str, Activation] = {
    "torch.nn.modules.activation.Tanh": "Tanh",
    "torch.nn.modules.activation.ReLU": "ReLU",
    "torch.nn.modules.activation.Sigmoid": "Sigmoid",
    "torch.nn.modules.activation.SiLU": "SiLU",
    "torch.nn.modules.linear.Identity": "Identity",
}

_SPLADE_ACTIVATIONS = ("relu", "log1p_relu")

TRANSFORMER_CONFIGS = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
"""The names that the Transformer's own settings have had; the first that is there counts."""

_UNSUPPORTED_TRANSFORMER_KEYS = (
    "processing_kwargs", "query_length", "document_length", "query_expansion", "tokenizer_name_or_path",
)  # fmt: skip


def read_pipeline(folder: Path) -> Pipeline:
    """Read a Sentence Transformers model, or a plain transformers model as Sentence Transformers would.

    Raises ModelError where a file is missing or damaged, and where a module or setting is not supported, by name.
    """
    modules = list_modules(folder)
    card = read_object(folder / "config_sentence_transformers.json", optional=True)
    kind = kind_of(folder, modules=modules, card=card)
    if modules is not None:
        check_modules(folder, modules, kind)
    transformer_folder = folder if not modules else folder / modules[0].path
    if (transformer_folder / "adapter_config.json").is_file():
        raise ModelError(
            f"The model in {folder} is a PEFT adapter, not a whole model.",
            hint="Merge it first: load it with Sentence Transformers, call "
            "model.transformers_model.merge_and_unload() and save the result.",
        )
    config = read_object(transformer_folder / "config.json")
    architecture = config.get("model_type")
    if not isinstance(architecture, str):
        raise ModelError(f"config.json of the model in {folder} names no model_type.")
    if architecture == "model2vec":
        raise needs_no_backend(folder)
    settings = {} if modules is None else _read_transformer(transformer_folder, kind)
    tokenizer = read_tokenizer_settings(transformer_folder, config=config, module=settings)
    head: Head
    if kind == "cross-encoder":
        head, dimension = read_scores(folder, config=config, card=card), None
    elif kind == "sparse-encoder":
        head, dimension = _read_splade(folder, modules), config.get("vocab_size")
    else:
        head, dimension = _read_embeddings(folder, modules, config)
    return Pipeline(
        folder=folder,
        transformer_folder=transformer_folder,
        architecture=architecture,
        tokenizer=tokenizer,
        head=head,
        **_read_card({} if modules is None else card, folder, kind),
        output_dimension=dimension if isinstance(dimension, int) else None,
    )


def _read_embeddings(
    folder: Path, modules: tuple[Module, ...] | None, config: Mapping[str, Any]
) -> tuple[Embeddings, int | None]:
    """Pooling and what follows it, and the length of an embedding."""
    hidden = first_of(config, "hidden_size", "dim", "d_model", "n_embd")
    if modules is None:
        return Embeddings(pooling=_default_pooling(folder, config), stages=()), hidden
    pooling, dimension = _read_pooling(folder / modules[1].path, hidden)
    stages, dimension = _read_stages(folder, modules[2:], dimension)
    return Embeddings(pooling=pooling, stages=stages), dimension


def _read_splade(folder: Path, modules: tuple[Module, ...] | None) -> Splade:
    """The second module pools (sentence_transformers 6.2 `sparse_encoder/modules/splade_pooling.py`)."""
    if not modules or len(modules) < 2:
        raise ModelError(
            f"The sparse encoder in {folder} has no modules.json, so nothing says how it pools.",
            hint="Load it with Sentence Transformers and save it again.",
        )
    config = read_object(folder / modules[1].path / "config.json")
    strategy, activation = config.get("pooling_strategy", "max"), config.get("activation_function", "relu")
    if strategy not in ("max", "sum") or activation not in _SPLADE_ACTIVATIONS:
        raise ModelError(
            f"The SpladePooling of the model in {folder} is {strategy!r} of {activation!r}, which advisor does not "
            "support.",
            hint=f"Supported are max and sum, of {' and '.join(_SPLADE_ACTIVATIONS)}.",
        )
    return Splade(strategy=strategy, twice=activation == "log1p_relu")


def transformer_config(folder: Path) -> Path | None:
    """The file with the settings of the Transformer module in `folder`; None where it has none."""
    return next((folder / name for name in TRANSFORMER_CONFIGS if (folder / name).is_file()), None)


def _read_transformer(folder: Path, kind: ModelKind) -> dict[str, Any]:
    path = transformer_config(folder)
    settings = {} if path is None else read_object(path)
    for key in _UNSUPPORTED_TRANSFORMER_KEYS:
        if settings.get(key):
            raise ModelError(
                f"The model in {folder} sets {key} in {path and path.name}, which advisor does not support."
            )
    wanted_task, wanted_output, wanted_name, wanted = _TASKS[kind]
    task = settings.get("transformer_task", wanted_task)
    modalities = settings.get("modality_config")
    if modalities is None:
        modalities = {"text": {"method": "forward", "method_output_name": wanted_output}}
    if "message" in modalities:
        raise ModelError(
            f"The model in {folder} puts texts into a chat template (modality 'message'), which is not supported."
        )
    text = modalities.get("text", {})
    output = text.get("method_output_name")
    if (
        task != wanted_task
        or text.get("method") != "forward"
        or output not in (wanted_output, [wanted_output])
        or settings.get("module_output_name", wanted_name) != wanted_name
    ):
        raise ModelError(
            f"The Transformer module of the model in {folder} does not give {wanted} "
            f"(task {task!r}, method {text.get('method')!r}, output {output!r}), which advisor needs."
        )
    return settings


def _default_pooling(folder: Path, config: Mapping[str, Any]) -> Pooling:
    """What Sentence Transformers gives a plain transformers model (`_load_default_modules`)."""
    tokenizer_config = read_object(folder / "tokenizer_config.json", optional=True)
    if tokenizer_config.get("chat_template") or (folder / "chat_template.jinja").is_file():
        raise ModelError(
            f"The model in {folder} is not a Sentence Transformers model and has a chat template, which advisor does "
            "not support."
        )
    architectures = config.get("architectures") or [""]
    causal = str(architectures[0]).endswith("ForCausalLM") and bool(config.get("is_causal", True))
    return Pooling(modes=("lasttoken" if causal else "mean",), include_prompt=True)


def _read_pooling(folder: Path, hidden: Any) -> tuple[Pooling, int | None]:
    path = folder / "config.json"
    config = read_object(path)
    named = config.get("pooling_mode")
    if named is None:
        named = [mode for key, mode in OLD_POOLING_KEYS.items() if config.get(key, False)] or ["mean"]
    modes = tuple([named] if isinstance(named, str) else named)
    known = tuple(mode for mode in modes if mode in OLD_POOLING_KEYS.values())
    if known != modes or not modes:
        raise ModelError(
            f"The pooling mode {named!r} of the model in {folder.parent} is not supported.",
            hint=f"Supported are {', '.join(OLD_POOLING_KEYS.values())}.",
        )
    width = first_of(config, "embedding_dimension", "word_embedding_dimension") or hidden
    dimension = None if width is None else len(modes) * positive_int(width, name="embedding_dimension", path=path)
    return Pooling(modes=known, include_prompt=bool(config.get("include_prompt", True))), dimension


def _read_stages(
    folder: Path, modules: tuple[Module, ...], dimension: int | None
) -> tuple[tuple[Dense | Normalize, ...], int | None]:
    stages: list[Dense | Normalize] = []
    for module in modules:
        path = folder / module.path / "config.json"
        config = read_object(path, optional=module.name == "Normalize")
        for key in ("module_input_name", "module_output_name"):
            if config.get(key) not in (None, "sentence_embedding"):
                raise ModelError(
                    f"The module {module.name} of the model in {folder} works on {config[key]}, which advisor does not "
                    "support: it knows sentence_embedding."
                )
        if module.name == "Normalize":
            stages.append(Normalize())
            continue
        dense = _read_dense(path, config)
        if dimension is not None and dense.in_features != dimension:
            raise ModelError(
                f"The Dense module in {path.parent} takes {dense.in_features} numbers, but gets {dimension} from the "
                "module before it."
            )
        dimension = dense.out_features
        stages.append(dense)
    return tuple(stages), dimension


def _read_dense(path: Path, config: Mapping[str, Any]) -> Dense:
    named = config.get("activation_function", "torch.nn.modules.activation.Tanh")
    activation = _ACTIVATIONS.get(named) if isinstance(named, str) else None
    if activation is None:
        raise ModelError(
            f"The Dense module in {path.parent} has the activation function {named!r}, which advisor does not support.",
            hint=f"Supported are {', '.join(_ACTIVATIONS.values())}.",
        )
    weights = path.parent / "model.safetensors"
    if not weights.is_file():
        pickled = (path.parent / "pytorch_model.bin").is_file()
        raise ModelError(
            f"The Dense module in {path.parent} has no model.safetensors"
            + (", only a pickled pytorch_model.bin, which advisor does not open." if pickled else "."),
            hint="Load the model with Sentence Transformers and save it again." if pickled else "Download it again.",
        )
    return Dense(
        in_features=positive_int(config.get("in_features"), name="in_features", path=path),
        out_features=positive_int(config.get("out_features"), name="out_features", path=path),
        activation=activation,
        use_residual=bool(config.get("use_residual", False)),
        weights=weights,
    )


def _read_card(card: Mapping[str, Any], folder: Path, kind: ModelKind) -> dict[str, Any]:
    """The fields of Pipeline that config_sentence_transformers.json gives, with Sentence Transformers' defaults."""
    stored = card.get("prompts") or {}
    prompts = {"query": "", "document": ""} | {str(name): str(text or "") for name, text in stored.items()}
    default = card.get("default_prompt_name")
    if default is not None and default not in prompts:
        raise ModelError(
            f"The model in {folder} names the default prompt {default!r}, but has only {', '.join(prompts)}."
        )
    similarity = card.get("similarity_fn_name")
    if similarity not in get_args(Similarity):
        similarity = "dot" if kind == "sparse-encoder" else "cosine"
    return {
        "prompts": prompts,
        "default_prompt_name": default,
        "similarity": similarity,
        "truncate_dim": card.get("truncate_dim"),
        "max_active_dims": card.get("max_active_dims"),
    }
