"""The recommendation document's schema, and the part of it that loading an artifact reads."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from advisor.errors import ArtifactError
from advisor.types import RuntimeSettings

SCHEMA_NAME = "advisor.recommendation"
SCHEMA_VERSION = "1.0"

Json = dict[str, Any]


def check_schema(document: object) -> None:
    """Raise ArtifactError unless `document` is a recommendation of a major version that this advisor reads."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, dict) or schema.get("name") != SCHEMA_NAME:
        raise ArtifactError(f"This is not a document of schema {SCHEMA_NAME!r}.")
    version = str(schema.get("version"))
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise ArtifactError(
            f"This document has schema version {version}, and this advisor reads {SCHEMA_VERSION.split('.')[0]}.x.",
            hint="Upgrade with: pip install -U backend-advisor",
        )


def settings_from_dict(document: Json) -> RuntimeSettings:
    """Runtime settings from their document; unknown keys are passed over."""
    return RuntimeSettings(**known(RuntimeSettings, document))


def known(cls: type, document: Json) -> Json:
    """The part of a document that the fields of `cls` take."""
    names = {field.name for field in fields(cls)}
    return {key: frozen(value) for key, value in document.items() if key in names}


def frozen(value: Any) -> Any:
    """Lists as tuples, however deep."""
    return tuple(frozen(item) for item in value) if isinstance(value, list) else value
