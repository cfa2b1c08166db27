"""How far a candidate's embeddings are from the baseline's: an estimate of the accuracy loss that needs no labels."""

from __future__ import annotations

from advisor.accuracy.check import check_embeddings
from advisor.accuracy.estimate import MIN_TEXTS, MIN_TEXTS_FOR_INTERVAL, estimate_loss

__all__ = ["MIN_TEXTS", "MIN_TEXTS_FOR_INTERVAL", "check_embeddings", "estimate_loss"]
