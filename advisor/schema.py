"""The recommendation document's schema: its name and its version."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from advisor.errors import ArtifactError

SCHEMA_NAME = "advisor.recommendation"
SCHEMA_VERSION = "2.1"

Json = dict[str, Any]


def check_schema(document: object, folder: Path | None = None) -> None:
    """Raise ArtifactError unless `document` is a recommendation of a major version that this advisor reads.

    `folder` is the artifact that the document is the manifest of.
    """
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(schema, dict) or schema.get("name") != SCHEMA_NAME:
        raise ArtifactError(f"This is not a document of schema {SCHEMA_NAME!r}.")
    version = str(schema.get("version"))
    major, reads = version.partition(".")[0], SCHEMA_VERSION.partition(".")[0]
    if major == "1":
        what, writer = "document" if folder is None else "artifact", document.get("advisor_version", "0.x")
        raise ArtifactError(
            f"This {what} was written by advisor {writer!s:.20} in format {version}, and this one reads {reads}.x.",
            hint=f"Make it again: advisor recommend {_model(document)} --out {_quoted(folder or 'FOLDER')}",
        )
    if major != reads:
        raise ArtifactError(
            f"This document has schema version {version}, and this advisor reads {reads}.x.",
            hint="Upgrade with: pip install -U backend-advisor",
        )


def _model(document: Json) -> str:
    model = document.get("model")
    name = model.get("id") if isinstance(model, dict) else None
    return _quoted(name) if isinstance(name, str) else "MODEL"


def _quoted(value: object) -> str:
    return shlex.quote(str(value))
