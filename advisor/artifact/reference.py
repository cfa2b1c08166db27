"""What an artifact must give: reference embeddings or scores, kept in its manifest."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.artifact.agreement import Agreement, read_agreement
from advisor.encode.manifest import Manifest
from advisor.errors import ArtifactError
from advisor.paths import MANIFEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Fixed texts of advisor's own, or pairs, and their embeddings or logits, (num_texts, width) float32."""

    texts: tuple[str, ...]
    embeddings: NDArray[np.float32]
    agreement: Agreement

    def to_dict(self) -> dict[str, Any]:
        """The manifest's `reference` key."""
        columns = np.flatnonzero(self.embeddings.any(axis=0))
        sparse = len(columns) * 2 < self.embeddings.shape[1]
        data = np.ascontiguousarray(self.embeddings[:, columns] if sparse else self.embeddings, dtype="<f4")
        return {
            "texts": list(self.texts),
            "shape": list(self.embeddings.shape),
            **({"columns": columns.tolist()} if sparse else {}),
            "dtype": "float32",
            "data": base64.b64encode(data.tobytes()).decode("ascii"),
        } | self.agreement.to_dict()

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> Reference:
        """Read the manifest's `reference` key; raises ArtifactError if it is missing or not whole."""
        try:
            document = manifest.document["reference"]
            shape = tuple(int(size) for size in document["shape"])
            data = np.frombuffer(base64.b64decode(document["data"], validate=True), dtype="<f4")
            texts = tuple(str(text) for text in document["texts"])
            columns = document.get("columns")
            if columns is None:
                embeddings = data.reshape(shape).astype(np.float32)
            else:  # all others are zero
                embeddings = np.zeros(shape, np.float32)
                embeddings[:, columns] = data.reshape(shape[0], len(columns))
            if embeddings.ndim != 2 or len(texts) != embeddings.shape[0]:
                raise ValueError("shape")
            return cls(texts=texts, embeddings=embeddings, agreement=read_agreement(document))
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, MemoryError) as error:
            raise ArtifactError(f"The reference embeddings in {MANIFEST} are damaged: {error}.") from None
