"""Screen 1: what to run. Every field is checked as the command line checks its option, beside the field."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Input, Label, OptionList, Select, Static
from textual.widgets.option_list import Option

from advisor import defaults
from advisor.objectives import OBJECTIVES
from advisor.rules import available_rulesets
from advisor.tui.form import FieldError, Fields
from advisor.tui.messages import FieldsChanged, StartAsked
from advisor.tui.models import KnownModel
from advisor.tui.panes.base import Pane

_FIELDS = (
    ("model", "Model", "a folder, a Hugging Face id, or demo"),
    ("texts", "Texts", "a file, or hub:owner/name; empty: built-in sample"),
    ("field", "Text column", "only where a table has several"),
    ("max_loss", "Loss budget", "0.4% or 0.004"),
    ("objective", "Objective", ""),
    ("time_budget", "Time budget", "90s, 3m, 1h"),
    ("threads", "Threads", "all usable cores"),
    ("device", "Device", "cpu, cuda:1 or mps; empty: a GPU where there is one"),
    ("ruleset", "Ruleset", "a name, or a file ending in .toml"),
    ("candidates", "Only", "candidates, with commas; empty: all that fit"),
    ("skip", "Skip", "candidates, with commas"),
    ("eval", "Labels", "pairs, triplets or a BEIR folder; empty: the loss is estimated"),
    ("eval_field", "Label columns", "two texts and the score, with commas"),
    ("out", "Write to", "advisor-out/MODEL"),
    ("seed", "Seed", str(defaults.SEED)),
)


class SetupPane(Pane):
    """A form, and the models that are at hand."""

    TITLE = "Setup"
    HELP = (
        "What to run. Models that were run before or are in Hugging Face's cache are listed below the field: press "
        "down there, and enter takes one. ctrl+r starts the run; esc leaves a field, so that the keys 1-6 and letters "
        "act again. In a field, letters are letters."
    )

    DEFAULT_CSS = """
    SetupPane .field { height: 1; }
    SetupPane .field Label { width: 14; text-style: bold; }
    SetupPane .field Input { width: 1fr; }
    SetupPane .field Select { width: 1fr; }
    SetupPane .problem { height: auto; padding-left: 14; display: none; color: $text-error; }
    SetupPane .problem.-note { color: $text-muted; }
    SetupPane #models { height: auto; max-height: 4; margin-left: 14; display: none; background: transparent; }
    SetupPane .field:focus-within { background: $boost; }
    SetupPane #buttons { height: 1; margin: 1 0 0 14; }
    SetupPane #buttons Button { margin-right: 2; }
    """

    def __init__(self, fields: Fields, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.fields = fields
        self._known: tuple[KnownModel, ...] = ()

    def compose(self) -> ComposeResult:
        """One row a field; what is wrong with it below."""
        for name, label, hint in _FIELDS:
            with Horizontal(classes="field"):
                yield Label(label)
                yield self._control(name, hint)
            yield Static(id=f"problem-{name}", classes="problem", markup=False)
            if name == "model":
                yield OptionList(id="models", compact=True, markup=False)
        with Horizontal(id="buttons"):
            yield Button("Start (ctrl+r)", id="start", variant="primary", compact=True)

    def _control(self, name: str, hint: str) -> Widget:
        value = getattr(self.fields, name)
        if name == "objective":
            options = [(each, each) for each in OBJECTIVES]
            chosen = value if value in OBJECTIVES else defaults.OBJECTIVE
            return Select(options, value=chosen, allow_blank=False, compact=True, id=f"field-{name}")
        control = Input(value, placeholder=hint, compact=True, id=f"field-{name}", select_on_focus=False)
        control.cursor_blink = False
        if name == "ruleset":
            control.suggester = SuggestFromList(available_rulesets())
        return control

    def to_focus(self) -> Widget:
        """The model's field where it is empty, else the button."""
        return self.query_one("#start") if self.fields.model else self.query_one("#field-model")

    def offer(self, models: tuple[KnownModel, ...]) -> None:
        """List the models that are at hand."""
        self._known = models
        chooser = self.query_one("#models", OptionList)
        chooser.clear_options()
        chooser.add_options([Option(f"{model.name}  ({model.where})", id=str(i)) for i, model in enumerate(models)])
        self.query_one("#field-model", Input).suggester = SuggestFromList([model.name for model in models])
        self.draw()

    def draw(self) -> None:
        """The list of models where there is room for it, or somebody is in it; the field suggests them anyway."""
        chooser = self.query_one("#models")
        chooser.display = bool(self._known) and (not self.compact or chooser.has_focus)

    def tell(self, errors: tuple[FieldError, ...], notes: tuple[FieldError, ...] = ()) -> None:
        """Show what is wrong beside the fields; an error hides a note."""
        said = {each.name: (each.message, True) for each in notes} | {e.name: (e.message, False) for e in errors}
        for name, _, _ in _FIELDS:
            message, is_note = said.get(name, ("", False))  # type: ignore[call-overload]  # names of fields are Name
            problem = self.query_one(f"#problem-{name}", Static)
            problem.update(message)
            problem.set_class(is_note, "-note")
            problem.display = bool(message)

    def freeze(self, frozen: bool) -> None:
        """While a run is under way, what was asked for stays as it is."""
        for name, _, _ in _FIELDS:
            self.query_one(f"#field-{name}").disabled = frozen
        self.query_one("#start").disabled = frozen

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._change(event.input.id, event.value, settled=False)

    @on(Input.Blurred)
    def _left(self, event: Input.Blurred) -> None:
        event.stop()
        self._change(event.input.id, event.value, settled=True)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field, past the list of models: its own enter would take one of them."""
        event.stop()
        if event.input.id == "field-model":
            self.query_one("#field-texts").focus()
        else:
            self.screen.focus_next()

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        self._change(event.select.id, str(event.value), settled=True)

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        field = self.query_one("#field-model", Input)
        field.value = self._known[event.option_index].name
        field.focus()

    def on_descendant_blur(self) -> None:
        """Where there is no room, the list of models goes once nobody is in it."""
        self.call_after_refresh(self.draw)

    @on(Button.Pressed, "#start")
    def _start(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(StartAsked())

    def on_key(self, event: events.Key) -> None:
        """Down and up go from field to field; below the model's field they reach the list."""
        focused = self.screen.focused
        if event.key not in {"down", "up"} or not isinstance(focused, Input):
            return
        event.stop()
        if event.key == "down" and focused.id == "field-model" and self._known:
            chooser = self.query_one("#models", OptionList)
            chooser.display = True
            chooser.focus()
        elif event.key == "down":
            self.screen.focus_next(Input)
        else:
            self.screen.focus_previous(Input)

    def _change(self, control: str | None, value: str, *, settled: bool) -> None:
        assert control is not None
        name = control.removeprefix("field-")
        changed = self.fields.with_(name, value)
        if settled or changed != self.fields:
            self.fields = changed
            self.post_message(FieldsChanged(changed, settled=settled))
