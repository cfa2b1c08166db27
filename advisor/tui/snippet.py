"""What to paste into a program to use the answer. Pure but for the current folder."""

from __future__ import annotations

from advisor.report.text import shown_path
from advisor.types import Recommendation


def short(rec: Recommendation) -> str | None:
    """One line that loads the winner; None where nothing was written."""
    if rec.winner is not None and rec.winner == rec.baseline:
        return f'SentenceTransformer("{rec.model.id}")'
    if rec.artifact is None:
        return None
    return f'advisor.load("{shown_path(rec.artifact.path)}")'


def full(rec: Recommendation) -> str | None:
    """A snippet that runs as it stands, but for `texts`; None where nothing was written."""
    line = short(rec)
    if line is None:
        return None
    module = (
        "import advisor" if line.startswith("advisor.") else "from sentence_transformers import SentenceTransformer"
    )
    return f"{module}\n\nencoder = {line}\nembeddings = encoder.encode(texts)\n"
