"""The artifact's README."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import factories
import pytest

from advisor import catalogue
from advisor.document import from_dict, to_dict
from advisor.report.lengths import crossover
from advisor.report.markdown import command, to_markdown
from advisor.report.privacy import without_paths
from advisor.rules import load_ruleset, to_mermaid
from advisor.types import Gpu, Recommendation, Request, RuntimeSettings
from advisor.whatif import LengthBest

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
    assert "batch_size" not in markdown, "Sentence Transformers' default"


def test_a_torch_winner_with_larger_batches_says_so() -> None:
    rec = factories.keep_baseline()
    settings = RuntimeSettings(threads=2, dtype="float32", batch_size=256, device="cuda")
    winner = next(each for each in rec.candidates if each.name == rec.winner)
    rec = replace(
        rec, candidates=tuple(replace(each, settings=settings) if each is winner else each for each in rec.candidates)
    )
    assert "   )\n   # call it with batch_size=256\n" in to_markdown(rec)


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


def test_the_command_that_asks_again_asks_for_the_same_candidates_in_the_same_time() -> None:
    request = Request(threads=2, candidates=("onnx", "onnx-qint8"), skip=("onnx-O2",), time_budget_s=300.0)
    again = command(replace(factories.confirmed(), request=request))
    assert "--candidates onnx,onnx-qint8 --skip onnx-O2 --time-budget 5m" in again
    read = from_dict(json.loads(json.dumps(to_dict(replace(factories.confirmed(), request=request)))))
    assert read.request == request


def test_the_device_is_told_where_there_is_a_choice() -> None:
    plain = factories.confirmed()
    gpu = replace(plain.hardware, gpus=(Gpu(kind="cuda", name="Tesla T4"),))
    for device in ("cuda", "cpu"):
        rec = replace(plain, hardware=gpu, request=replace(plain.request, device=device))
        assert f"--device {device}" in command(rec)
        assert f"- device: {device}\n" in to_markdown(rec)
    unasked = replace(plain, request=replace(plain.request, device="cpu"))
    assert "--device" not in command(unasked)
    assert "- device:" not in to_markdown(unasked)


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


def test_the_flowchart_is_drawn_in_mermaid_with_the_path_taken() -> None:
    rec = factories.confirmed()
    markdown = to_markdown(rec)
    (chart,) = re.findall(r"^```mermaid\n(.*?)^```", markdown, flags=re.MULTILINE | re.DOTALL)
    assert chart == to_mermaid(load_ruleset("sbert-2024"), rec.decision)
    assert "linkStyle" in chart
    assert "- Do you have a GPU? **CPU** (no GPU found)" in markdown


def test_a_ruleset_that_is_not_packaged_is_told_as_a_path_and_asked_for_as_a_file() -> None:
    rec = replace(factories.confirmed(), decision=factories.decision(ruleset="our-own"))
    markdown = to_markdown(rec)
    assert "```mermaid" not in markdown
    assert "- our-own recommends `openvino-qint8`" in markdown
    assert command(rec).endswith("--ruleset our-own.toml")


def test_a_ruleset_of_ones_own_is_drawn_where_it_is_given(tmp_path: Path) -> None:
    own = tmp_path / "our-own.toml"
    packaged = Path(__file__).parents[1] / "rules" / "sbert-2024.toml"
    own.write_text(packaged.read_text(encoding="utf-8"), encoding="utf-8")
    rec = replace(factories.confirmed(), decision=factories.decision(ruleset="our-own"))
    assert "```mermaid" in to_markdown(rec, ruleset=load_ruleset(str(own)))


def test_it_says_what_would_change_the_answer() -> None:
    markdown = to_markdown(factories.overturned())
    assert "- With a loss budget of 1.23% or more the winner would be openvino-qint8." in markdown
    assert "- sbert-2026 picks onnx-O3 instead: not tried here." in markdown


def test_a_candidate_that_was_cut_is_named_where_it_looked_better_than_the_next_winner() -> None:
    rec = factories.confirmed()
    cut = replace(rec.candidates[1], status="cut", reason="cut after 6 rounds: 1.4x slower than openvino-qint8")
    markdown = to_markdown(replace(rec, candidates=(rec.candidates[0], cut, *rec.candidates[3:])))
    assert (
        "- With a loss budget under 0.08% the winner would be torch-fp32. openvino-bf16 looked better than that when "
        "cut, and would have to be measured again."
    ) in markdown
    twice = replace(rec.candidates[2], status="cut", reason="cut", findings=cut.findings)
    markdown = to_markdown(replace(rec, candidates=(rec.candidates[0], cut, twice, *rec.candidates[3:])))
    assert "openvino-bf16 and onnx-qint8 looked better than that when cut" in markdown


def test_what_would_change_the_answer_of_an_unfinished_run_speaks_of_what_was_tried() -> None:
    rec = factories.unfinished()
    markdown = to_markdown(rec)
    assert (
        "**openvino-qint8**: 6.3x faster than torch-fp32 (95% CI 6.1-6.5), the fastest of the 4 that there" in markdown
    )
    assert "- screen: 1 candidate predicted from 1 and 3 of 12 layers; the baseline's own time was missed" in markdown
    assert "| x | `onnx-qint8` |  |  |  |  |  |  | cut: 1.8x slower than openvino-qint8, predicted from" in markdown
    assert (
        "- With a loss budget under 0.08% the winner would be openvino-bf16, of those that were tried.\n"
    ) in markdown
    lossy = tuple(each for each in rec.candidates if each.name in {"openvino-qint8", "onnx"})
    assert "under 0.08% no candidate that was tried would pass." in to_markdown(replace(rec, candidates=lossy))


def test_a_candidate_that_a_prediction_cut_is_named_where_it_looked_better_than_the_next_winner() -> None:
    rec = factories.unfinished()
    without = tuple(each for each in rec.candidates if each.name != "openvino-bf16")
    said = "onnx-qint8 looked better than that when cut, and would have to be measured again."
    assert said in to_markdown(replace(rec, candidates=without))
    request = replace(rec.request, objective="memory")
    assert said not in to_markdown(replace(rec, candidates=without, request=request)), "a speed says nothing of memory"


def test_speed_by_length_has_its_crossover_in_words_and_in_a_table() -> None:
    markdown = to_markdown(factories.detailed())
    assert "Up to 127 characters openvino-qint8, from 128 on openvino-bf16, in texts/s:" in markdown
    assert "| 128 and more | 4% | 624 | **736** | 512 | 160 |" in markdown
    assert "Speed by length" not in to_markdown(factories.confirmed())


@pytest.mark.parametrize(
    ("winners", "said"),
    [
        ((), ""),
        (("a", "a", "a"), "a is the best at every length"),
        (("a", "a", "b"), "up to 127 characters a, from 128 on b"),
        (("a", "b", "c"), "up to 63 characters a, from 64 to 127 b, from 128 on c"),
        (("a", "b", "a"), "up to 63 characters a, from 64 to 127 b, from 128 on a"),
    ],
)
def test_crossovers_in_words(winners: tuple[str, ...], said: str) -> None:
    spans = ((0, 63), (64, 127), (128, None))
    found = tuple(
        LengthBest(min_chars=low, max_chars=high, share=1 / 3, candidate=name, tied=())
        for (low, high), name in zip(spans, winners, strict=False)
    )
    assert crossover(found) == said


def test_a_tie_at_a_length_is_told() -> None:
    tied = LengthBest(min_chars=0, max_chars=63, share=0.5, candidate="a", tied=("b",))
    clear = LengthBest(min_chars=64, max_chars=None, share=0.5, candidate="a", tied=())
    assert crossover((tied, clear)) == "a is the best at every length, with b within noise of it"


def test_a_labelled_loss_stands_with_its_figures_its_interval_and_the_budget_and_old_vectors_are_advised_on() -> None:
    markdown = to_markdown(factories.labelled())
    assert (
        "- accuracy: -0.11% (95% CI -0.31..+0.09), measured on your labels (nDCG@10 over 300 queries and 5,000 "
        "documents: 64.14 against 64.21), budget 0.40%"
    ) in markdown
    assert "- accuracy: -0.08% (95% CI -0.15..-0.02) by the estimate that needs no labels" in markdown
    assert "94.3% of the 10 nearest neighbours stay on average, and 19 of 20 texts keep 8 or more" in markdown
    assert (
        "- old index: embed everything anew, do not mix with vectors of torch-fp32: -0.61% (95% CI -0.92..-0.47) with "
        "half of an index old, budget 0.40%"
    ) in markdown
    assert "- by length: loss at characters 0-63 0.07% (0.02% to 0.16%), 64 and more 0.12%" in markdown
    assert "--eval scifact" in markdown
    assert "moved.txt" not in markdown
