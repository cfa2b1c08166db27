"""Whose tools make the files, by what is installed. Imports none of them."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.errors import UnavailableError
from advisor.types import ExporterName, Package

OPTIMUM = ("optimum", "optimum-onnx", "optimum-intel")

_FIRST_WITH_EXPORTERS = 5
"""Version of transformers. Optimum's exporters stop before it: optimum-onnx 0.1 asks for transformers < 4.58."""


def choose_exporter(asked: ExporterName | None, packages: Sequence[Package]) -> ExporterName:
    """The exporter that was `asked` for; else Optimum where it goes with an older transformers, and native otherwise.

    Raises UnavailableError where Optimum is asked for and not installed.
    """
    versions = {package.name: package.version for package in packages if package.version is not None}
    installed = any(name in versions for name in ("optimum-onnx", "optimum-intel"))
    if asked == "optimum" and not installed:
        raise UnavailableError(
            "The exporter optimum needs optimum-onnx or optimum-intel, and neither is installed.",
            hint="Sentence Transformers 6 does not go with them. In an environment of its own: "
            "pip install 'backend-advisor[optimum]'",
        )
    if asked is not None:
        return asked
    major = versions.get("transformers", "").partition(".")[0]
    return "optimum" if installed and major.isdigit() and int(major) < _FIRST_WITH_EXPORTERS else "native"
