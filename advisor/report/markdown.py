"""The artifact's README.md: what it holds, why, how to load it, and how it was measured. Pure.

It holds no text of the user's and no absolute path. Its front matter is a Hugging Face model card's
(https://huggingface.co/docs/hub/model-cards#model-card-metadata), so the folder can be pushed as it is.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

from advisor import catalogue, defaults
from advisor.export.plan import TORCH_BATCH_SIZE
from advisor.paths import MANIFEST
from advisor.report import format as fmt
from advisor.report import losses, steps, verdict
from advisor.report.flips import flips
from advisor.report.lengths import sentence, span
from advisor.report.loading import model_kwargs
from advisor.report.points import documented
from advisor.report.privacy import without_paths
from advisor.report.rulebook import ruleset_of
from advisor.report.table import LEGEND, columns, folded_notes, rows
from advisor.report.words import described, words
from advisor.rules import Ruleset, available_rulesets, to_mermaid
from advisor.types import Outcome, Recommendation, RuntimeSettings
from advisor.whatif import best_by_length, timed_by_length


def to_markdown(rec: Recommendation, *, ruleset: Ruleset | None = None) -> str:
    """The README of the artifact that `rec` wrote, or the report of a run that wrote none.

    `ruleset` is the one that made the decision; without it the packaged one of that name is drawn, or none.
    """
    winner = verdict.winner_of(rec)
    sections = [
        _front_matter(rec, winner),
        _what(rec, winner),
        "" if winner is None else _loading(rec, winner),
        _table(rec),
        _warnings(rec),
        _rules(rec, ruleset),
        _flips(rec),
        _by_length(rec),
        _found(rec),
        _method(rec),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def command(rec: Recommendation) -> str:
    """The command that asks the same question again."""
    revision = rec.model.revision
    parts = ["advisor", "recommend", rec.model.id if revision is None else f"{rec.model.id}@{revision}"]
    if not rec.texts.builtin:
        parts += ["--texts", without_paths(rec.texts.source)]
        if rec.texts.field is not None:
            parts += ["--field", rec.texts.field]
    if rec.labels is not None:
        parts += ["--eval", without_paths(rec.labels.source)]
        if rec.request.label_field is not None:
            parts += ["--eval-field", rec.request.label_field]
    parts += ["--max-loss", fmt.budget(rec.request.max_loss), "--objective", rec.request.objective]
    parts += ["--threads", str(rec.request.threads), "--seed", str(rec.request.seed)]
    if rec.hardware.gpus and rec.request.device is not None:
        parts += ["--device", rec.request.device]
    if rec.request.candidates is not None:
        parts += ["--candidates", ",".join(rec.request.candidates)]
    if rec.request.skip:
        parts += ["--skip", ",".join(rec.request.skip)]
    if rec.request.time_budget_s != defaults.TIME_BUDGET_S:
        parts += ["--time-budget", fmt.seconds(rec.request.time_budget_s)]
    if any(package.name.startswith("optimum-") and package.version for package in rec.packages):
        parts += ["--exporter", rec.request.exporter]
    packaged = rec.decision.ruleset in available_rulesets()
    parts += ["--ruleset", rec.decision.ruleset if packaged else f"{rec.decision.ruleset}.toml"]
    return shlex.join(parts)


def _front_matter(rec: Recommendation, winner: Outcome | None) -> str:
    said = words(rec.model)
    tags = ["sentence-transformers", *said.tags, "backend-advisor"]
    if winner is not None:
        tags.append(catalogue.get(winner.name).runtime)
    lines = ["library_name: sentence-transformers", f"pipeline_tag: {said.pipeline_tag}", "tags:"]
    lines += [f"- {tag}" for tag in tags]
    if re.fullmatch(r"[\w.-]+/[\w.-]+", rec.model.id):
        lines.append(f"base_model: {rec.model.id}")
    return "\n".join(["---", *lines, "---"])


def _what(rec: Recommendation, winner: Outcome | None) -> str:
    top = verdict.headline(rec)
    title = f"# {rec.model.id}, {winner.name}" if winner is not None else f"# {rec.model.id}"
    source = ", measured on the machine described below" if top.source else ""
    bullets = [f"- {point.label}: {without_paths(point.value)}" for point in documented(rec)]
    if winner is not None and winner.file is not None:
        size = "" if winner.size_bytes is None else f" ({fmt.size(winner.size_bytes)})"
        bullets.append(f"- file: `{winner.file}`{size}")
    bullets += [f"- {without_paths(note)}" for note in (winner.notes if winner is not None else ())]
    return "\n".join([title, "", f"**{top.name}**: {without_paths(top.sentence)}{source}.", "", *bullets])


def _loading(rec: Recommendation, winner: Outcome) -> str:
    runtime = catalogue.get(winner.name).runtime
    extra = "profile" if runtime == "torch" else runtime
    needs = (
        "Sentence Transformers" if runtime == "torch" else f"numpy, tokenizers and {_RUNTIME_NAMES[runtime]}, no torch"
    )
    lines = [
        "## How to load it",
        "",
        f"1. With advisor, which needs {needs} (`pip install 'backend-advisor[{extra}]'`):",
        "",
        "   ```python",
        "   import advisor",
        "",
        '   encoder = advisor.load("path/to/this/folder")',
        f"   {words(rec.model).call}  # {words(rec.model).gives}",
        "   ```",
        "",
    ]
    if runtime == "torch":
        lines += [
            "2. With Sentence Transformers:",
            "",
            "   ```python",
            *sentence_transformers(winner, words(rec.model).class_name),
            "   ```",
        ]
        return "\n".join(lines)
    number = 2
    if rec.model.kind == "embedding":
        lines += [
            "2. As a `SentenceTransformer` of version 6, for what takes one: "
            '`advisor.sentence_transformer("path/to/this/folder")`.',
            "",
            "3. With Sentence Transformers 5.7 and Optimum, without advisor:",
            "",
            "   ```python",
            *sentence_transformers(winner, words(rec.model).class_name),
            "   ```",
            "",
        ]
        number = 4
    lines += [
        f"{number}. In anything that reads {_FORMATS[runtime]} files: `{winner.file}` takes `input_ids`, "
        "`attention_mask` and, where the model has them, `token_type_ids`; its first output is "
        f"{words(rec.model).output.format(rec.model.pooling)}. The tokenizer is `tokenizer.json`.",
    ]
    return "\n".join(lines)


_RUNTIME_NAMES = {"onnx": "ONNX Runtime", "openvino": "OpenVINO", "torch": "PyTorch"}
_FORMATS = {"onnx": "ONNX", "openvino": "OpenVINO IR"}


def sentence_transformers(winner: Outcome, class_name: str) -> list[str]:
    """Lines of Python that load the winner with Sentence Transformers, indented for a list item."""
    runtime = catalogue.get(winner.name).runtime
    options = model_kwargs(runtime, file_name=(winner.file or "").rpartition("/")[2], settings=winner.settings)
    arguments = [] if runtime == "torch" else [f'backend="{runtime}",']
    arguments.append(f"model_kwargs={json.dumps(options)},")
    return [
        f"   from sentence_transformers import {class_name}",
        "",
        f"   model = {class_name}(",
        '       "path/to/this/folder",',
        *(f"       {argument}" for argument in arguments),
        "   )",
        *_batches(winner.settings),
    ]


def _batches(settings: RuntimeSettings | None) -> list[str]:
    """Which batches were measured, where they are not Sentence Transformers' own."""
    size = None if settings is None else settings.batch_size
    return [] if size in (None, TORCH_BATCH_SIZE) else [f"   # call it with batch_size={size}"]


def _table(rec: Recommendation) -> str:
    table = rows(rec)
    figures = columns(rec, table)
    head = ["", "candidate", *(heading for heading, _ in figures), "size", "note"]
    align = ["---", "---", *["---:"] * (len(head) - 3), "---"]
    folded = folded_notes(table)
    body = []
    for index, row in enumerate(table):
        if row.note in folded:
            continue
        outcome = rec.outcome(row.candidate)
        size = "" if outcome is None or outcome.size_bytes is None else fmt.size(outcome.size_bytes)
        mark = {" ": "", ">": "**>**"}.get(row.mark, row.mark)
        body.append([mark, f"`{row.candidate}`", *(cells[index] for _, cells in figures), size, _cell(row.note)])
    together = [f"\n{_cell(shared)}: {', '.join(names)}." for shared, names in folded.items()]
    legend = f"\n{losses.passing(rec)} {LEGEND.replace('> winner', '`>` winner')}."
    return _section("All candidates", [*_rows(head, align, *body), *together, legend])


def _warnings(rec: Recommendation) -> str:
    return _section("Warnings", [f"- {without_paths(fmt.one_line(message))}" for message in rec.warnings])


def _rules(rec: Recommendation, ruleset: Ruleset | None) -> str:
    lines = [
        f"- {without_paths(step.question)} **{without_paths(step.answer)}** ({without_paths(step.evidence)})"
        for step in rec.decision.path
    ]
    lines.append(f"- {rec.decision.ruleset} recommends `{rec.decision.recommendation}`")
    book = ruleset_of(rec.decision, given=ruleset)
    if book is not None:
        lines += ["", "```mermaid", to_mermaid(book, rec.decision).rstrip("\n"), "```"]
    return _section("What the rules say", lines)


def _flips(rec: Recommendation) -> str:
    return _section("What would change the answer", [f"- {without_paths(each)}" for each in flips(rec)])


def _by_length(rec: Recommendation) -> str:
    best = best_by_length(rec.candidates, rec.request)
    if not best:
        return ""
    shown = timed_by_length(rec.candidates, rec.request)
    body = []
    for bucket in best:
        speeds = {
            outcome.name: speed.texts_per_s.median
            for outcome in shown
            for speed in outcome.by_length
            if speed.min_chars == bucket.min_chars
        }
        figures = [
            ""
            if (value := speeds.get(each.name)) is None
            else f"**{fmt.rate(value)}**"
            if each.name == bucket.candidate
            else fmt.rate(value)
            for each in shown
        ]
        body.append([span(bucket.min_chars, bucket.max_chars), fmt.share(bucket.share), *figures])
    head = ["characters", f"share of the {words(rec.model).items}", *(f"`{each.name}`" for each in shown)]
    align = ["---", *["---:"] * (len(head) - 1)]
    said = f"{sentence(best)}, in {words(rec.model).rate}:"
    return _section("Speed by length", [said, "", *_rows(head, align, *body)])


def _found(rec: Recommendation) -> str:
    source = "the built-in sample" if rec.texts.builtin else f"`{without_paths(rec.texts.source)}`"
    packages = ", ".join(f"{package.name} {package.version}" for package in rec.packages if package.version is not None)
    entries: Sequence[tuple[str, str]] = (
        ("model", f"{rec.model.id} ({described(rec.model)})"),
        ("revision", rec.model.revision or ""),
        ("machine", steps.machine(rec.hardware)),
        ("threads", str(rec.request.threads)),
        ("device", (rec.request.device or "") if rec.hardware.gpus else ""),
        (words(rec.model).items, f"{source}, {steps.texts(rec.texts)}"),
        ("rules", steps.rules(rec.decision)),
        ("exporter", "Optimum" if rec.request.exporter == "optimum" else ""),
        ("packages", packages),
        ("measured", f"{rec.created} with advisor {rec.advisor_version}"),
    )
    return _section("What was found", [f"- {label}: {value}" for label, value in entries if value])


def _method(rec: Recommendation) -> str:
    rounds = max((each.timing.rounds for each in rec.candidates if each.timing is not None), default=0)
    timed = f"in up to {fmt.plural(rounds, 'round')} " if rounds else ""
    lines = [
        f"Each candidate ran in a process of its own, {timed}interleaved with the others, on the same texts and "
        f"threads; a speedup is the median of its ratios to {rec.baseline} over the rounds, with its 95% confidence "
        "interval.",
        *losses.explained(rec),
        "The numbers hold for this machine and these texts. To ask again:",
        "",
        "```sh",
        command(rec),
        "```",
        "",
        f"`advisor verify path/to/this/folder` checks every file and compares {words(rec.model).made} with those in "
        f"`{MANIFEST}`.",
    ]
    return _section("How it was measured", lines)


def _section(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {heading}", "", *lines]) if lines else ""


def _rows(*rows: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in rows]


def _cell(text: str) -> str:
    return without_paths(text).replace("|", "\\|")
