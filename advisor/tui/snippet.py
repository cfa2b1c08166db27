"""What to paste into a program to use the answer. Pure but for the current folder."""

from __future__ import annotations

from advisor.report.text import shown_path
from advisor.report.words import words
from advisor.types import Recommendation


def short(rec: Recommendation) -> str | None:
    """One line that loads the winner; None where nothing was written."""
    if rec.winner is not None and rec.winner == rec.baseline:
        return f'{words(rec.model).class_name}("{rec.model.id}")'
    if rec.artifact is None:
        return None
    return f'advisor.load("{shown_path(rec.artifact.path)}")'


def full(rec: Recommendation) -> str | None:
    """A snippet that runs as it stands, but for `texts`; None where nothing was written."""
    line = short(rec)
    if line is None:
        return None
    said = words(rec.model)
    module = "import advisor" if line.startswith("advisor.") else f"from sentence_transformers import {said.class_name}"
    return f"{module}\n\nencoder = {line}\n{said.call}\n"
