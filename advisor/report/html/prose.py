"""The parts of the page that are words: the answer, the machine, the method and its limits. Pure."""

from __future__ import annotations

from advisor import catalogue, objectives
from advisor.report import format as fmt
from advisor.report import losses, steps, verdict
from advisor.report.facts import value_of
from advisor.report.html.markup import Markup, join, tag
from advisor.report.html.tables import items, paragraph, section, table, terms
from advisor.report.markdown import command, sentence_transformers
from advisor.report.points import documented
from advisor.report.words import described, words
from advisor.types import Outcome, Recommendation

FOLDER = "path/to/this/folder"


def answer(rec: Recommendation) -> Markup:
    """The verdict, its figures, and how to use it."""
    top = verdict.headline(rec)
    winner = verdict.winner_of(rec)
    between = ": " if winner is not None else " "
    name = tag("span", top.name, class_="answer" if winner is not None else "answer none")
    title = tag("h1", name, tag("span", between, class_="unseen"), tag("span", top.sentence, class_="gain"))
    source = "the built-in sample" if rec.texts.builtin else rec.texts.source
    entries = [
        *((point.label, point.value) for point in documented(rec)),
        (words(rec.model).items, f"{source}, {steps.texts(rec.texts)}"),
        ("machine", steps.machine(rec.hardware)),
    ]
    made = f"{rec.model.id}, measured {_date(rec.created)}" if top.source else f"{rec.model.id}, {_date(rec.created)}"
    return tag("header", paragraph(made, kind="eyebrow"), title, terms(entries), _usage(rec, winner))


def warnings(rec: Recommendation) -> Markup | None:
    """What the reader should know before trusting the figures; None where there is nothing."""
    return section("warnings", "Warnings", items([fmt.one_line(each) for each in rec.warnings]), kind="warnings")


def environment(rec: Recommendation) -> Markup:
    """The machine with the source of each fact, the model, the texts and the packages."""
    entries = [
        ("model", f"{rec.model.id}: {described(rec.model)}"),
        ("revision", rec.model.revision or ""),
        ("machine", steps.machine(rec.hardware)),
        ("threads", f"{rec.request.threads} for every runtime"),
        ("device", (rec.request.device or "") if rec.hardware.gpus else ""),
        ("exporter", "Optimum" if rec.request.exporter == "optimum" else ""),
        ("advisor", rec.advisor_version),
    ]
    packages = [[each.name, each.version or "not installed"] for each in rec.packages]
    facts = [
        [fact.name, value_of(fact), fact.source if fact.note is None else f"{fact.source}: {fact.note}"]
        for fact in rec.hardware.facts
    ]
    machine = table("The machine, each fact with its source", ["fact", "value", "source"], facts, text={1, 2})
    installed = table("Packages", ["package", "version"], packages, text={1})
    return join(
        [
            terms(entries),
            tag("details", tag("summary", "Every fact with its source"), machine) if facts else None,
            tag("details", tag("summary", "Packages"), installed) if packages else None,
        ]
    )


def method(rec: Recommendation) -> Markup:
    """How the figures came about and how far they go, in plain words."""
    said = [
        "Each candidate runs in a process of its own, with the same texts, in the same batches of work, on the same "
        f"{fmt.plural(rec.request.threads, 'thread')}. The candidates take turns in rounds, so that a slow minute of "
        "the machine slows them all.",
        f"A speedup is the median of a candidate's ratios to {rec.baseline} over the rounds; the interval beside it "
        f"holds the true median in 95 of 100 such runs. Gaps of up to {objectives.TIE_MARGIN:.0%}, or within the "
        "intervals, count as ties: then the simpler candidate is kept, then the more accurate one.",
        losses.passing(rec),
        *losses.explained(rec),
    ]
    if rec.measurement is not None:
        said.append(_course(rec))
    return join([*(paragraph(each) for each in said), tag("h3", "Limits"), items(_limits(rec))])


def reproduce(rec: Recommendation) -> Markup:
    """The command that asks again."""
    return join(
        [
            paragraph("The same question, asked again:"),
            _code(command(rec)),
            paragraph("Whether this artifact still gives what it gave when it was written:") if rec.winner else None,
            _code(f"advisor verify {FOLDER}") if rec.winner else None,
        ]
    )


def _usage(rec: Recommendation, winner: Outcome | None) -> Markup | None:
    if winner is None:
        return None
    if winner.name == rec.baseline:
        lines = [
            f"from sentence_transformers import {words(rec.model).class_name}",
            "",
            f"model = {words(rec.model).class_name}({rec.model.id!r})  # as you do today",
        ]
        return _code("\n".join(lines))
    lines = ["import advisor", "", f'encoder = advisor.load("{FOLDER}")', words(rec.model).call]
    if winner.name not in catalogue.names():
        return _code("\n".join(lines))
    torch = catalogue.get(winner.name).runtime == "torch"
    if not torch and rec.model.kind != "embedding":
        return _code("\n".join(lines))
    title = (
        "With Sentence Transformers alone" if torch else "With Sentence Transformers 5.7 and Optimum, without advisor"
    )
    other = "\n".join(each.removeprefix("   ") for each in sentence_transformers(winner, words(rec.model).class_name))
    return join([_code("\n".join(lines)), tag("details", tag("summary", title), _code(other))])


def _code(text: str) -> Markup:
    return tag("pre", tag("code", text), tabindex=0)


def _date(created: str) -> str:
    """`2026-11-23T06:41:00Z` as `2026-11-23, 06:41 UTC`; anything else as it is."""
    day, at, clock = created.partition("T")
    return f"{day}, {clock[:5]} UTC" if at and len(clock) >= 5 else created


def _course(rec: Recommendation) -> str:
    course = rec.measurement
    assert course is not None  # asked only where it is known
    said = f"Measured from {_date(course.started)} on, in {fmt.plural(course.num_rounds, 'round')}"
    if course.num_reused:
        said += f", {fmt.count(course.num_reused)} of them from an earlier run of the same command"
    if course.num_reruns:
        said += f"; run again {fmt.plural(course.num_reruns, 'time')}, for the first result was inconclusive"
    if rec.elapsed_s is not None:
        said += f"; {fmt.duration(rec.elapsed_s)} in all"
    return f"{said}."


def _limits(rec: Recommendation) -> list[str]:
    sampled = f"{fmt.count(rec.texts.num_sampled)} of {fmt.count(rec.texts.num_seen)} texts"
    limits = [
        f"The figures hold for this machine, these packages, {fmt.plural(rec.request.threads, 'thread')} and texts of "
        f"these lengths ({sampled} were sampled, with seed {rec.texts.seed}). Elsewhere, measure again.",
        "Throughput is for many texts that are at hand at once; exporting and loading are not in it.",
    ]
    if rec.texts.builtin:
        limits.append(
            "The texts are the built-in sample, not yours: with your own texts lengths and losses may differ."
        )
    if "estimated" in losses.methods(rec):
        limits.append("An estimated loss is no measured one: labelled data of your own task has the last word.")
    if any(each.status == "cut" for each in rec.candidates):
        limits.append("Candidates that were cut ran fewer rounds, and are not ranked again under another loss budget.")
    if any(each.predicted is not None for each in rec.candidates):
        limits.append("A predicted speedup is no measured one: it rests on copies of the model with few of its layers.")
    winner = verdict.winner_of(rec)
    if winner is not None and winner.name.startswith("onnx-q"):
        limits.append(
            "Dynamic int8 embeddings depend a little on what else is in the batch: its activations are quantised "
            "together."
        )
    return limits
