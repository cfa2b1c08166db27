"""What scripts import: `recommend`, `explain`, `sentence_transformer` and `verify`; `load` is `advisor.encode.load`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import defaults
from advisor.events import Event
from advisor.types import ExporterName, Recommendation

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from advisor.artifact import VerifyReport
    from advisor.labels import LabelSource
    from advisor.pipeline import Explanation


def recommend(
    model: str | Path,
    *,
    texts: str | Path | Iterable[str] | None = None,
    field: str | None = None,
    max_loss: float = defaults.MAX_LOSS,
    objective: str = defaults.OBJECTIVE,
    candidates: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    threads: int | None = None,
    device: str | None = None,
    time_budget_s: float = defaults.TIME_BUDGET_S,
    seed: int = defaults.SEED,
    ruleset: str = defaults.RULESET,
    out: str | Path | None = None,
    dry_run: bool = False,
    offline: bool = False,
    trust_remote_code: bool = False,
    fresh: bool = False,
    eval: LabelSource | None = None,  # noqa: A002 - as the option is called, --eval
    eval_field: str | None = None,
    exporter: ExporterName | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Recommendation:
    """Find the fastest backend for a model on this machine and these texts, and write it as an artifact.

    Args:
        model: A folder, a Hugging Face id, or `demo`.
        texts: A file, `-`, `hub:owner/name[:config[:split]]`, or any iterable of str; None takes a built-in sample.
        field: The text column of a table, by name or by number from 1; several with commas.
        max_loss: The accuracy loss that is acceptable, as a share: 0.004 is 0.4 %.
        objective: `throughput`, `latency` or `memory`.
        candidates: Try only these (and the baseline); None tries all that fit the machine.
        skip: Do not try these.
        threads: The thread budget of every runtime; None takes the cores that are granted.
        device: `cpu`, `cuda`, `cuda:1` or `mps`; None takes the first CUDA GPU, else Apple's GPU, else the CPU.
        time_budget_s: How long a run may take at most, from the moment the model is at hand. It ends as soon as it has
            a sound answer. What is still to be tried when the time is spent is skipped, with that reason, and the
            verdict is then `inconclusive`.
        seed: Of the sample and of the order of rounds.
        ruleset: The name of a packaged ruleset, or a TOML file.
        out: The artifact's folder; None takes `advisor-out/<model>`.
        dry_run: Stop before anything is exported.
        offline: Do not ask a hub.
        trust_remote_code: Allow the model's own Python code.
        fresh: Ignore cached exports and rounds.
        eval: Labelled data to measure the loss on: a table of pairs with scores or of triplets, a BEIR-style folder,
            `hub:owner/name[:config[:split]]`, or an iterable of `(text, text, score)` or
            `(anchor, positive, negative)`; None estimates the loss without labels.
        eval_field: The three columns of such a table, `first,second,score` or `anchor,positive,negative`, by name or
            by number from 1.
        exporter: Whose tools make the files, `native` or `optimum`; None takes those that go with what is installed.
        on_event: Is called with each `advisor.events.Event` as it happens.

    Returns:
        The recommendation. Its `winner` is None where no candidate meets the constraints.

    Raises:
        InputError: A value, file or field is wrong.
        UnavailableError: The model or a package is not there.
        ArtifactError: The artifact did not give the embeddings that were measured.
    """
    from advisor.pipeline import RunSpec, run

    spec = RunSpec(
        model=str(model),
        texts=_source(texts),
        field=field,
        max_loss=max_loss,
        objective=objective,
        candidates=None if candidates is None else tuple(candidates),
        skip=tuple(skip),
        threads=threads,
        device=device,
        time_budget_s=time_budget_s,
        seed=seed,
        ruleset=ruleset,
        out=None if out is None else Path(out),
        dry_run=dry_run,
        offline=offline,
        trust_remote_code=trust_remote_code,
        fresh=fresh,
        labels=eval,
        label_field=eval_field,
        exporter=exporter,
    )
    return run(spec, (lambda event: None) if on_event is None else on_event)


def explain(
    model: str | Path | None = None,
    *,
    texts: str | Path | Iterable[str] | None = None,
    field: str | None = None,
    max_loss: float = defaults.MAX_LOSS,
    objective: str = defaults.OBJECTIVE,
    ruleset: str = defaults.RULESET,
    overrides: Sequence[str] = (),
    offline: bool = False,
    trust_remote_code: bool = False,
) -> Explanation:
    """Ask the rules only, in well under a second: nothing is exported or measured.

    `overrides` are what-ifs such as `cpu.vendor=intel`; `trust_remote_code` allows a model whose weights are pickled.
    Raises InputError and UnavailableError as `recommend` does.
    """
    from advisor.pipeline import RunSpec
    from advisor.pipeline import explain as explain_spec

    name = None if model is None else str(model)
    spec = RunSpec(
        model=name or "",
        texts=_source(texts),
        field=field,
        max_loss=max_loss,
        objective=objective,
        ruleset=ruleset,
        offline=offline,
        trust_remote_code=trust_remote_code,
    )
    return explain_spec(spec, model=name, overrides=overrides)


def sentence_transformer(folder: str | Path, *, threads: int | None = None, check: bool = True) -> SentenceTransformer:
    """An artifact as a `SentenceTransformer` object whose `encode` runs on it; see `advisor.encode.drop_in`."""
    from advisor.encode.drop_in import sentence_transformer as open_model

    return open_model(folder, threads=threads, check=check)


def verify(folder: str | Path, *, trust_remote_code: bool = False) -> VerifyReport:
    """Check an artifact's hashes, load it in a fresh process, and compare with its reference embeddings.

    `trust_remote_code` allows the model's own Python code, which a torch winner may need.

    Raises ArtifactError where `folder` is no artifact at all.
    """
    from advisor.artifact import verify as verify_artifact

    return verify_artifact(Path(folder), trust_remote_code=trust_remote_code)


def _source(texts: str | Path | Iterable[str] | None) -> str | Iterable[str] | None:
    return str(texts) if isinstance(texts, Path) else texts
