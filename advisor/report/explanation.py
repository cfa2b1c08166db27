"""What the rules say, for a terminal: the path with its evidence, the pick, and what else is worth measuring.

No speed is in it: rules recommend, only measurements carry numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from advisor import catalogue
from advisor.report.glyphs import UNICODE, Glyphs
from advisor.report.text import wrapped
from advisor.types import Challenger, Decision


def explanation(
    decision: Decision,
    alternatives: Sequence[Decision],
    *,
    overrides: Sequence[str] = (),
    simulated: bool = False,
    measure: str | None,
    width: int,
    glyphs: Glyphs = UNICODE,
) -> Text:
    """The path taken and where it leads; `measure` is the command that measures it.

    `overrides` are what-ifs. `simulated` says that they are about a machine, model or texts other than the real ones.
    """
    lines: list[Text] = []
    if overrides:
        what_if = f"what if {', '.join(overrides)}"
        if simulated:
            what_if += ": not this machine, model and texts, so it cannot be measured here"
            said = _wrapped(what_if, width, indent=5).lstrip()
            lines += [Text.assemble(("SIM", "bold reverse"), "  ", said), Text()]
        else:
            lines += [Text(_wrapped(what_if, width, indent=0)), Text()]
    for step in decision.path:
        lines.append(Text.assemble(step.question, (f"  {step.answer}", "bold")))
        lines.append(Text(_wrapped(f"{glyphs.arrow} {step.evidence}", width, indent=2), style="dim"))
    says = catalogue.get(decision.recommendation).says
    lines += [
        Text(),
        Text.assemble(
            (decision.recommendation, "bold green"), (f"   recommended by {decision.ruleset}, not measured", "bold")
        ),
        Text(_wrapped(says, width, indent=2)),
    ]
    for other in alternatives:
        verb = "too" if other.recommendation == decision.recommendation else "instead"
        lines.append(Text(_wrapped(f"{other.ruleset} picks {other.recommendation} {verb}", width, indent=2)))
    if decision.challengers:
        lines += [Text(), Text("Worth measuring beside it", style="bold"), *_challengers(decision.challengers, width)]
    if measure is not None:
        lines += [Text(), Text.assemble(("Measure  ", "bold"), measure)]
    return Text("\n").join(lines)


def _challengers(challengers: Sequence[Challenger], width: int) -> list[Text]:
    name_width = max(len(challenger.candidate) for challenger in challengers)
    lines = []
    for challenger in challengers:
        because = _wrapped(challenger.because, width, indent=name_width + 4).lstrip()
        lines.append(Text.assemble(f"  {challenger.candidate.ljust(name_width)}  ", (because, "dim")))
    return lines


def _wrapped(text: str, width: int, *, indent: int) -> str:
    return "\n".join(wrapped(text, width, indent))
