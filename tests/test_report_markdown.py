"""The artifact's README."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import factories
import pytest

from advisor import catalogue
from advisor.report.markdown import command, to_markdown, without_paths
from advisor.types import Recommendation, RuntimeSettings

Make = Callable[[], Recommendation]


def code_blocks(markdown: str) -> list[str]:
    """Python blocks, without the indentation of their list item."""
    blocks = re.findall(r"^( *)```python\n(.*?)^ *```", markdown, flags=re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in block.splitlines()) for indent, block in blocks]


@pytest.mark.parametrize("make", factories.EVERY_KIND)
def test_each_snippet_is_python(make: Make) -> None:
    for block in code_blocks(to_markdown(make())):
        ast.parse(block)


def test_it_says_what_won_and_how_to_load_it() -> None:
    markdown = to_markdown(factories.confirmed())
    assert "**openvino-qint8**: 6.3x faster than torch-fp32 (95% CI 6.1-6.5), measured on the machine" in markdown
    assert "advisor.load(" in markdown
    assert 'backend="openvino",' in markdown
    assert '"file_name": "openvino_model_qint8_quantized.xml"' in markdown


def test_openvino_is_given_the_precision_that_was_measured() -> None:
    rec = factories.confirmed()
    settings = RuntimeSettings(threads=2, inference_precision="bf16")
    winner = replace(rec.candidates[0], settings=settings)
    markdown = to_markdown(replace(rec, candidates=(winner, *rec.candidates[1:])))
    assert '"ov_config": {"INFERENCE_PRECISION_HINT": "bf16"}' in markdown


def test_a_torch_winner_is_loaded_with_sentence_transformers() -> None:
    markdown = to_markdown(factories.keep_baseline())
    assert 'model_kwargs={"dtype": "float32"},' in markdown
    assert "no torch" not in markdown


@pytest.mark.parametrize("make", factories.EVERY_KIND)
def test_no_absolute_path_and_no_home_folder_is_in_it(make: Make) -> None:
    rec = make()
    leaky = replace(
        rec,
        warnings=("Cannot read /home/somebody/secret/file.txt at all.",),
        texts=replace(rec.texts, source="/home/somebody/data/tickets.jsonl"),
        candidates=tuple(replace(each, reason="OSError: '/home/somebody/x/model.onnx'") for each in rec.candidates),
    )
    markdown = to_markdown(leaky)
    assert "somebody" not in markdown
    assert "tickets.jsonl" in markdown


def test_paths_are_cut_and_links_and_relative_names_stay() -> None:
    assert without_paths("see /usr/lib/x.so and https://sbert.net/docs/a.html") == (
        "see x.so and https://sbert.net/docs/a.html"
    )
    assert without_paths("onnx/model_O3.onnx") == "onnx/model_O3.onnx"
    assert without_paths("~/data/texts.txt") == "texts.txt"
    assert without_paths("2,579 texts/s and 1/2/3") == "2,579 texts/s and 1/2/3"


def test_every_row_of_the_table_has_as_many_cells_as_its_head() -> None:
    pipe = replace(factories.keep_baseline().candidates[2], reason="a | b")
    rec = replace(factories.confirmed(), candidates=(*factories.confirmed().candidates, pipe))
    table = [line for line in to_markdown(rec).splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert len(table) == len(rec.candidates) + 2


def test_the_command_asks_the_same_question_again() -> None:
    assert command(factories.confirmed()) == (
        "advisor recommend all-MiniLM-L6-v2 --texts tickets.jsonl --field body --max-loss 0.4% "
        "--objective throughput --threads 2 --seed 0 --ruleset sbert-2024"
    )
    assert "--texts" not in command(factories.confirmed(builtin=True))


def test_front_matter_names_the_base_model_only_where_it_is_one_of_the_hub() -> None:
    rec = factories.confirmed()
    assert "base_model" not in to_markdown(rec)
    hub = replace(rec, model=replace(rec.model, id="sentence-transformers/all-MiniLM-L6-v2"))
    assert "base_model: sentence-transformers/all-MiniLM-L6-v2" in to_markdown(hub).split("---")[1]


@pytest.mark.parametrize("name", catalogue.names())
def test_whatever_wins_the_readme_can_be_written(name: str) -> None:
    candidate = catalogue.get(name)
    winner = factories.outcome(name, 900.0, 0.001, precision=candidate.precision, file=candidate.file)
    rec = factories.recommendation((winner,), winner=name, verdict="confirmed", why="")
    markdown = to_markdown(rec)
    assert name in markdown
    for block in code_blocks(markdown):
        ast.parse(block)


def test_the_model_folder_is_not_in_it() -> None:
    rec = factories.confirmed()
    assert rec.model.path == Path("/home/somebody/models/all-MiniLM-L6-v2")
    assert "/home" not in to_markdown(rec)
