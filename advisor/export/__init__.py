"""Turning candidates into files: exported, optimised and quantised in a child process, checked against torch, cached."""

from advisor.export.exporter import Exporter

__all__ = ["Exporter"]
