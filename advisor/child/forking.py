"""The parent's side of the fork server: start it, fork children from it, end it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from advisor.child.forkserver import NUMBER_BYTES
from advisor.errors import ChildFailed

_FORK_TIMEOUT_S = 60.0
"""A fork takes milliseconds, unless the machine swaps."""

_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""NumPy's and SciPy's OpenBLAS start threads when they are imported, and so does the allocator in pyarrow."""


def can_fork() -> bool:
    """Whether children may be forked from a process that has imported much.

    Only on Linux. On macOS system libraries may start threads, which makes a fork crash:
    https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods. Windows has no fork.
    """
    return sys.platform == "linux"


class Forked:
    """A child that the server forked, with the part of `subprocess.Popen` that `Child` needs."""

    def __init__(self, pid: int, *, stdin: BinaryIO, stdout: BinaryIO, ending: BinaryIO) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self._ending = ending
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the child runs."""
        return self._exit_code(0)

    def wait(self, timeout: float | None = None) -> int:
        """Sleep until the child has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._exit_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return code

    def kill(self) -> None:
        """Kill the child, and not what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _exit_code(self, timeout_s: float | None) -> int | None:
        if self._code is None and _readable(self._ending, timeout_s):
            # The end of the file says that the server has gone; the kernel then kills what it forked.
            code = _number(self._ending)
            self._code = -signal.SIGKILL if code is None else code
            self._ending.close()
        return self._code


class ForkServer:
    """A process that has imported the module `preload` and forks children from itself.

    Wait until it is `ready` before you `fork`. The variables in `env` that a library reads when it is imported, such
    as OMP_NUM_THREADS, must be given here. The kernel kills the children when the server ends.

    `preload` must not touch CUDA when it is imported: a forked child cannot use it then
    (https://docs.pytorch.org/docs/stable/notes/multiprocessing.html#poison-fork-in-multiprocessing).
    """

    def __init__(self, preload: str, *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self._preload = preload
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "advisor.child.forkserver", str(theirs.fileno()), preload],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {}), **_NO_THREADS},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def ready(self, *, timeout_s: float) -> float:
        """Sleep until the import has ended; the seconds that it took.

        Raises ChildFailed if it failed, left threads behind, which make a fork unsafe, or takes longer than
        `timeout_s`. The server is of no use then.
        """
        if not _readable(self._control, timeout_s):
            raise self._failed(f"no answer in {timeout_s:.0f} s", kind="hung")
        try:
            packet = self._control.recv(4096)
        except ConnectionError:
            packet = b""
        if not packet:
            raise self._failed("the process ended", kind="crashed")
        answer = json.loads(packet)
        if "error" in answer:
            raise self._failed(answer["error"], kind="raised")
        return float(answer["import_s"])

    def fork(self, module: str, *, log: Path, env: Mapping[str, str] | None = None) -> Forked:
        """Fork a child that goes on as `python -m MODULE` would, with the variables in `env`, its stderr in `log`.

        Raises ChildFailed if the server has gone or the system refuses.
        """
        request = json.dumps({"module": module, "env": dict(env or {})}).encode()
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            their_stdin, stdin = _pipe(theirs, ours)
            stdout, their_stdout = _pipe(ours, theirs)
            ending, their_ending = _pipe(ours, theirs)
            descriptors = [their_stdin, their_stdout, theirs.enter_context(log.open("ab")), their_ending]
            try:
                socket.send_fds(self._control, [request], [file.fileno() for file in descriptors])
            except OSError:
                raise self._failed("the fork server has gone", kind="crashed") from None
            theirs.close()  # so that the pipes end with the server and the child
            pid = _number(ending) if _readable(ending, _FORK_TIMEOUT_S) else None
            if pid is None:
                raise self._failed("no child could be forked", kind="crashed")
            ours.pop_all()
        return Forked(pid, stdin=stdin, stdout=stdout, ending=ending)

    def close(self) -> None:
        """End the server and reap it; the kernel kills the children that still run. Safe to call twice."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _failed(self, message: str, *, kind: str) -> ChildFailed:
        return ChildFailed(f"importing {self._preload} ahead: {message}", log=str(self._log), kind=kind)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Preload:
    """A fork server that is started when it is first needed, and only where processes can be forked.

    `env` is that of `ForkServer`. Use it as a context manager, or `close` it.
    """

    def __init__(self, module: str, *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self._module = module
        self._log = log
        self._env = env
        self._server: ForkServer | None = None
        self._gone = not can_fork()
        self._import_s: float | None = None

    @property
    def begun(self) -> bool:
        """Whether the import is under way or done."""
        return self._server is not None

    @property
    def import_s(self) -> float:
        """The seconds that the import took; 0 where there was none."""
        return self._import_s or 0.0

    def begin(self) -> None:
        """Start the import, if it is not under way, and do not wait for it."""
        if self._server is None and not self._gone:
            self._server = ForkServer(self._module, log=self._log, env=self._env)

    def server(self, *, timeout_s: float) -> ForkServer | None:
        """The server, after its import; None where there is none, and each child imports for itself."""
        self.begin()
        if self._server is not None and self._import_s is None:
            try:
                self._import_s = self._server.ready(timeout_s=timeout_s)
            except ChildFailed:
                self.close()
        return self._server

    def close(self) -> None:
        """End the server; what was forked from it must have ended. Safe to call twice."""
        self._gone = True
        if self._server is not None:
            self._server.close()
            self._server = None

    def __enter__(self) -> Preload:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """A pipe, each end closed by its own stack."""
    read, write = os.pipe()
    return reader.enter_context(os.fdopen(read, "rb", 0)), writer.enter_context(os.fdopen(write, "wb"))


def _readable(source: BinaryIO | socket.socket, timeout_s: float | None) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        return bool(selector.select(timeout_s))


def _number(pipe: BinaryIO) -> int | None:
    """The next number from the server; None at the end of the pipe."""
    data = pipe.read(NUMBER_BYTES)
    return int.from_bytes(data, sys.byteorder, signed=True) if data else None
