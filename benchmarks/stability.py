"""Whether the same question gets the same answer: one recommendation again and again, each from an empty cache.

    python benchmarks/stability.py [--model demo] [--length short | --texts FILE [--field NAME]]
                                   [--objective throughput] [--runs 10] [--time-budget SECONDS] [--out FILE]

Every run exports and measures as the first one on a machine does. The texts of `--length` are those of `decision.py`.

A run's *best* candidates are those that it found no other clearly better than: one if it is `confirmed`, several in a
tie, one or several if it is `overturned`. An `inconclusive` run has none, for it claims nothing. Two runs contradict
each other if both have best candidates and share none. A `confirmed` and an `overturned` always do. Two `overturned`
with different winners do unless a candidate is among the best of both.

Progress goes to stderr, and Ctrl+C prints what is finished. The exit code is 0 whatever the answers were.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from common import Machine, recommend, say, write_json
from material import DEMO, LENGTHS, MODELS, max_loss_of, model_folder, texts_of

from advisor import defaults, objectives
from advisor.choose import choose
from advisor.errors import AdvisorError
from advisor.types import Recommendation


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One recommendation."""

    winner: str | None
    verdict: str
    best: tuple[str, ...]
    """What it found no other clearly better than; empty where it is `inconclusive`."""
    why: str
    warnings: tuple[str, ...]
    wall_s: float

    def line(self) -> str:
        level = f", level with {', '.join(name for name in self.best if name != self.winner)}" if self.best[1:] else ""
        return f"{self.winner or 'no winner'} ({self.verdict}{level}), {self.wall_s:.0f} s: {self.why}"

    def contradicts(self, other: Run) -> bool:
        return bool(self.best and other.best) and not set(self.best) & set(other.best)


def best_of(found: Recommendation) -> tuple[str, ...]:
    """The best candidates of a recommendation.

    `choose` tells: had the rules named one of them, its verdict would be a tie, or `confirmed` if there is but one.
    """
    if found.verdict == "inconclusive":
        return ()
    decisions = (replace(found.decision, recommendation=outcome.name) for outcome in found.candidates)
    return tuple(
        decision.recommendation
        for decision in decisions
        if choose(found.candidates, decision=decision, request=found.request).verdict in ("confirmed", "tie")
    )


def run(arguments: argparse.Namespace, runs: list[Run], save: Callable[[], None]) -> None:
    """Append to `runs`, and call `save` after each."""
    options = {} if arguments.time_budget is None else {"time_budget_s": arguments.time_budget}
    with tempfile.TemporaryDirectory(prefix="advisor-models-") as scratch:
        model = model_folder(arguments.model, Path(scratch))
        texts = arguments.texts or texts_of(arguments.length, sts=None)
        while len(runs) < arguments.runs:
            found, wall_s = recommend(
                model,
                texts=texts,
                field=arguments.field,
                objective=arguments.objective,
                max_loss=max_loss_of(arguments.model, arguments.max_loss),
                **options,
            )
            runs.append(
                Run(
                    winner=found.winner,
                    verdict=found.verdict,
                    best=best_of(found),
                    why=found.why,
                    warnings=found.warnings,
                    wall_s=wall_s,
                )
            )
            save()
            say(f"{len(runs)} of {arguments.runs}: {runs[-1].line()}")


def report(runs: Sequence[Run], machine: Machine, arguments: argparse.Namespace) -> None:
    """The answer, on stdout."""
    print(machine.describe())
    texts = arguments.texts or f"{arguments.length} texts"
    print(f"{arguments.model}, {texts}, {arguments.objective}: {len(runs)} runs, each from an empty cache")
    winners = Counter(run.winner for run in runs).most_common()
    for winner, count in winners:
        verdicts = Counter(run.verdict for run in runs if run.winner == winner).most_common()
        said = ", ".join(f"{verdict} {times}" for verdict, times in verdicts)
        print(f"{winner or 'no winner':40} {count:3} of {len(runs)}  ({said})")
    majority = winners[0][0]
    others = [run for run in runs if run.winner != majority]
    pairs = list(itertools.combinations(enumerate(runs, 1), 2))
    contradictions = [(one, other) for one, other in pairs if one[1].contradicts(other[1])]
    for what, hits, total in (
        ("the same winner", len(runs) - len(others), len(runs)),
        ("another, in a tie that holds that one", sum(_is_tie_with(run, majority) for run in others), len(runs)),
        ("pairs of runs that contradict each other", len(contradictions), len(pairs)),
    ):
        print(f"{what:40} {hits:3} of {total}")
    for (index, one), (other_index, other) in contradictions:
        print(f"    {index}: {one.line()}\n    {other_index}: {other.line()}")
    times = [run.wall_s for run in runs]
    print(f"wall time: median {statistics.median(times):.0f} s, from {min(times):.0f} to {max(times):.0f} s")


def _is_tie_with(run: Run, name: str | None) -> bool:
    return run.verdict == "tie" and name in run.best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", default=DEMO, metavar="NAME", help=f"of {', '.join(MODELS)}, or a folder or an id; default {DEMO}"
    )
    texts = parser.add_mutually_exclusive_group()
    texts.add_argument("--length", default="short", choices=tuple(LENGTHS), help="default short")
    texts.add_argument("--texts", metavar="FILE", help="as for `advisor recommend`")
    parser.add_argument("--field", help="the text column of a table")
    parser.add_argument("--objective", default=defaults.OBJECTIVE, choices=tuple(objectives.OBJECTIVES))
    parser.add_argument("--runs", type=int, default=10, metavar="N")
    parser.add_argument("--max-loss", type=float, default=defaults.MAX_LOSS, metavar="SHARE", help="for real models")
    parser.add_argument("--time-budget", type=float, metavar="SECONDS", help="of each run; default: its own")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write a JSON file, replaced after every run")
    arguments = parser.parse_args()
    machine = Machine.here()
    runs: list[Run] = []

    def save() -> None:
        if arguments.out is not None:
            asked = {key: value for key, value in vars(arguments).items() if key != "out"}
            rows = [asdict(each) for each in runs]
            write_json(arguments.out, {"machine": machine.facts(), "asked": asked, "runs": rows})

    try:
        run(arguments, runs, save)
    except KeyboardInterrupt:
        pass
    except AdvisorError as error:
        say(str(error))
    if runs:
        report(runs, machine, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
