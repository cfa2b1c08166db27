"""What a candidate loses: its embeddings beside the baseline's, on the user's texts and on labels."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy import COMPARED_BY, Comparison, Scored, check_embeddings, drift, labelled_loss, score
from advisor.accuracy.estimate import Neighbours
from advisor.accuracy.labelled import MIN_BASELINE
from advisor.errors import AdvisorError, ChildFailed
from advisor.files import sha256_of
from advisor.labels import LabelledSet
from advisor.measure.contestant import Contestant
from advisor.measure.journal import Admitted, Journal
from advisor.measure.lengths import length_ranges
from advisor.measure.pace import Pace
from advisor.measure.plan import Plan
from advisor.types import BASELINE, ModelProfile

COMPARED_NAME = "compared.npy"
LABELLED_NAME = "labelled.npy"

_MOST_ALONE = 2000
"""Labelled texts that are embedded one at a time; where there are more, all are in batches."""
_SAME = 1 - 1e-6
"""Cosine from which an embedding did not move."""
_NEXT_TO_NOTHING_BYTES = 64 << 10

EmbedAs = Literal["text", "query", "document"]


def reference_name(candidate: str) -> str:
    """The file of a candidate's reference embeddings in the journal's folder."""
    return f"{candidate}.reference.npy"


class Comparing:
    """Embeds the compared texts, the labelled ones and the reference texts with each candidate, the baseline first.

    `compared` are the texts of the plan's batch of that name; `labels` are cut to what there is time for;
    `alone_factor` is how many times longer texts take one at a time than in batches.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        compared: Sequence[str],
        labels: LabelledSet | None,
        journal: Journal,
        work_dir: Path,
        log_dir: Path,
        pace: Pace,
        seed: int,
        model: ModelProfile,
        alone_factor: float,
    ) -> None:
        self.labels = labels
        self.labels_fit = True
        """False where the baseline scores next to nothing on the labels, so that no loss can be measured on them."""
        self._plan = plan
        self._compared = compared
        self._journal = journal
        self._work_dir = work_dir
        self._log_dir = log_dir
        self._pace = pace
        self._seed = seed
        self._by = COMPARED_BY[model.kind]
        self._similarity = model.similarity
        self._alone_factor = alone_factor
        self._reference: NDArray[np.float32] | None = None
        self._pairs: Comparison | None = None
        self._scored: Scored | None = None

    def recall(self, known: Admitted) -> bool:
        """Take the baseline's embeddings from the journal; False if they are not what they were."""
        paths = [self._journal.kept(COMPARED_NAME, known.compared_sha256)]
        if self.labels is not None:
            paths.append(self._journal.kept(LABELLED_NAME, known.labelled_sha256))
        found = [np.load(path, allow_pickle=False) for path in paths if path is not None]
        if len(found) < len(paths):
            return False
        self._take_reference(found[0], found[1] if len(found) > 1 else None)
        return True

    def sha256(self) -> tuple[str, str | None]:
        """Of the baseline's embeddings: of the compared and of the labelled texts."""
        compared, labelled = (self._journal.folder / name for name in (COMPARED_NAME, LABELLED_NAME))
        return sha256_of(compared), None if self.labels is None else sha256_of(labelled)

    def worth_texts(self, contestant: Contestant) -> float:
        """How many average texts in batches the embedding of everything takes as long as."""
        num = float(self._plan.sizes[self._plan.compared])
        num += self._plan.labelled_texts
        if _may_depend_on_batch(contestant):
            num += self._alone_factor * self._plan.sizes[self._plan.compared]
        return num

    def compare(self, contestant: Contestant) -> None:
        """Set the loss and what goes with it. Raises ChildFailed for embeddings that cannot be used."""
        is_baseline = contestant.name == BASELINE
        folder = self._journal.folder if is_baseline else self._work_dir
        compared = self._embed(contestant, self._plan.compared, folder / COMPARED_NAME)
        alone = None
        if _may_depend_on_batch(contestant):
            alone = self._embed(contestant, self._plan.compared, folder / "alone.npy", alone=True)
        labelled = self._embed_labelled(contestant, folder)
        reference_path = self._journal.folder / reference_name(contestant.name)
        self._embed(contestant, self._plan.reference, reference_path, alone=True)
        contestant.reference_path = reference_path
        if is_baseline:
            self._take_reference(compared, labelled)
        assert self._reference is not None  # the baseline was first
        if self._pairs is not None:
            contestant.loss = self._pairs.loss(compared, other=alone, seed=self._seed)
            ranges = length_ranges([len(text) for text in self._compared])
            if not is_baseline and self._by.drift and isinstance(self._pairs, Neighbours):
                contestant.drift = drift(
                    self._reference,
                    compared,
                    self._pairs,
                    alone=alone,
                    ranges=[(each.min_chars, each.max_chars, each.members) for each in ranges],
                    seed=self._seed,
                )
        if self.labels is not None and labelled is not None and self._scored is not None:
            on_labels = labelled_loss(
                self.labels,
                self._scored,
                score(self.labels, *self._sides(labelled), by=self._similarity),
                estimated=contestant.loss,
                seed=self._seed,
            )
            if on_labels is not None:
                contestant.estimated, contestant.loss = contestant.loss, on_labels
        self.tell_most_moved(contestant)

    def tell_most_moved(self, contestant: Contestant) -> None:
        """Write the texts that moved most beside the logs, for this user alone: they are in no report."""
        if contestant.drift is None or contestant.drift.cosine_min > _SAME:
            return
        path = self._log_dir / f"{contestant.name}.most-moved.txt"
        lines = [self._compared[row].replace("\n", " ") for row in contestant.drift.most_moved]
        with contextlib.suppress(OSError):  # nothing depends on it
            self._log_dir.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
                stream.write("".join(f"{line}\n" for line in lines))
            contestant.most_moved = path

    def _take_reference(self, compared: NDArray[np.float32], labelled: NDArray[np.float32] | None) -> None:
        self._reference = compared
        self._pairs = self._by.prepare(compared, self._compared, self._similarity)
        if self.labels is not None and labelled is not None:
            self._scored = score(self.labels, *self._sides(labelled), by=self._similarity)
            self.labels_fit = self._scored.value >= MIN_BASELINE

    def _sides(self, labelled: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert self.labels is not None  # only then they are embedded
        num_asked = len(self.labels.asked)
        return labelled[:num_asked], labelled[num_asked:]

    def _embed_labelled(self, contestant: Contestant, folder: Path) -> NDArray[np.float32] | None:
        """The labelled texts, first those that are asked with: `(num_asked + num_stored, dimension)`."""
        if self.labels is None or self._plan.labelled is None:
            return None
        as_asked: EmbedAs = "text" if self.labels.kind == "pairs" else "query"
        as_stored: EmbedAs = "text" if self.labels.kind == "pairs" else "document"
        alone = _may_depend_on_batch(contestant) and len(self.labels.asked) <= _MOST_ALONE
        asked, stored = self._plan.labelled
        sides = [
            self._embed(contestant, asked, self._work_dir / "asked.npy", alone=alone, embed_as=as_asked),
            self._embed(contestant, stored, self._work_dir / "stored.npy", embed_as=as_stored),
        ]
        both: NDArray[np.float32] = np.concatenate(sides)
        if contestant.name == BASELINE:
            np.save(folder / LABELLED_NAME, both)
        return both

    def _embed(
        self, contestant: Contestant, batch: int, path: Path, *, alone: bool = False, embed_as: EmbedAs = "text"
    ) -> NDArray[np.float32]:
        num_texts = self._plan.sizes[batch]
        worth = (
            num_texts if self._plan.labelled is None or batch not in self._plan.labelled else self._plan.labelled_texts
        )
        try:
            contestant.connection.embed(
                batch,
                out=path,
                alone=alone,
                embed_as=embed_as,
                timeout_s=self._pace.timeout_s(round(max(num_texts, worth)), contestant.probe_s_per_text),
            )
        except ChildFailed:
            if shutil.disk_usage(path.parent).free < _NEXT_TO_NOTHING_BYTES:
                raise AdvisorError(
                    f"The disk that holds {path.parent} is full: the embeddings of {contestant.name} could not be "
                    "written.",
                    hint="Free some space, or set ADVISOR_CACHE to a folder on another disk.",
                ) from None
            raise
        embeddings: NDArray[np.float32] = np.load(path, allow_pickle=False)
        dimension = None if self._reference is None else self._reference.shape[1]
        wrong = check_embeddings(embeddings, num_texts=num_texts, dimension=dimension, zeros=self._by.zeros)
        if wrong is not None:
            raise ChildFailed(wrong, log=str(self._log_dir / f"{contestant.name}.log"))
        return embeddings


def _may_depend_on_batch(contestant: Contestant) -> bool:
    """Dynamic int8 has one scale for the activations of a whole batch; static int8's scales are in the file."""
    return contestant.candidate.precision == "int8" and contestant.candidate.runtime == "onnx"
