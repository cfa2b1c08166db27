"""The fresh process of `verify`: loads an artifact as production would and embeds the reference texts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from advisor.child.serve import serve


def prove(params: dict[str, Any]) -> dict[str, Any]:
    """Cosine of each reference text's embedding, encoded alone, with the one in the manifest."""
    import numpy as np

    from advisor.artifact.reference import Reference
    from advisor.encode import load
    from advisor.encode.manifest import read_manifest

    folder = Path(params["folder"])
    manifest = read_manifest(folder)
    reference = Reference.from_manifest(manifest)
    start = time.perf_counter()
    encoder = load(  # the parent has just hashed every file
        folder, check=False, keep_compiled=False, trust_remote_code=params["trust_remote_code"]
    )
    load_s = time.perf_counter() - start
    cosines = []
    for text, expected in zip(reference.texts, reference.embeddings, strict=True):
        embedding = encoder.encode([text])[0]
        if embedding.shape != expected.shape:
            raise ValueError(f"embeddings have {embedding.shape[0]} dimensions, the manifest's {expected.shape[0]}")
        norms = float(np.linalg.norm(embedding) * np.linalg.norm(expected))
        cosines.append(float(embedding @ expected) / norms if norms else float("nan"))
    return {"runtime": manifest.runtime, "load_s": load_s, "cosines": cosines}


if __name__ == "__main__":
    serve({"prove": prove})
