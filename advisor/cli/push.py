"""`advisor push`: an artifact's files in a repository on the Hub, where Sentence Transformers looks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli import options
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import err, out, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advisor.artifact.push import Push


@click.command("push", short_help="Push an artifact to the Hugging Face Hub.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--create-pr", is_flag=True, help="Open a pull request instead of committing.")
@click.option("--dry-run", is_flag=True, help="List each file with its size and where it would go; push nothing.")
@click.option("--private", is_flag=True, help="Make the repository, as a private one, if there is none.")
@click.option("--revision", metavar="BRANCH", help="The branch to commit to; main by default.")
@options.as_json
@click.option("-q", "--quiet", is_flag=True, help="Print the URL alone.")
@shared_options
@click.pass_obj
def command(session: Session, /, artifact: Path, repository: str, as_json: bool, quiet: bool, **asked: Any) -> None:
    """Push ARTIFACT's files to OWNER/NAME on the Hub, where Sentence Transformers looks for them, in one commit.

    A repository that holds the model gets the winner's graph alone; an empty one gets the whole artifact. Every hash is
    checked first.
    """
    from advisor.artifact.push import push

    session.after_interrupt = "there is no commit, and the same command uploads what is missing"
    show_bars = err(session).live and not (quiet or as_json)
    done = push(artifact, repository, show_bars=show_bars, **asked)
    if as_json:
        write_json(_document(done))
    elif quiet:
        if done.url is not None:
            click.echo(done.url)
    else:
        stream = out(session)
        for line in _lines(done):
            stream.print(line)


def _lines(done: Push) -> Iterator[str]:
    from advisor.report import format as fmt

    branch = "" if done.revision is None else f" at {done.revision}"
    if done.why_not is not None:
        yield f"{done.why_not} So this is all that could go; where a model is already, it is the first lines alone."
    what = "would go" if done.dry_run else "went"
    files, size = fmt.plural(len(done.files), "file"), fmt.size(done.size_bytes)
    if done.unchanged:
        yield f"{done.repo_id}{branch} holds these very files: nothing was pushed."
    else:
        yield f"{files}, {size} {what} to {done.repo_id}{branch}, {_state(done)}"
    width = max((len(file.target) for file in done.files), default=0)
    for file in done.files:
        note = {None: "", True: "  replaces the one there", False: ""}[file.replaces]
        yield f"  {file.target.ljust(width)}  {fmt.size(file.size_bytes):>7}{note}"
    yield ""
    yield f"Use     {_snippet(done)}"
    if done.url is not None:
        yield f"See     {done.url}"


def _state(done: Push) -> str:
    if done.why_not is not None:
        return "which was not asked"
    if done.creates:
        return "a new private repository"
    return "which holds the model" if done.has_model else "which holds no model"


def _snippet(done: Push) -> str:
    """How Sentence Transformers 5.7 loads it; it takes a torch winner as any model."""
    from advisor.report.loading import model_kwargs

    options = "" if done.file_name is None else f', backend="{done.runtime}"'
    options += "" if done.revision is None else f', revision="{done.revision}"'
    arguments = model_kwargs(done.runtime, file_name=done.file_name, settings=done.settings)
    options += f", model_kwargs={json.dumps(arguments)}"
    return f'SentenceTransformer("{done.repo_id}"{options})'


def _document(done: Push) -> dict[str, Any]:
    return {
        "schema": {"name": "advisor.push", "version": "1.0"},
        "repository": done.repo_id,
        "revision": done.revision,
        "dry_run": done.dry_run,
        "asked": done.asked,
        "has_model": done.has_model if done.asked else None,
        "creates": done.creates if done.asked else None,
        "files": [
            {"path": file.target, "part": file.part, "size_bytes": file.size_bytes, "replaces": file.replaces}
            for file in done.files
        ],
        "unchanged": done.unchanged,
        "url": done.url,
    }
