"""`advisor recommend`: the answer, with evidence."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import click

from advisor import catalogue
from advisor.cli import options, values
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import err, out, write_json
from advisor.errors import InputError, NoCandidateError

if TYPE_CHECKING:
    from advisor.events import Event
    from advisor.types import Recommendation


@click.command("recommend", short_help="Measure, and write the fastest as an artifact.")
@click.argument("model")
@options.question
@options.run
@click.option(
    "--exporter",
    type=click.Choice(["native", "optimum"]),
    help="Whose tools make the files; by default those that go with what is installed.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be tried, and stop before the first export.")
@click.option("--fresh", is_flag=True, help="Export and measure again, whatever the cache holds.")
@options.offline
@click.option("--strict", is_flag=True, help="Exit with 1 where the result is inconclusive.")
@options.trust_remote_code
@options.as_json
@click.option("-q", "--quiet", is_flag=True, help="Print the artifact's path alone; with --dry-run, the names.")
@shared_options
@click.pass_obj
def command(
    session: Session,
    /,
    model: str,
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
    if asked["eval"] is None and asked["eval_field"] is not None:
        raise InputError("--eval-field names columns, but no --eval was given:", hint="add --eval SOURCE.")
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
    progress: Progress | None = None
    if not quiet:
        from advisor.cli.progress import Progress

        progress = Progress(err(session), verbose=session.verbose, time_budget_s=asked["time_budget_s"])
    with progress or contextlib.nullcontext():

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
