"""What a candidate loses: its embeddings compared with the baseline's, on the user's texts and on labels."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy import COMPARED_BY, Comparison, Scored, check_embeddings, drift, labelled_loss, score
from advisor.accuracy.estimate import Neighbours
from advisor.accuracy.labelled import MIN_BASELINE
from advisor.errors import AdvisorError, ChildFailed
from advisor.files import sha256_of
from advisor.measure.contestant import Contestant
from advisor.measure.journal import Basis, Journal
from advisor.measure.pool import Pool
from advisor.measure.setup import Run
from advisor.measure.workload.length_ranges import length_ranges
from advisor.question import Question
from advisor.types import BASELINE, Drift

COMPARED_NAME = "compared.npy"
LABELLED_NAME = "labelled.npy"

_MOST_ALONE = 2000
"""Labelled texts that are embedded one at a time; where there are more, all are in batches."""
_SAME = 1 - 1e-6
"""Cosine from which an embedding did not move."""
_NEXT_TO_NOTHING_BYTES = 64 << 10

Floats = NDArray[np.float32]
EmbedAs = Literal["text", "query", "document"]


def reference_name(candidate: str) -> str:
    """The file of a candidate's reference embeddings in the journal's folder."""
    return f"{candidate}.reference.npy"


class Losses:
    """Embeds the compared texts, the labelled ones and the reference texts with each candidate, the baseline first.

    `alone_factor` is how many times longer texts take one at a time than in batches.
    """

    def __init__(self, question: Question, run: Run, journal: Journal, pool: Pool, *, alone_factor: float) -> None:
        self.labels_fit = True
        """False where the baseline scores next to nothing on the labels, so that no loss can be measured on them."""
        self._run = run
        self._journal = journal
        self._pool = pool
        self._workload = pool.workload
        self._labels = pool.workload.labels
        self._seed = question.request.seed
        self._by = COMPARED_BY[question.model.kind]
        self._similarity = question.model.similarity
        self._alone_factor = alone_factor
        self._reference: Floats | None = None
        self._pairs: Comparison | None = None
        self._scored: Scored | None = None

    def recall(self, basis: Basis) -> bool:
        """Take the baseline's embeddings from the journal; False if they are not what they were."""
        paths = [self._journal.kept(COMPARED_NAME, basis.compared_sha256)]
        if self._labels is not None:
            paths.append(self._journal.kept(LABELLED_NAME, basis.labelled_sha256))
        found = [np.load(path, allow_pickle=False) for path in paths if path is not None]
        if len(found) < len(paths):
            return False
        self._take_reference(found[0], found[1] if len(found) > 1 else None)
        return True

    def sha256(self) -> tuple[str, str | None]:
        """Of the baseline's embeddings: of the compared and of the labelled texts."""
        compared, labelled = (self._journal.folder / name for name in (COMPARED_NAME, LABELLED_NAME))
        return sha256_of(compared), None if self._labels is None else sha256_of(labelled)

    def needed_s(self, one: Contestant) -> float:
        """How many seconds the embedding of everything takes a candidate."""
        num_compared = self._workload.size(self._workload.compared)
        num_texts = num_compared + self._workload.labelled_texts
        if _may_depend_on_batch(one):
            num_texts += self._alone_factor * num_compared
        return num_texts * one.s_per_text

    def compare(self, one: Contestant) -> None:
        """Find the loss and what goes with it. Raises ChildFailed for embeddings that cannot be used."""
        is_baseline = one.name == BASELINE
        folder = self._journal.folder if is_baseline else self._run.work_dir
        compared = self._embed(one, self._workload.compared, folder / COMPARED_NAME)
        alone = None
        if _may_depend_on_batch(one):
            alone = self._embed(one, self._workload.compared, folder / "alone.npy", alone=True)
        labelled = self._embed_labelled(one, folder)
        one.reference_path = self._journal.folder / reference_name(one.name)
        self._embed(one, self._workload.reference, one.reference_path, alone=True)
        if is_baseline:
            self._take_reference(compared, labelled)
        found = replace(one.findings, reference_sha256=sha256_of(one.reference_path))
        if self._pairs is not None:
            found = replace(found, loss=self._pairs.loss(compared, other=alone, seed=self._seed))
            if not is_baseline and self._by.drift and isinstance(self._pairs, Neighbours):
                found = replace(found, drift=self._drift(compared, alone, self._pairs))
        if self._labels is not None and labelled is not None and self._scored is not None:
            scored = score(self._labels, *self._sides(labelled), by=self._similarity)
            on_labels = labelled_loss(self._labels, self._scored, scored, estimated=found.loss, seed=self._seed)
            if on_labels is not None:
                found = replace(found, loss=on_labels, estimated_loss=found.loss)
        one.findings = found
        self.write_most_moved(one)

    def write_most_moved(self, one: Contestant) -> None:
        """Write the texts that moved most into the logs. They are for this user only, and in no report."""
        moved = one.findings.drift
        if moved is None or moved.cosine_min > _SAME:
            return
        path = self._run.log_dir / f"{one.name}.most-moved.txt"
        compared = self._workload.batches[self._workload.compared]
        lines = [compared[row].replace("\n", " ") for row in moved.most_moved]
        with contextlib.suppress(OSError):  # nothing depends on it
            self._run.log_dir.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
                stream.write("".join(f"{line}\n" for line in lines))
            one.most_moved = path

    def _drift(self, compared: Floats, alone: Floats | None, pairs: Neighbours) -> Drift:
        assert self._reference is not None  # the baseline was first
        ranges = length_ranges([len(text) for text in self._workload.batches[self._workload.compared]])
        return drift(
            self._reference,
            compared,
            pairs,
            alone=alone,
            ranges=[(each.min_chars, each.max_chars, each.members) for each in ranges],
            seed=self._seed,
        )

    def _take_reference(self, compared: Floats, labelled: Floats | None) -> None:
        self._reference = compared
        texts = self._workload.batches[self._workload.compared]
        self._pairs = self._by.prepare(compared, texts, self._similarity)
        if self._labels is not None and labelled is not None:
            self._scored = score(self._labels, *self._sides(labelled), by=self._similarity)
            self.labels_fit = self._scored.value >= MIN_BASELINE

    def _sides(self, labelled: Floats) -> tuple[Floats, Floats]:
        assert self._labels is not None  # only then they are embedded
        num_asked = len(self._labels.asked)
        return labelled[:num_asked], labelled[num_asked:]

    def _embed_labelled(self, one: Contestant, folder: Path) -> Floats | None:
        """The labelled texts, first those that are asked with: `(num_asked + num_stored, dimension)`."""
        if self._labels is None or self._workload.labelled is None:
            return None
        pairs = self._labels.kind == "pairs"
        alone = _may_depend_on_batch(one) and len(self._labels.asked) <= _MOST_ALONE
        asked, stored = self._workload.labelled
        scratch = self._run.work_dir
        sides = [
            self._embed(one, asked, scratch / "asked.npy", alone=alone, embed_as="text" if pairs else "query"),
            self._embed(one, stored, scratch / "stored.npy", embed_as="text" if pairs else "document"),
        ]
        both: Floats = np.concatenate(sides)
        if one.name == BASELINE:
            np.save(folder / LABELLED_NAME, both)
        return both

    def _embed(
        self, one: Contestant, batch: int, path: Path, *, alone: bool = False, embed_as: EmbedAs = "text"
    ) -> Floats:
        num_texts = self._workload.size(batch)
        worth = self._workload.labelled_texts if batch in (self._workload.labelled or ()) else num_texts
        limit_s = self._pool.durations.timeout_s(round(max(num_texts, worth)), one.s_per_text)
        try:
            one.connection.embed(batch, out=path, alone=alone, embed_as=embed_as, timeout_s=limit_s)
        except ChildFailed:
            if shutil.disk_usage(path.parent).free < _NEXT_TO_NOTHING_BYTES:
                raise AdvisorError(
                    f"The disk that holds {path.parent} is full: the embeddings of {one.name} could not be written.",
                    hint="Free some space, or set ADVISOR_CACHE to a folder on another disk.",
                ) from None
            raise
        embeddings: Floats = np.load(path, allow_pickle=False)
        dimension = None if self._reference is None else self._reference.shape[1]
        wrong = check_embeddings(embeddings, num_texts=num_texts, dimension=dimension, zeros=self._by.zeros)
        if wrong is not None:
            raise ChildFailed(wrong, log=str(self._run.log_dir / f"{one.name}.log"))
        return embeddings


def _may_depend_on_batch(one: Contestant) -> bool:
    """Dynamic int8 has one scale for the activations of a whole batch; static int8's scales are in the file."""
    return one.candidate.precision == "int8" and one.candidate.runtime == "onnx"
