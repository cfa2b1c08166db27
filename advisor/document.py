"""The recommendation as a JSON document, and back: one schema for `--json`, Python and the manifest.

`docs/recommendation.schema.json` describes it. Within a major version keys are only added. Unknown values are null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from advisor.codec import INLINE, CodecError, from_json, to_json
from advisor.errors import ArtifactError
from advisor.schema import SCHEMA_NAME, SCHEMA_VERSION, Json, check_schema
from advisor.types import Decision, Package, Recommendation, Request

_AT_THE_TOP = ("objective", "max_loss", "threads", "device", "seed", "exporter")
"""Fields of the request that are keys of the document; the others stand under `asked`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    decision: Decision = field(metadata=INLINE)
    alternatives: tuple[Decision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What a document lays out in another way than a Recommendation."""

    packages: Mapping[str, str | None]
    rules: _Rules
    asked: Mapping[str, Any] = field(default_factory=dict)


def to_dict(recommendation: Recommendation) -> Json:
    """The document of a recommendation: only str, int, float, bool, None, list and dict."""
    rec = recommendation
    document: Json = to_json(rec)
    request = to_json(rec.request)
    return {
        "schema": {"name": SCHEMA_NAME, "version": SCHEMA_VERSION},
        **document,
        "packages": packages_to_dict(rec.packages),
        "rules": rules_to_dict(rec.decision, rec.alternatives),
        **{key: request.pop(key) for key in _AT_THE_TOP},
        "asked": request,
    }


def packages_to_dict(packages: tuple[Package, ...]) -> dict[str, str | None]:
    """Versions by name."""
    return {package.name: package.version for package in packages}


def rules_to_dict(decision: Decision, alternatives: tuple[Decision, ...]) -> Json:
    """The decision of the ruleset that was asked for, and those of the others."""
    document: Json = to_json(_Rules(decision=decision, alternatives=alternatives))
    return document


def from_dict(document: Json) -> Recommendation:
    """Read a document back.

    Keys that a newer minor version added are passed over. Raises ArtifactError for another schema or major version,
    and for a document in which a value is missing or of a wrong type.
    """
    check_schema(document)
    try:
        parts = from_json(_Parts, document)
        request = {key: document[key] for key in _AT_THE_TOP if key in document}
        return from_json(
            Recommendation,
            document,
            packages=tuple(Package(name=name, version=version) for name, version in parts.packages.items()),
            decision=parts.rules.decision,
            alternatives=parts.rules.alternatives,
            request=from_json(Request, {**parts.asked, **request}),
        )
    except CodecError as error:
        raise ArtifactError(f"The recommendation document is damaged: {error}.") from None
