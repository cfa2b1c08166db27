"""Screen 3: how long the texts are."""

from __future__ import annotations

from rich.text import Text

from advisor.report import format as fmt
from advisor.report.facts import lengths
from advisor.tui.drawing import histogram
from advisor.tui.drawing.histogram import Mark
from advisor.tui.panes.base import TextPane
from advisor.types import ModelProfile, TextProfile


class TextsPane(TextPane):
    """A histogram with marks, and the statistics below it."""

    TITLE = "Texts"
    HELP = (
        "Lengths of the sampled texts on a logarithmic axis. p50 and p95 are marked; the line is the model's maximum: "
        "what lies to its right is cut before it is embedded."
    )
    EMPTY = "The texts are read when the run begins."

    def text(self) -> Text | None:
        """The picture where there is room, else the numbers alone."""
        profile = self.state.profile
        if profile is None:
            return None
        parts = []
        if profile.builtin:
            parts.append(Text("No texts were given: this is advisor's built-in sample.", style="yellow"))
        if profile.histogram is not None and not self.compact:
            parts.append(_picture(profile, self.state.model, width=self.columns, height=self.rows - 9))
        parts.append(lengths(profile))
        return Text("\n\n").join(parts)


def _picture(profile: TextProfile, model: ModelProfile | None, *, width: int, height: int) -> Text:
    assert profile.histogram is not None
    in_tokens = profile.histogram.unit == "tokens"
    stats = profile.tokens if in_tokens and profile.tokens is not None else profile.chars
    marks = [Mark(label="p50", value=stats.p50), Mark(label="p95", value=stats.p95)]
    limit = None if model is None or not in_tokens else model.max_seq_length
    heading = f"Texts by length in {profile.histogram.unit}"
    if limit is not None:
        marks.append(Mark(label="max", value=limit, line=True))
        if profile.truncated_fraction is not None:
            heading += (
                f"; the model reads {fmt.count(limit)} at most: {fmt.share(profile.truncated_fraction)} truncated"
            )
    drawn = histogram.draw(profile.histogram, marks, width=width, height=max(histogram.MIN_HEIGHT, height))
    return Text("\n").join([Text(heading, style="bold"), drawn])
