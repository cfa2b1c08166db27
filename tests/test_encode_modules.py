"""A model that advisor cannot reproduce is refused by name, never approximated."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from tiny_models import DenseSpec

from advisor.encode.modules import read_pipeline
from advisor.encode.pipeline import Dense, Embeddings, Normalize, Pipeline
from advisor.errors import ModelError

pytest.importorskip("sentence_transformers", reason="builds the models")


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    document = json.loads(path.read_text())
    changed = change(document)
    path.write_text(json.dumps(document if changed is None else changed))


def rename(index: int, name: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "modules.json", lambda modules: modules[index].update(type=name))


def put(file: str, **values: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / file, lambda document: document.update(values))


def stages_of(pipeline: Pipeline) -> tuple[Dense | Normalize, ...]:
    assert isinstance(pipeline.head, Embeddings)
    return pipeline.head.stages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shared = tiny_models.shared(dense=DenseSpec(), normalize=True)
    return tiny_models.copy(shared, tmp_path / "model")


def test_a_whole_pipeline_is_read(folder: Path) -> None:
    pipeline = read_pipeline(folder)
    assert pipeline.architecture == "bert"
    assert pipeline.head.pooling_name == "mean"
    assert [type(stage) for stage in stages_of(pipeline)] == [Dense, Normalize]
    assert pipeline.embedding_dimension == 16
    assert pipeline.max_seq_length == 64
    assert pipeline.prompts == {"query": "", "document": ""}


MESSAGE = {"message": {"method": "forward", "method_output_name": "last_hidden_state", "format": "flat"}}
POOLER = {"text": {"method": "forward", "method_output_name": "pooler_output"}}


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (rename(0, "sentence_transformers.base.modules.router.Router"), "has the module Router"),
        (rename(0, "sentence_transformers.models.CLIPModel"), "has the module CLIPModel"),
        (rename(0, "sentence_transformers.models.WordEmbeddings"), "has the module WordEmbeddings"),
        (rename(2, "sentence_transformers.models.LayerNorm"), "has the module LayerNorm"),
        (rename(2, "sentence_transformers.models.LSTM"), "has the module LSTM"),
        (rename(1, "custom_st.Pooling"), "has the module custom_st.Pooling"),
        (rename(2, "sentence_transformers.models.Pooling"), "built of Transformer, Pooling, Pooling, Normalize"),
        (lambda f: edit(f / "modules.json", lambda modules: modules[1:]), "built of Pooling, Dense, Normalize"),
        (lambda f: edit(f / "modules.json", lambda modules: modules[:1]), "built of Transformer"),
        (
            lambda f: edit(f / "modules.json", lambda modules: modules[1].update(path="../other")),
            "outside of the model",
        ),
        (lambda f: (f / "modules.json").write_text("{"), "modules.json"),
        (lambda f: (f / "modules.json").write_text("[3]"), "modules.json of the model"),
        (lambda f: (f / "config.json").write_text("{'a'"), "config.json of the model"),
        (lambda f: (f / "config.json").write_text("[]"), "holds a list instead of an object"),
        (lambda f: (f / "config.json").unlink(), "config.json of the model"),
        (lambda f: edit(f / "config.json", lambda config: config.pop("model_type") and None), "names no model_type"),
        (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer.json"),
        (lambda f: (f / "adapter_config.json").write_text("{}"), "PEFT adapter"),
        (put("sentence_bert_config.json", modality_config=MESSAGE), "chat template"),
        (put("sentence_bert_config.json", modality_config=POOLER), "output 'pooler_output'"),
        (put("sentence_bert_config.json", transformer_task="fill-mask"), "task 'fill-mask'"),
        (put("sentence_bert_config.json", query_length=32), "sets query_length in sentence_bert_config.json"),
        (put("sentence_bert_config.json", max_seq_length="long"), "max_seq_length to 'long'"),
        (put("1_Pooling/config.json", pooling_mode="attention"), "pooling mode 'attention'"),
        (put("2_Dense/config.json", activation_function="custom.Swish"), "activation function 'custom.Swish'"),
        (put("2_Dense/config.json", module_input_name="token_embeddings"), "works on token_embeddings"),
        (put("2_Dense/config.json", in_features=99), "takes 99 numbers, but gets 32"),
        (put("2_Dense/config.json", out_features=None), "out_features to None"),
        (lambda f: (f / "2_Dense/model.safetensors").unlink(), "no model.safetensors. Download"),
        (
            lambda f: (f / "2_Dense/model.safetensors").rename(f / "2_Dense/pytorch_model.bin"),
            "only a pickled pytorch_model.bin",
        ),
        (put("config_sentence_transformers.json", default_prompt_name="x"), "names the default prompt 'x'"),
    ],
)
def test_what_is_not_known_is_refused_by_name(folder: Path, damage: Callable[[Path], Any], says: str) -> None:
    damage(folder)
    with pytest.raises(ModelError) as error:
        read_pipeline(folder)
    assert says in str(error.value)


def test_a_plain_model_with_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.build_plain(tmp_path / "plain")
    assert read_pipeline(folder).head.pooling_name == "mean"
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    with pytest.raises(ModelError, match="chat template"):
        read_pipeline(folder)


def test_a_plain_causal_model_takes_its_last_token(tmp_path: Path) -> None:
    folder = tiny_models.build_plain(tmp_path / "plain")
    edit(folder / "config.json", lambda config: config.update(architectures=["TinyForCausalLM"]))
    assert read_pipeline(folder).head.pooling_name == "lasttoken"


def test_dropout_does_nothing_and_is_passed_over(folder: Path) -> None:
    dropout = {"idx": 9, "name": "9", "path": "9_Dropout", "type": "sentence_transformers.models.Dropout"}
    edit(folder / "modules.json", lambda modules: [*modules[:2], dropout, *modules[2:]])
    assert [type(stage) for stage in stages_of(read_pipeline(folder))] == [Dense, Normalize]


@pytest.mark.parametrize(
    "files",
    [
        {"modules.json": [{"path": "0_StaticEmbedding", "type": "sentence_transformers.models.StaticEmbedding"}]},
        {
            "modules.json": [
                {"path": ".", "type": "sentence_transformers.models.StaticEmbedding"},
                {"path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
            ],
            "config.json": {"model_type": "model2vec"},
        },
        {"config.json": {"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True}},
    ],
    ids=["saved by Sentence Transformers", "model2vec with modules", "model2vec alone"],
)
def test_static_embeddings_are_told_that_they_need_no_backend(tmp_path: Path, files: dict[str, Any]) -> None:
    for name, document in files.items():
        (tmp_path / name).write_text(json.dumps(document))
    with pytest.raises(ModelError, match="it has no transformer to run, so it needs no backend") as error:
        read_pipeline(tmp_path)
    assert error.value.exit_code == 3


def test_a_real_static_model_is_one_sentence_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    from advisor.cli import main

    tokenizer = Tokenizer.from_file(str(tiny_models.shared() / "tokenizer.json"))
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    model.save_pretrained(str(tmp_path / "static"), create_model_card=False)
    assert main(["recommend", str(tmp_path / "static"), "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr()
    assert "it needs no backend. Use it with Sentence Transformers as it is." in said.err
    assert [line for line in said.err.splitlines() if "error" in line] == [said.err.splitlines()[-1]]
    assert not (tmp_path / "out").exists()
