"""The interactive app. It renders the pipeline's events and computes nothing; it imports no torch and no runtime."""

from __future__ import annotations

from advisor.tui.form import Fields, Parsers
from advisor.tui.start import open_app

__all__ = ["Fields", "Parsers", "open_app"]
