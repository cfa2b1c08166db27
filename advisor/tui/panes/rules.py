"""Screen 4: the flowchart, drawn from the ruleset itself."""

from __future__ import annotations

from rich.text import Text

from advisor import catalogue
from advisor.errors import AdvisorError
from advisor.rules import Ruleset, load_ruleset
from advisor.tui.drawing import flowchart
from advisor.tui.drawing.lines import wrapped
from advisor.tui.panes.base import TextPane
from advisor.types import Decision


class RulesPane(TextPane):
    """The flowchart with the taken path, what it leads to, and what the other rulesets say."""

    TITLE = "Rules"
    HELP = (
        "The ruleset's questions. The taken path is bold, with the evidence for each answer; other branches are dim. "
        "Rules name a candidate and no speed: only measurements carry numbers."
    )
    EMPTY = "The rules are asked as soon as the machine has been read."

    def text(self) -> Text | None:
        """The flowchart as boxes where there is room, else as a tree."""
        decision = self.state.decision
        if decision is None:
            return None
        width = self.columns
        parts: list[Text] = []
        ruleset = _load(self.state.ruleset or decision.ruleset)
        if ruleset is None:
            parts.append(_path(decision, width))
        else:
            parts.append(Text(ruleset.title, style="bold"))
            parts.append(flowchart.draw(ruleset, decision, width=width, height=self.rows - 2))
        says = catalogue.get(decision.recommendation).says
        parts.append(
            Text.assemble(
                (decision.recommendation, "bold green"), (f"  recommended by {decision.ruleset}", "bold"), f"\n  {says}"
            )
        )
        for other in self.state.alternatives:
            verb = "too" if other.recommendation == decision.recommendation else "instead"
            parts.append(Text(f"{other.ruleset} picks {other.recommendation} {verb}"))
        if decision.challengers:
            lines = [Text("Worth measuring beside it", style="bold")]
            for challenger in decision.challengers:
                words = f"{challenger.candidate}: {challenger.because}"
                lines += [Text("  " + line) for line in wrapped(words, width - 2, 2)]
            parts.append(Text("\n").join(lines))
        return Text("\n\n").join(parts)


def _load(name: str) -> Ruleset | None:
    """The ruleset; None where it is a user's own that is no longer there (an artifact keeps its name alone)."""
    try:
        return load_ruleset(name)
    except AdvisorError:
        return None


def _path(decision: Decision, width: int) -> Text:
    lines = [Text(f"The ruleset {decision.ruleset} is not at hand; this is the path that it took.", style="dim")]
    for step in decision.path:
        lines.append(Text.assemble((step.question, "bold"), f"  {step.answer}"))
        lines += [Text(line, style="italic") for line in wrapped(f"= {step.evidence}", width, 2, first=True)]
    return Text("\n").join(lines)
