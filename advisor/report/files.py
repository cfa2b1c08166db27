"""The reports as files, each written beside its target and renamed into place."""

from __future__ import annotations

from pathlib import Path

from advisor.errors import InputError
from advisor.files import replace_file
from advisor.report.html import to_html
from advisor.report.markdown import to_markdown
from advisor.rules import Ruleset
from advisor.types import Recommendation

HTML = "report.html"
MARKDOWN = "report.md"
NAMES = frozenset({HTML, MARKDOWN})


def render(rec: Recommendation, *, ruleset: Ruleset | None = None) -> dict[str, str]:
    """The text of each report by its file name. `ruleset` is the decision's, where it is not packaged."""
    return {HTML: to_html(rec, ruleset=ruleset), MARKDOWN: to_markdown(rec, ruleset=ruleset)}


def write_reports(rec: Recommendation, folder: Path, *, ruleset: Ruleset | None = None) -> tuple[Path, ...]:
    """Write both reports into `folder`, which is made where it is missing, and return their paths.

    A reader sees the old file or the new one, never half of one. Raises InputError where they cannot be written.
    """
    written = []
    for name, text in render(rec, ruleset=ruleset).items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / name, text)
        except OSError as error:
            raise InputError(
                f"The report {str(folder / name)!r} cannot be written: {error.strerror or error}.",
                hint="Name another folder with -o DIR.",
            ) from None
        written.append(folder / name)
    return tuple(written)
