"""What a candidate loses: its embeddings compared with the baseline's, on the user's texts and on labels."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy import (
    COMPARED_BY,
    Comparison,
    Scored,
    check_embeddings,
    checked_loss,
    drift,
    labelled_loss,
    score,
)
from advisor.accuracy.estimate import Neighbours
from advisor.accuracy.labelled import MIN_BASELINE
from advisor.catalogue import Candidate
from advisor.device import CPU
from advisor.errors import AdvisorError, ChildFailed
from advisor.files import sha256_of
from advisor.gate import NOISE, is_decided
from advisor.measure.contestant import Contestant
from advisor.measure.journal import Basis, Journal
from advisor.measure.pool import Pool
from advisor.measure.race.observer import Exit
from advisor.measure.setup import Run
from advisor.measure.workload.length_ranges import length_ranges
from advisor.question import Question
from advisor.types import BASELINE, Drift, Fidelity

LABELLED_NAME = "labelled.npy"

_MOST_ALONE = 2000
"""Labelled texts that are embedded one at a time; where there are more, all are in batches."""
_SAME = 1 - 1e-6
"""Cosine from which an embedding did not move."""
_NEXT_TO_NOTHING_BYTES = 64 << 10
_SLOW_TEXT_S = 0.05
"""From so many seconds a text on a call costs next to nothing, and a batch with one long text pads all others: 32 texts
of 600 characters took BERT base 20 s in one batch, of which one alone takes 0.24 s (Zen 4, two cores)."""

Floats = NDArray[np.float32]
EmbedAs = Literal["text", "query", "document"]


def portion_name(index: int) -> str:
    """The file of the baseline's embeddings of a portion of the compared texts in the journal's folder."""
    return f"compared-{index}.npy"


def reference_name(candidate: str) -> str:
    """The file of a candidate's reference embeddings in the journal's folder."""
    return f"{candidate}.reference.npy"


class Losses:
    """Embeds the reference texts, the labelled ones and the compared texts with each candidate, the baseline first.

    The compared texts come in portions, and no more of them than decide whether a candidate keeps to the loss budget.
    The baseline embeds a portion when the first candidate needs it. `alone_factor` is how many times longer texts take
    one at a time than in batches.
    """

    def __init__(
        self,
        question: Question,
        run: Run,
        journal: Journal,
        pool: Pool,
        *,
        baseline: Contestant,
        alone_factor: float,
    ) -> None:
        self.labels_fit = True
        """False where the baseline scores next to nothing on the labels, so that no loss can be measured on them."""
        self._run = run
        self._journal = journal
        self._pool = pool
        self._workload = pool.workload
        self._labels = pool.workload.labels
        self._seed = question.request.seed
        self._device = question.device
        self._max_loss = question.request.max_loss
        self._by = COMPARED_BY[question.model.kind]
        self._similarity = question.model.similarity
        self._baseline = baseline
        self._alone_factor = alone_factor
        self._reference: Floats | None = None
        """The baseline's, of the reference texts; so are the others."""
        self._portions: list[Floats] = []
        self._comparisons: dict[int, Comparison | None] = {}
        """By the number of portions."""
        self._scored: Scored | None = None

    def recall(self, basis: Basis) -> bool:
        """Take the baseline's embeddings from the journal; False if they are not what they were."""
        wanted = [(portion_name(index), sha256) for index, sha256 in enumerate(self._journal.portions)]
        if self._labels is not None:
            wanted.append((LABELLED_NAME, basis.labelled_sha256 or ""))
        kept = [self._journal.kept(name, sha256) for name, sha256 in wanted]
        found: list[Floats] = [np.load(path, allow_pickle=False) for path in kept if path is not None]
        if len(found) < len(wanted):
            return False
        if self._labels is not None:
            self._take_labelled(found.pop())
        self._portions = found
        self._reference = np.load(self._journal.folder / reference_name(BASELINE), allow_pickle=False)
        return True

    def labelled_sha256(self) -> str | None:
        """Of the baseline's embeddings of the labelled texts; None without any."""
        return None if self._labels is None else sha256_of(self._journal.folder / LABELLED_NAME)

    def needed_s(self, one: Contestant) -> float:
        """How many seconds finding the loss takes at least: the labelled texts and the first compared ones."""
        labelled_s = self._workload.labelled_texts * one.s_per_text
        return labelled_s + (0.0 if _computes_the_same(one) else self._portion_s(one, 0))

    def foreseen_s(self, candidate: Candidate) -> float:
        """How many seconds finding the loss of a candidate that is not there yet may take at least, if it is no slower
        than the baseline."""
        if _is_checked(candidate, self._device):
            return 0.0
        own = 2 if _may_depend_on_batch(candidate) else 1
        missing = 0 if self._portions else 1
        num_texts = self._workload.size(*self._workload.compared[:1])
        return (own + missing) * num_texts * self._baseline.s_per_text

    def is_settled(self, loss: Fidelity | None) -> bool:
        """Whether a loss of an earlier run needs no more compared texts under this run's budget."""
        if loss is None or loss.method != "estimated":
            return True
        all_texts = self._workload.size(*self._workload.compared)
        return loss.num_texts == all_texts or is_decided(loss, max_loss=self._max_loss)

    def compare(self, one: Contestant, *, until_s: float = inf) -> None:
        """Find the loss and what goes with it. After `until_s` on the run's clock no further portion is begun.

        Raises ChildFailed for embeddings that cannot be used.
        """
        is_baseline = one.name == BASELINE
        one.reference_path = self._journal.folder / reference_name(one.name)
        reference = self._embed(one, self._workload.reference, one.reference_path, alone=True)
        labelled = self._embed_labelled(one)
        if is_baseline:
            self._reference = reference
            if labelled is not None:
                self._take_labelled(labelled)
        assert self._reference is not None  # the baseline was first
        found = replace(one.findings, reference_sha256=sha256_of(one.reference_path))
        if _computes_the_same(one):
            found = replace(found, loss=checked_loss(self._reference, reference))
        if found.loss is None or found.loss.value > NOISE:
            loss, moved = self._estimate(one, until_s)
            found = replace(found, loss=loss or found.loss, drift=moved)
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
        compared = self._workload.texts(*self._workload.compared)
        lines = [compared[row].replace("\n", " ") for row in moved.most_moved]
        with contextlib.suppress(OSError):  # nothing depends on it
            self._run.log_dir.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
                stream.write("".join(f"{line}\n" for line in lines))
            one.most_moved = path

    def _estimate(self, one: Contestant, until_s: float) -> tuple[Fidelity | None, Drift | None]:
        """On one portion of the compared texts more, and one more, until the loss is decided or the time is over."""
        ours: list[Floats] = []
        alone: list[Floats] = []
        loss: Fidelity | None = None
        for index, batch in enumerate(self._workload.compared):
            if index > 0 and self._run.elapsed_s() + self._portion_s(one, index) > until_s:
                break
            self._embed_baseline(index)
            ours.append(self._embed(one, batch, self._run.work_dir / "compared.npy"))
            if _may_depend_on_batch(one.candidate):
                alone.append(self._embed(one, batch, self._run.work_dir / "alone.npy", alone=True))
            pairs = self._comparison(len(ours))
            loss = None if pairs is None else pairs.loss(np.concatenate(ours), other=_joined(alone), seed=self._seed)
            if loss is not None and is_decided(loss, max_loss=self._max_loss):
                break
        return loss, self._drift(ours, alone)

    def _embed_baseline(self, index: int) -> None:
        """Let the baseline embed a portion of the compared texts, unless it has. Raises ChildFailed if it fails."""
        if index < len(self._portions):
            return
        path = self._journal.folder / portion_name(index)
        alone = self._baseline.s_per_text > _SLOW_TEXT_S
        try:
            self._pool.ready(self._baseline)
            self._portions.append(self._embed(self._baseline, self._workload.compared[index], path, alone=alone))
        except ChildFailed as error:  # it is not the candidate's fault
            reason = f"failed before the race: {error.message}"
            self._baseline.exit = Exit(name=BASELINE, status="failed", reason=reason, log=error.log)
            raise ChildFailed(f"{BASELINE}, which it is compared with, failed", log=error.log) from None
        self._journal.add_portion(index, sha256_of(path))

    def _portion_s(self, one: Contestant, index: int) -> float:
        """Seconds that a portion of the compared texts takes a candidate, and the baseline where it is its first."""
        s_per_text = one.s_per_text
        if _may_depend_on_batch(one.candidate):
            s_per_text *= 1 + self._alone_factor
        if index >= len(self._portions):
            s_per_text += self._baseline.s_per_text
        return self._workload.size(self._workload.compared[index]) * s_per_text

    def _comparison(self, num_portions: int) -> Comparison | None:
        """What the baseline gave for so many portions, ready to be compared with."""
        if num_portions not in self._comparisons:
            reference, texts = self._so_far(num_portions)
            self._comparisons[num_portions] = self._by.prepare(reference, texts, self._similarity)
        return self._comparisons[num_portions]

    def _so_far(self, num_portions: int) -> tuple[Floats, tuple[str, ...]]:
        """The baseline's embeddings of so many portions, and their texts."""
        texts = self._workload.texts(*self._workload.compared[:num_portions])
        return np.concatenate(self._portions[:num_portions]), texts

    def _drift(self, ours: list[Floats], alone: list[Floats]) -> Drift | None:
        pairs = self._comparison(len(ours))
        if not self._by.drift or not isinstance(pairs, Neighbours):
            return None
        reference, texts = self._so_far(len(ours))
        ranges = length_ranges([len(text) for text in texts])
        return drift(
            reference,
            np.concatenate(ours),
            pairs,
            alone=_joined(alone),
            ranges=[(each.min_chars, each.max_chars, each.members) for each in ranges],
            seed=self._seed,
        )

    def _take_labelled(self, labelled: Floats) -> None:
        assert self._labels is not None  # only then they are embedded
        self._scored = score(self._labels, *self._sides(labelled), by=self._similarity)
        self.labels_fit = self._scored.value >= MIN_BASELINE

    def _sides(self, labelled: Floats) -> tuple[Floats, Floats]:
        assert self._labels is not None  # only then they are embedded
        num_asked = len(self._labels.asked)
        return labelled[:num_asked], labelled[num_asked:]

    def _embed_labelled(self, one: Contestant) -> Floats | None:
        """The labelled texts, first those that are asked with: `(num_asked + num_stored, dimension)`."""
        if self._labels is None or self._workload.labelled is None:
            return None
        pairs = self._labels.kind == "pairs"
        alone = _may_depend_on_batch(one.candidate) and len(self._labels.asked) <= _MOST_ALONE
        asked, stored = self._workload.labelled
        scratch = self._run.work_dir
        sides = [
            self._embed(one, asked, scratch / "asked.npy", alone=alone, embed_as="text" if pairs else "query"),
            self._embed(one, stored, scratch / "stored.npy", embed_as="text" if pairs else "document"),
        ]
        both: Floats = np.concatenate(sides)
        if one.name == BASELINE:
            np.save(self._journal.folder / LABELLED_NAME, both)
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


def _computes_the_same(one: Contestant) -> bool:
    """The baseline itself, and float32 files for the CPU, which were compared with it when they were exported."""
    return one.name == BASELINE or _is_checked(one.candidate, one.exported.settings.device)


def _is_checked(candidate: Candidate, device: str) -> bool:
    return candidate.runtime != "torch" and candidate.precision == "fp32" and device == CPU


def _joined(parts: list[Floats]) -> Floats | None:
    return np.concatenate(parts) if parts else None


def _may_depend_on_batch(candidate: Candidate) -> bool:
    """Dynamic int8 has one scale for the activations of a whole batch; static int8's scales are in the file."""
    return candidate.precision == "int8" and candidate.runtime == "onnx"
