"""The fork server: imports a heavy package once and forks children that have it. Started by `advisor.child.forking`.

It has one thread from start to end: a fork copies only the thread that calls it, and a lock that another thread holds
at that moment stays locked in the child for ever.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import time
import traceback
from array import array
from dataclasses import dataclass, field
from typing import Any

from advisor.child.resident import resident_file_pages, touch
from advisor.child.serve import one_line

NUMBER_BYTES = 4
"""Process ids and exit codes are sent as signed integers of this size, in the machine's byte order."""

_MAX_REQUEST_BYTES = 1 << 17
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@dataclass(slots=True, kw_only=True)
class _Server:
    """Forks a child for each request.

    A request is one packet on `control`: the module to run and the environment variables to set, with the
    descriptors for the child's stdin, stdout and log, and one to tell the child's process id and later its exit code.
    """

    control: socket.socket
    pages: array[int]
    """Of the libraries' files, what the import left in memory: a child counts it as its own."""
    endings: dict[int, int] = field(default_factory=dict)
    """For each child that runs, the descriptor that its exit code goes to."""

    def serve(self) -> str | None:
        """Returns None in the server when the parent has gone, and in each child the module that it is to run."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # nothing is written to the wake-up pipe without a handler
        signal.set_wakeup_fd(wake)
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            module = None
            while module is None:
                ready = {key.fileobj for key, _ in selector.select()}
                if woken in ready:
                    os.read(woken, 4096)
                    self._reap()
                if self.control in ready:
                    packet, descriptors, _, _ = socket.recv_fds(self.control, _MAX_REQUEST_BYTES, 4)
                    if not packet:
                        return None
                    module = self._fork(json.loads(packet), descriptors)
        os.close(woken)
        os.close(wake)
        return module

    def _reap(self) -> None:
        for pid in list(self.endings):
            reaped, status = os.waitpid(pid, os.WNOHANG)
            if reaped:
                ending = self.endings.pop(pid)
                _tell(ending, os.waitstatus_to_exitcode(status))
                os.close(ending)

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> str | None:
        """The module to run in the child, None in the server."""
        *streams, ending = descriptors
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # too little memory or too many processes; the parent sees that no process id comes
            traceback.print_exc()
            pid = -1
        if pid == 0:
            self._leave_server(server)
            for standard, stream in enumerate(streams):
                os.dup2(stream, standard)
            os.environ.update(request["env"])
            touch(self.pages)
        if pid > 0:
            _tell(ending, pid)
            self.endings[pid] = ending
        else:
            os.close(ending)
        for stream in streams:
            os.close(stream)
        return str(request["module"]) if pid == 0 else None

    def _leave_server(self, server: int) -> None:
        """Give the child a session of its own, and leave it nothing of the server's."""
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:  # it was killed before the kernel knew
            os._exit(1)
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.control.close()
        for ending in self.endings.values():
            os.close(ending)


def _tell(descriptor: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent does not want to know
        os.write(descriptor, number.to_bytes(NUMBER_BYTES, sys.byteorder, signed=True))


def _import(module: str) -> float:
    """Import what every child needs; seconds. Raises RuntimeError if that leaves threads behind."""
    start = time.perf_counter()
    importlib.import_module(module)
    import_s = time.perf_counter() - start
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise RuntimeError(f"{threads} threads run after the import, and such a process cannot be forked safely")
    gc.collect()
    gc.freeze()  # a child's collections leave the pages that it shares with the others alone
    return import_s


def main() -> None:
    """Import, tell the parent how it went, then fork until the parent goes. A child goes on as `python -m MODULE`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        import_s = _import(sys.argv[2])
        pages = resident_file_pages()
    except Exception as error:
        traceback.print_exc()
        control.send(json.dumps({"error": one_line(error)}).encode())
        return
    control.send(json.dumps({"import_s": import_s}).encode())
    module = _Server(control=control, pages=pages).serve()
    if module is not None:
        del sys.argv[1:]
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
