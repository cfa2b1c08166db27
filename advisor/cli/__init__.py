"""The command line: one file per verb. Nothing here computes; every verb renders what a room below gives."""

from __future__ import annotations

from advisor.cli.main import main

__all__ = ["main"]
