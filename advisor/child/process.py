"""The parent's side of a child process: start, ask, wait without polling, kill."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.child.forking import Forked, ForkServer
from advisor.errors import ChildFailed


class Child:
    """One child process that runs `python -m MODULE` and answers requests (see `advisor.child.serve`).

    It has a session of its own, so that Ctrl+C reaches the parent alone, which then kills it. All of its output goes
    to `log`. A `server` forks it, with all that the server has imported; it must be ready. Where it cannot, the child
    is started as it is without one.
    """

    def __init__(
        self,
        module: str,
        *,
        name: str,
        log: Path,
        env: Mapping[str, str] | None = None,
        server: ForkServer | None = None,
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = _start(module, log=log, env=env or {}, server=server)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._pending = b""

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def call(self, op: str, *, timeout_s: float, **params: Any) -> dict[str, Any]:
        """Send one request and sleep until its reply.

        Raises ChildFailed if the child raises (the child lives on), ends, is killed by a signal, or takes longer than
        `timeout_s` (the child is then killed).
        """
        self.send(op, **params)
        return self.receive(timeout_s=timeout_s, op=op)

    def send(self, op: str, **params: Any) -> None:
        """Send one request; its reply is read by `receive`."""
        try:
            self._stdin.write(json.dumps({"op": op, "params": params}).encode() + b"\n")
            self._stdin.flush()
        except (BrokenPipeError, ValueError, OSError):
            raise self._ended() from None

    def receive(self, *, timeout_s: float, op: str = "request") -> dict[str, Any]:
        """Sleep until the reply to the last `send`."""
        line = self._read_line(timeout_s, op)
        try:
            reply = json.loads(line)
        except ValueError:
            self.kill()
            raise ChildFailed(f"{self.name} broke the protocol", log=str(self.log), kind="crashed") from None
        if not reply["ok"]:
            raise ChildFailed(str(reply["error"]), log=str(self.log), kind="raised")
        result: dict[str, Any] = reply["result"]
        return result

    def _read_line(self, timeout_s: float, op: str) -> bytes:
        if os.name == "nt":  # select() takes sockets only there; a hang is then ended by the user
            line = self._stdout.readline()
            if not line:
                raise self._ended()
            return line
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                if not selector.select(timeout_s):
                    self.kill()
                    raise ChildFailed(f"no answer to {op} in {timeout_s:.0f} s", log=str(self.log), kind="hung")
                data = os.read(self._stdout.fileno(), 65536)
                if not data:
                    raise self._ended()
                self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _ended(self) -> ChildFailed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        code = self._process.poll()
        self.kill()
        if code is not None and code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
            return ChildFailed(f"the process was killed by {name}{hint}", log=str(self.log), kind="killed")
        return ChildFailed(f"the process ended with exit code {code}", log=str(self.log), kind="crashed")

    def kill(self) -> None:
        """End the child and everything it started, and reap it. Safe to call twice."""
        if self._process.poll() is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except (AttributeError, ProcessLookupError, PermissionError):
                self._process.kill()
        self._process.wait()
        for stream in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                stream.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


def _start(
    module: str, *, log: Path, env: Mapping[str, str], server: ForkServer | None
) -> subprocess.Popen[bytes] | Forked:
    if server is not None:
        with contextlib.suppress(ChildFailed):
            return server.fork(module, log=log, env=env)
    with log.open("ab") as log_file:
        return subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            start_new_session=True,
        )
