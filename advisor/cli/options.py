"""The options that several verbs have, each of them once; their defaults are those of `advisor.defaults`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from advisor import defaults
from advisor.objectives import OBJECTIVES
from advisor.report import format as fmt

Command = TypeVar("Command", bound=Callable[..., Any])

_OBJECTIVE = click.Choice(tuple(OBJECTIVES))
_OBJECTIVE.choices = OBJECTIVES.keys()  # type: ignore[assignment]  # a view: a row that is added later is a choice too

field = click.option("--field", metavar="NAME", help="The column or key that holds the texts.")
offline = click.option("--offline", is_flag=True, help="Use what is on this machine; ask no hub.")
trust_remote_code = click.option("--trust-remote-code", is_flag=True, help="Run Python code that comes with the model.")
accept_pickles = click.option("--trust-remote-code", is_flag=True, help="Accept a model whose weights are pickled.")
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def seed(of: str) -> Callable[[Command], Command]:
    """`--seed`, of what it says."""
    return click.option(
        "--seed", type=int, default=defaults.SEED, show_default=True, metavar="N", help=f"Seed of {of}."
    )


def _all(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


question = _all(
    click.option(
        "--texts", metavar="SOURCE", help="Your texts: a file, - for stdin, or hub:owner/name[:config[:split]]."
    ),
    field,
    click.option(
        "--max-loss",
        default=fmt.budget(defaults.MAX_LOSS),
        show_default=True,
        metavar="LOSS",
        help="Acceptable loss: 0.4% or 0.004.",
    ),
    click.option(
        "--objective",
        type=_OBJECTIVE,
        default=defaults.OBJECTIVE,
        show_default=True,
        help="What the best is best at.",
    ),
    click.option(
        "--ruleset", default=defaults.RULESET, show_default=True, metavar="NAME|FILE", help="The rules to ask."
    ),
)
"""The options of what is asked of the rules and of a run."""

run = _all(
    click.option(
        "--eval",
        metavar="SOURCE",
        help="Labels to measure the loss on: pairs, triplets, a BEIR folder or hub:owner/name.",
    ),
    click.option("--eval-field", metavar="A,B,C", help="The columns of the labels: two texts and the score."),
    click.option("--candidates", metavar="A,B", help="Try only these, beside the baseline."),
    click.option("--skip", metavar="A,B", help="Do not try these."),
    click.option("--threads", type=int, metavar="N", help="Threads for every runtime; all usable cores by default."),
    click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1 or mps; a GPU by default where there is one."),
    click.option(
        "--time-budget",
        default=fmt.seconds(defaults.TIME_BUDGET_S),
        show_default=True,
        metavar="TIME",
        help="How long a run may take at most: 90s, 3m, 1h.",
    ),
    seed("the sample and the order"),
    click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to write; advisor-out/MODEL."),
)
"""The options of a run that the rules do not need."""
