"""`advisor recommend`: the answer, with evidence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor import catalogue
from advisor.cli import values
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import err, out, write_json
from advisor.errors import InputError, NoCandidateError

if TYPE_CHECKING:
    from advisor.events import Event
    from advisor.types import Recommendation


@click.command("recommend", short_help="Measure, and write the fastest as an artifact.")
@click.argument("model")
@click.option("--texts", metavar="SOURCE", help="Your texts: a file, - for stdin, or hub:owner/name[:config[:split]].")
@click.option("--field", metavar="NAME", help="The column or key that holds the texts.")
@click.option("--max-loss", default="0.4%", show_default=True, metavar="LOSS", help="Acceptable loss: 0.4% or 0.004.")
@click.option(
    "--objective",
    type=click.Choice(["throughput", "latency", "memory"]),
    default="throughput",
    show_default=True,
    help="What the best is best at.",
)
@click.option(
    "--eval",
    "eval_",
    metavar="SOURCE",
    help="Labels to measure the loss on: pairs, triplets, a BEIR folder or hub:owner/name.",
)
@click.option("--eval-field", metavar="A,B,C", help="The columns of the labels: two texts and the score.")
@click.option("--candidates", metavar="A,B", help="Try only these, beside the baseline.")
@click.option("--skip", metavar="A,B", help="Do not try these.")
@click.option("--threads", type=int, metavar="N", help="Threads for every runtime; all usable cores by default.")
@click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1 or mps; a GPU by default where there is one.")
@click.option(
    "--time-budget", default="90s", show_default=True, metavar="TIME", help="For exporting and measuring: 90s, 3m, 1h."
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the sample and the order.")
@click.option("--ruleset", default="sbert-2024", show_default=True, metavar="NAME|FILE", help="The rules to check.")
@click.option(
    "--exporter",
    type=click.Choice(["native", "optimum"]),
    help="Whose tools make the files; by default those that go with what is installed.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to write; advisor-out/MODEL.")
@click.option("--dry-run", is_flag=True, help="Say what would be tried, and stop before the first export.")
@click.option("--fresh", is_flag=True, help="Export and measure anew, whatever the cache holds.")
@click.option("--offline", is_flag=True, help="Use what is on this machine; ask no hub.")
@click.option("--strict", is_flag=True, help="Exit with 1 where the result is inconclusive.")
@click.option("--trust-remote-code", is_flag=True, help="Run Python code that comes with the model.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print the artifact's path alone; with --dry-run, the names.")
@shared_options
@click.pass_obj
def command(
    session: Session,
    /,
    model: str,
    eval_: str | None,
    time_budget: str,
    max_loss: str,
    candidates: str | None,
    skip: str | None,
    threads: int | None,
    dry_run: bool,
    strict: bool,
    as_json: bool,
    quiet: bool,
    **asked: Any,
) -> None:
    """Measure which backend runs MODEL fastest here, and write it as an artifact.

    MODEL is a folder, a Hugging Face id, or `demo`.
    """
    if eval_ is None and asked["eval_field"] is not None:
        raise InputError("--eval-field names columns, but no --eval was given:", hint="add --eval SOURCE.")
    asked["eval"] = eval_
    asked["time_budget_s"] = values.time_budget(time_budget)
    asked["max_loss"] = values.max_loss(max_loss)
    asked["candidates"] = None if candidates is None else values.candidates(candidates, option="--candidates")
    asked["skip"] = () if skip is None else values.candidates(skip, option="--skip")
    asked["threads"] = None if threads is None else values.threads(threads, logical_cpus=os.cpu_count() or 1)

    catalogue.candidates()  # what it warns of must not fall into the line that is redrawn
    from advisor.api import recommend
    from advisor.events import Finished, RulesDecided
    from advisor.report.text import answer, plan

    session.after_interrupt = "exports and rounds are kept; the same command goes on from there"
    tried: list[str] = []
    with _listener(session, quiet=quiet, time_budget_s=asked["time_budget_s"]) as progress:

        def on_event(event: Event) -> None:
            if isinstance(event, RulesDecided):
                tried.extend(event.candidates)
            if progress is not None and not (dry_run and isinstance(event, Finished)):  # the plan is the answer
                progress(event)

        recommendation = recommend(model, dry_run=dry_run, on_event=on_event, **asked)
    if as_json:
        write_json(recommendation.to_dict())
    elif quiet and dry_run:
        click.echo("\n".join(tried))
    elif quiet:
        if recommendation.artifact is not None:
            click.echo(str(recommendation.artifact.path))
    else:
        stream = out(session)
        if dry_run:
            stream.print(plan(recommendation, tried, width=stream.width))
        else:
            stream.print(answer(recommendation, width=stream.width))
    if not dry_run:
        _judge(recommendation, strict=strict)


def _listener(
    session: Session, *, quiet: bool, time_budget_s: float
) -> AbstractContextManager[Callable[[Event], None] | None]:
    if quiet:
        return contextlib.nullcontext()
    from advisor.cli.progress import Progress

    return Progress(err(session), verbose=session.verbose, time_budget_s=time_budget_s)


def _judge(rec: Recommendation, *, strict: bool) -> None:
    """Raise where there is no answer, after what is known has been printed."""
    if rec.winner is None:
        raise NoCandidateError(
            rec.why or "No candidate meets the constraints.", hint="The table says why; --max-loss allows more."
        )
    if strict and rec.verdict == "inconclusive":
        raise NoCandidateError(
            f"The result is inconclusive, and --strict was given: {rec.why}",
            hint="Close other jobs and run the same command again: exports are cached.",
        )
