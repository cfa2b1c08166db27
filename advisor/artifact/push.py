"""Push an artifact to a repository on the Hugging Face Hub, in one commit."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from advisor.artifact.layout import transformer_folder
from advisor.artifact.uploads import Remote, Upload, has_model, uploads
from advisor.encode.files import read_object
from advisor.encode.manifest import Manifest, check_file, read_manifest
from advisor.errors import AdvisorError, InputError, UnavailableError
from advisor.model.hub import import_hub
from advisor.types import Runtime, RuntimeSettings
from advisor.version import VERSION

_REPO_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_LOGIN = "Run: hf auth login, with a token that may write to it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What goes to the repository, or went there.

    `url` is that of the commit or of the pull request, None in a dry run and where the repository holds these very
    files. `why_not` says why the repository could not be asked, which only a dry run goes on with.
    """

    repo_id: str
    revision: str | None
    runtime: Runtime
    file_name: str | None
    """The graph's name as `file_name` of Sentence Transformers takes it, None for torch."""
    settings: RuntimeSettings
    files: tuple[Upload, ...]
    dry_run: bool
    has_model: bool
    """Whether the repository holds a model of its own."""
    creates: bool
    """Whether the repository is new."""
    why_not: str | None = None
    url: str | None = None
    unchanged: bool = False

    @property
    def asked(self) -> bool:
        """Whether the repository was asked what it holds."""
        return self.why_not is None

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


def push(
    folder: Path,
    repo_id: str,
    *,
    revision: str | None = None,
    create_pr: bool = False,
    private: bool = False,
    dry_run: bool = False,
    show_bars: bool = False,
) -> Push:
    """Check every hash, then commit the artifact's files to `repo_id`, or open a pull request with them.

    A repository that holds a model gets the graph alone; an empty one gets the whole artifact. A repository that does
    not exist is only made with `private`: a misspelt name must not publish anything.

    Raises ArtifactError where the artifact is not what was written, InputError for a name that is no repository's and
    where the repository holds another model, MissingExtraError without huggingface_hub, and UnavailableError where the
    Hub cannot be asked or says no.
    """
    if not _REPO_ID.fullmatch(repo_id):
        raise InputError(f"{repo_id!r} is no repository's name.", hint="Write owner/name, as on the Hub.")
    if private and create_pr:
        raise InputError("A pull request needs a repository that is there.", hint="Leave out --private or --create-pr.")
    manifest = read_manifest(folder)
    for file in manifest.files:
        check_file(folder, file)
    hub = import_hub(purpose="Pushing to Hugging Face")
    hub.utils.disable_progress_bars()
    hub.utils.logging.set_verbosity_error()
    remote, why_not = _ask(hub, repo_id, revision=revision, private=private, dry_run=dry_run)
    files = uploads(folder, manifest, remote, repo_id=repo_id)
    planned = Push(
        repo_id=repo_id,
        revision=revision,
        runtime=manifest.runtime,
        file_name=None if manifest.file is None else manifest.file.rpartition("/")[2],
        settings=manifest.settings,
        files=files,
        dry_run=dry_run,
        has_model=remote is not None and remote.has_model,
        creates=remote is not None and remote.commit is None,
        why_not=why_not,
    )
    if dry_run or remote is None:
        return planned
    return _commit(hub, planned, remote, manifest, create_pr=create_pr, show_bars=show_bars)


def _ask(
    hub: Any, repo_id: str, *, revision: str | None, private: bool, dry_run: bool
) -> tuple[Remote | None, str | None]:
    """What the repository holds; a dry run goes on without an answer, with the reason."""
    try:
        if hub.constants.HF_HUB_OFFLINE:
            raise _UnreachableError(
                f"Pushing to {repo_id} needs the Hub, and HF_HUB_OFFLINE is set.",
                hint="Unset it, or add --dry-run to see what would go where.",
            )
        if not dry_run and hub.get_token() is None:
            raise UnavailableError(f"Pushing to {repo_id} needs a token of Hugging Face: there is none.", hint=_LOGIN)
        with _said_no(hub, repo_id, revision):
            return _look(hub, repo_id, revision=revision, private=private), None
    except _UnreachableError as error:
        if not dry_run:
            raise
        return None, error.message


class _UnreachableError(UnavailableError):
    """There is no connection."""


def _look(hub: Any, repo_id: str, *, revision: str | None, private: bool) -> Remote:
    try:
        info = hub.model_info(repo_id, revision=revision)
    except hub.errors.GatedRepoError:
        raise
    except hub.errors.RepositoryNotFoundError:
        if not private:
            raise
        if revision is not None:
            raise InputError(
                f"There is no repository {repo_id}, and a new one has no revision {revision!r}.",
                hint="Leave out --revision.",
            ) from None
        return Remote(files=frozenset(), config={}, private=True, commit=None)
    if private and not info.private:
        raise InputError(
            f"The repository {repo_id} is public, and --private was given.",
            hint="Name another one, or leave out --private to push to it.",
        )
    files = frozenset(sibling.rfilename for sibling in info.siblings or ())
    transformer, config = "", {}
    if has_model(files):
        with tempfile.TemporaryDirectory(prefix="advisor-push-") as scratch:

            def fetch(name: str) -> None:
                if name in files:
                    hub.hf_hub_download(repo_id, name, revision=info.sha, local_dir=scratch)

            fetch("modules.json")
            transformer = transformer_folder(Path(scratch))
            own_config = f"{transformer}/config.json".lstrip("/")
            fetch(own_config)
            config = read_object(Path(scratch) / own_config, optional=True)
    return Remote(files=files, transformer=transformer, config=config, private=bool(info.private), commit=info.sha)


def _commit(hub: Any, planned: Push, remote: Remote, manifest: Manifest, *, create_pr: bool, show_bars: bool) -> Push:
    repo_id = planned.repo_id
    operations = [
        hub.CommitOperationAdd(
            path_in_repo=file.target, path_or_fileobj=str(file.source) if file.content is None else file.content
        )
        for file in planned.files
    ]
    if show_bars:
        hub.utils.enable_progress_bars()
    with _said_no(hub, repo_id, planned.revision):
        if planned.creates:
            hub.create_repo(repo_id, private=True)
        done = hub.create_commit(
            repo_id,
            operations,
            commit_message=f"Add {manifest.document.get('winner')}, written by backend-advisor",
            commit_description=_description(manifest),
            revision=planned.revision,
            create_pr=create_pr,
        )
    if done.oid == remote.commit:
        return replace(planned, unchanged=True)
    return replace(planned, url=str(done.pr_url if create_pr else done.commit_url))


def _description(manifest: Manifest) -> str:
    where = (manifest.document.get("hardware") or {}).get("cpu", {}).get("model")
    measured = "" if where is None else f" It was measured on {where}."
    return f"Written by backend-advisor {VERSION}.{measured}"


@contextmanager
def _said_no(hub: Any, repo_id: str, revision: str | None) -> Iterator[None]:
    """Turn what the Hub, its library and the HTTP client raise into one sentence."""
    try:
        yield
    except AdvisorError:
        raise
    except Exception as error:  # the HTTP library's own tree, which differs between versions of huggingface_hub
        raise _sentence(hub, error, repo_id, revision) from error


def _sentence(hub: Any, error: Exception, repo_id: str, revision: str | None) -> AdvisorError:
    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ is not None else error
    status = getattr(getattr(cause, "response", None), "status_code", None)
    if isinstance(cause, hub.errors.GatedRepoError):
        return UnavailableError(f"The repository {repo_id} is gated.", hint="Accept its terms on its page first.")
    if isinstance(cause, hub.errors.RevisionNotFoundError):
        return UnavailableError(
            f"The repository {repo_id} has no revision {revision!r}.",
            hint=f"Make the branch first: hf repos branch create {repo_id} {revision}",
        )
    if isinstance(cause, hub.errors.RepositoryNotFoundError):
        return UnavailableError(
            f"There is no repository {repo_id}, or your token may not see it.",
            hint="Check the spelling; add --private to have a new private one made.",
        )
    if status == 401:
        return UnavailableError("Hugging Face does not accept your token.", hint=_LOGIN)
    if status == 403:
        return UnavailableError(
            f"Your token has no right to write to {repo_id}.", hint=f"{_LOGIN} Or propose it with --create-pr."
        )
    reason = (str(cause).strip() or type(cause).__name__).split("\n")[0].rstrip(".:")
    if status is not None:
        return UnavailableError(f"Hugging Face refused: {reason}.", hint="Try again later.")
    if isinstance(cause, ValueError):
        return InputError(f"Hugging Face takes no such files: {reason}.")
    return _UnreachableError(f"Hugging Face cannot be reached: {reason}.", hint="Check the connection.")
