"""What if the budget, the objective or the machine were another? The answer changes as you type."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Label, Select, Static

from advisor.errors import AdvisorError
from advisor.objectives import OBJECTIVES
from advisor.report import format as fmt
from advisor.report.words import words
from advisor.tui.asking import Answer, Question, ask
from advisor.tui.dialogs.base import Dialog
from advisor.tui.drawing.lines import wrapped
from advisor.tui.state import State
from advisor.types import Outcome, Request

_SAME = "as it is"
_CHOICES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "CPU": (
        ("Intel", ("cpu.vendor=intel",)),
        ("AMD", ("cpu.vendor=amd",)),
        ("Apple", ("cpu.vendor=apple", "cpu.arch=arm64")),
        ("other ARM", ("cpu.vendor=arm", "cpu.arch=arm64")),
    ),
    "GPU": (
        ("none", ("gpu.cuda=no", "gpu.mps=no")),
        ("CUDA 7.5 (T4)", ("gpu.cuda=yes", "gpu.compute_capability=7.5")),
        ("CUDA 8.0 (A100)", ("gpu.cuda=yes", "gpu.compute_capability=8.0")),
        ("CUDA 9.0 (H100)", ("gpu.cuda=yes", "gpu.compute_capability=9.0")),
        ("Apple (MPS)", ("gpu.cuda=no", "gpu.mps=yes")),
    ),
    "Texts": (
        ("short, p50 50 chars", ("texts.chars_p50=50", "texts.fraction_under_500_chars=100%")),
        ("long, p50 2,000 chars", ("texts.chars_p50=2000", "texts.fraction_under_500_chars=0%")),
    ),
}


class WhatIf(Dialog[None]):
    """Fields to change on top, the real answer and the other one below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Up", show=False),
    ]

    DEFAULT_CSS = """
    WhatIf > .box { height: 96%; }
    WhatIf .field { height: 1; }
    WhatIf .field Label { width: 11; text-style: bold; }
    WhatIf .field Input, WhatIf .field Select { width: 1fr; }
    WhatIf #answers { height: auto; margin-top: 1; }
    WhatIf #answers Static { width: 1fr; padding-right: 2; }
    WhatIf.-narrow #answers { layout: vertical; }
    WhatIf.-narrow #answers Static { height: auto; margin-bottom: 1; }
    WhatIf #more { height: auto; }
    """

    def __init__(self, state: State, *, request: Request, parse_loss: Callable[[str], float]) -> None:
        super().__init__()
        self._state = state
        self._request = request
        self._parse_loss = parse_loss

    def compose(self) -> ComposeResult:
        """Fields and answers."""
        with VerticalScroll(classes="box", can_focus=False) as box:
            box.border_title = "What if"
            box.border_subtitle = "page down for more, esc closes" if self.app.size.height < 24 else "esc closes"
            with Horizontal(classes="field"):
                yield Label("Budget")
                loss = Input(fmt.budget(self._request.max_loss), id="loss", compact=True, select_on_focus=False)
                loss.cursor_blink = False
                yield loss
            with Horizontal(classes="field"):
                yield Label("Objective")
                objectives = [(each, each) for each in OBJECTIVES]
                yield Select(objectives, value=self._request.objective, allow_blank=False, compact=True, id="objective")
            for name, choices in _CHOICES.items():
                with Horizontal(classes="field"):
                    yield Label(name)
                    options = [(_SAME, _SAME), *((label, label) for label, _ in choices)]
                    yield Select(options, value=_SAME, allow_blank=False, compact=True, id=f"set-{name}")
            with Horizontal(classes="field"):
                yield Label("Facts")
                facts = Input(placeholder="cpu.isa=avx2; memory.available_bytes=4GiB", id="facts", compact=True)
                facts.cursor_blink = False
                yield facts
            with Horizontal(id="answers"):
                yield Static(id="real")
                yield Static(id="other")
            yield Static(id="more")

    def on_mount(self) -> None:
        """The budget is changed most often."""
        self.set_class(self.app.size.width < 78, "-narrow")
        self.query_one("#loss").focus()
        self._answer()

    def action_page(self, direction: int) -> None:
        """Scroll: the fields keep the other keys."""
        box = self.query_one(".box", VerticalScroll)
        box.scroll_relative(y=direction * max(1, box.size.height - 2), animate=False)

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self) -> None:
        self._answer()

    def _answer(self) -> None:
        real, other, more = (self.query_one(name, Static) for name in ("#real", "#other", "#more"))
        width = max(24, min(106, self.app.size.width - 8))
        column = width if self.has_class("-narrow") else width // 2 - 2
        try:
            here = ask(self._state, Question(), request=self._request)
            real.update(self._shown("Here", here, self._request, column))
        except AdvisorError as error:
            real.update(Text(str(error), style="red"))
            return
        try:
            question = self._question()
            answer = ask(self._state, question, request=self._request)
        except AdvisorError as error:
            other.update(Text.assemble(("What if", "bold"), "\n", (str(error), "red")))
            more.update("")
            return
        asked = Request(
            objective=question.objective or self._request.objective,
            max_loss=self._request.max_loss if question.max_loss is None else question.max_loss,
        )
        other.update(self._shown("What if", answer, asked, column))
        flips = here.flips
        lines = [line for flip in flips[:4] for line in wrapped(flip, width, 4, first=True)]
        more.update(Text("\n".join(["", "Nearest flips of the loss budget", *lines]) if flips else ""))

    def _question(self) -> Question:
        overrides: list[str] = []
        for name, choices in _CHOICES.items():
            chosen = self.query_one(f"#set-{name}", Select).value
            overrides += next((settings for label, settings in choices if label == chosen), ())
        typed = self.query_one("#facts", Input).value
        overrides += [setting.strip() for setting in typed.split(";") if setting.strip()]
        loss = self.query_one("#loss", Input).value.strip()
        return Question(
            max_loss=self._parse_loss(loss) if loss else None,
            objective=str(self.query_one("#objective", Select).value),
            overrides=tuple(overrides),
        )

    def _shown(self, title: str, answer: Answer, request: Request, width: int) -> Text:
        """One answer. No speed stands beside one that was not measured."""
        head = Text.assemble((title, "bold"), "  ", (" SIM ", "bold reverse") if answer.simulated else "")
        lines = [head]
        choice = answer.choice
        if choice is None:
            lines.append(Text(answer.decision.recommendation, style="bold green"))
            said = f"picked by {answer.decision.ruleset}, not measured"
            lines += [Text(line) for line in wrapped(said, width, 0)]
        else:
            lines.append(Text(choice.winner or "no candidate", style="bold green" if choice.winner else "bold red"))
            winner = next((each for each in choice.outcomes if each.name == choice.winner), None)
            lines += [Text(line) for line in wrapped(_figures(winner, words(self._state.model).rate), width, 0)]
            lines += [Text(line, style="dim") for line in wrapped(f"{choice.verdict}: {choice.why}", width, 0)]
            if answer.better_when_cut:
                said = f"Faster when cut, to be measured again: {', '.join(answer.better_when_cut)}"
                lines += [Text(line, style="yellow") for line in wrapped(said, width, 0)]
        budget = f"budget {fmt.percent(request.max_loss)}, {request.objective}"
        lines.append(Text(budget, style="dim"))
        for step in answer.decision.path:
            lines += [Text(line, style="dim") for line in wrapped(f"▸ {step.answer}", width, 2)]
        return Text("\n").join(lines)


def _figures(outcome: Outcome | None, rate: str) -> str:
    if outcome is None or outcome.timing is None:
        return ""
    parts = [f"{fmt.rate(outcome.timing.texts_per_s.median)} {rate}"]
    if outcome.timing.speedup is not None:
        parts.append(fmt.times(outcome.timing.speedup.median))
    if outcome.loss is not None:
        parts.append(f"loss {fmt.percent(outcome.loss.value)}")
    return ", ".join(parts) + ", measured here"
