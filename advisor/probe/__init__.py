"""The machine: processor, memory, accelerators, runtimes and packages, each fact with its source."""

from advisor.probe.machine import fingerprint, probe
from advisor.probe.packages import read_packages

__all__ = ["fingerprint", "probe", "read_packages"]
