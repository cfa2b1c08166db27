"""Labelled data of the user's own: read from any source, cut to what there is time for."""

from __future__ import annotations

from advisor.labels.cut import cut_to
from advisor.labels.kinds import LabelledSet, Pairs, Retrieval, Task, Triplets
from advisor.labels.read import LabelSource, read_labels

__all__ = ["LabelSource", "LabelledSet", "Pairs", "Retrieval", "Task", "Triplets", "cut_to", "read_labels"]
