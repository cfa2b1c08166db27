"""One error tree. Errors are raised anywhere and printed once, at the edge.

Every message is one sentence that says what is wrong, with which value; `hint` says what to type next.
"""

from __future__ import annotations


class AdvisorError(Exception):
    """Base of everything that advisor raises on purpose. `exit_code` is what the command line returns.

    `about` is the field of a run's description that the error is about (`threads`, `device`, `field`, ...), where the
    place that raises it knows.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None, about: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.about = about

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} {self.hint}"


class ArtifactWarning(UserWarning):
    """An artifact loads, but on another machine or in another version than it was measured with."""


class CandidateWarning(UserWarning):
    """A candidate that another package adds cannot be used; everything else goes on."""


class InputError(AdvisorError):
    """A value, file, field, ruleset or option given by the user is wrong (exit code 2)."""


class UnavailableError(AdvisorError):
    """A model, package, runtime or device is not available here (exit code 3)."""

    exit_code = 3


class ModelError(UnavailableError):
    """The model is missing, cannot be read, or has a part that advisor does not know (exit code 3)."""


class DeviceMemoryError(UnavailableError):
    """A single text does not fit into the memory of the device (exit code 3)."""

    def __init__(self, device: str, said: str) -> None:
        reason = next(iter(said.strip().splitlines()), "no reason given").rstrip(".")
        super().__init__(
            f"The memory of {device} is too small for a batch of one text: {reason}.",
            hint="Close what else uses the device, or cut long texts (max_seq_length).",
        )


class MissingExtraError(UnavailableError):
    """A package that an extra provides is not installed; the hint is the exact pip command (exit code 3)."""

    def __init__(self, package: str, extra: str, *, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed.",
            hint=f"Install it with: pip install 'backend-advisor[{extra}]'",
        )
        self.package = package
        self.extra = extra


class ArtifactError(AdvisorError):
    """An artifact is corrupt, incomplete, or does not give the embeddings that it was written with (exit code 1)."""

    exit_code = 1


class NoArtifactError(ArtifactError):
    """There is no artifact where one is named: a wrong path, and nothing that fails a check (exit code 2)."""

    exit_code = 2


class NoCandidateError(AdvisorError):
    """No candidate meets the constraints (exit code 1)."""

    exit_code = 1


class ChildFailed(AdvisorError):  # noqa: N818 - it says what happened, as KeyboardInterrupt does
    """A child process crashed, was killed, hung or raised. `log` is the path of its output."""

    exit_code = 1

    def __init__(self, message: str, *, log: str | None = None, kind: str = "raised") -> None:
        super().__init__(message)
        self.log = log
        self.kind = kind
