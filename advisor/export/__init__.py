"""Turning candidates into files: made in a child process, checked against torch, cached."""

from advisor.export.exporter import Exporter

__all__ = ["Exporter"]
