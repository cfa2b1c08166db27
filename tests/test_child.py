"""Child processes: the protocol survives chatter, and every way to end is told apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from advisor.child.process import Child
from advisor.errors import ChildFailed

CHILDREN = Path(__file__).parent / "children"


@pytest.fixture
def child(tmp_path):
    with Child("echo_child", name="echo", log=tmp_path / "echo.log", env={"PYTHONPATH": str(CHILDREN)}) as started:
        yield started


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_what_a_library_prints_lands_in_the_log_and_not_in_the_reply(child):
    assert child.call("noisy", timeout_s=300, text="ü\n") == {"text": "ü\n"}
    child.kill()
    log = child.log.read_text()
    assert "chatter on stdout" in log
    assert "chatter from C on fd 1" in log
    assert "chatter on stderr" in log


def test_a_raising_request_is_one_line_and_the_child_lives_on(child):
    with pytest.raises(ChildFailed, match=r"^ValueError: cannot do it$") as caught:
        child.call("fail", timeout_s=300, what="it")
    assert caught.value.kind == "raised"
    assert "Traceback" in child.log.read_text()
    assert child.call("noisy", timeout_s=300) == {}


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_child_killed_by_a_signal_is_named_so(child, name):
    with pytest.raises(ChildFailed, match=name) as caught:
        child.call("die", timeout_s=300, signal=name)
    assert caught.value.kind == "killed"


def test_a_child_that_leaves_tells_its_exit_code_and_cannot_be_asked_again(child):
    with pytest.raises(ChildFailed, match="exit code 7"):
        child.call("leave", timeout_s=300, code=7)
    with pytest.raises(ChildFailed):
        child.call("noisy", timeout_s=300)


def test_a_child_that_hangs_is_killed(child):
    with pytest.raises(ChildFailed, match=r"no answer to nap in 0 s|no answer to nap in 1 s") as caught:
        child.call("nap", timeout_s=0.6, seconds=600)
    assert caught.value.kind == "hung"
    assert gone(child.pid)


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
def test_killing_a_child_ends_what_it_started(child):
    grandchild = child.call("spawn", timeout_s=300)["pid"]
    child.kill()
    assert gone(grandchild)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_when_the_parent_is_killed_the_child_leaves_even_in_the_middle_of_work(tmp_path):
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from advisor.child.process import Child
        env = {{"PYTHONPATH": {str(CHILDREN)!r}}}
        child = Child("echo_child", name="echo", log=Path({str(tmp_path / "log")!r}), env=env)
        child.call("noisy", timeout_s=300)
        child.send("nap", seconds=600)
        print(child.pid, flush=True)
        import time; time.sleep(600)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(pid)


def test_a_waiting_parent_uses_no_processor_time(child):
    child.call("noisy", timeout_s=300)
    before = time.process_time()
    child.call("nap", timeout_s=300, seconds=1.0)
    assert time.process_time() - before < 0.1
