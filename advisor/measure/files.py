"""Where candidates' files come from. They are made when their turn comes, which may be never."""

from __future__ import annotations

from typing import Protocol

from advisor.catalogue import Candidate
from advisor.types import Exported


class Files(Protocol):
    """Makes files, or finds them. Its methods may say so to a user."""

    def is_ready(self, candidate: Candidate) -> bool:
        """Whether nothing has to be made: a torch candidate, or files that are there."""
        ...

    def make(self, candidate: Candidate, *, within_s: float) -> Exported:
        """The files, given up after `within_s` seconds. Raises ChildFailed; its kind is `unneeded` where the files
        would bring nothing, and `hung` where they took too long."""
        ...
