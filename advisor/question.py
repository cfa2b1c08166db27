"""What a run is asked: made once, handed whole to exporting, measuring, the journal and the artifact."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from advisor.device import CPU
from advisor.labels import LabelledSet
from advisor.types import BASELINE, Hardware, ModelProfile, Package, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which candidate is best for this model and these texts, on this machine, under this request?"""

    model: ModelProfile
    texts: tuple[str, ...]
    """The sample that is timed and compared; pairs as `advisor.pairs` writes them."""
    reference_texts: tuple[str, ...]
    """Their embeddings, each encoded alone, prove an artifact."""
    request: Request
    hardware: Hardware
    packages: tuple[Package, ...]
    labels: LabelledSet | None = None
    """What losses are measured on; None estimates them."""
    pick: str = BASELINE
    """The candidate that the ruleset names. Where its files are there, it is not left out for lack of time."""

    @property
    def device(self) -> str:
        """What the baseline runs on, as PyTorch names it."""
        return self.request.device or CPU

    @property
    def texts_sha256(self) -> str:
        """Digest of the texts and the reference texts, in order."""
        digest = hashlib.sha256()
        for text in (*self.texts, "\0", *self.reference_texts):
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(f"{len(encoded)}:".encode())
            digest.update(encoded)
        return digest.hexdigest()
