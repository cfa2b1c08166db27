"""Loading an artifact: hashes first, then the runtime with the settings that were measured."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from fake_gpu import FakeModels, FakeTorch

from advisor.encode import load
from advisor.encode.loading import this_machine
from advisor.errors import ArtifactError, InputError

pytest.importorskip("sentence_transformers", reason="builds the models")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")
pytest.importorskip("openvino", reason="runs OpenVINO graphs")

FILES = {"onnx": "onnx/model.onnx", "openvino": "openvino/openvino_model.xml", "torch": None}


def write(folder: Path, runtime: str = "onnx", **settings: Any) -> Path:
    """An artifact's folder as `advisor recommend` lays it out, with the part of the manifest that loading reads."""
    source = tiny_models.shared()
    tiny_models.copy(source, folder)
    file = FILES[runtime]
    if file is not None:
        graph = tiny_models.shared_onnx(source) if runtime == "onnx" else tiny_models.shared_openvino(source)
        shutil.copytree(graph.parent, folder / runtime)
    files = [
        {
            "name": path.relative_to(folder).as_posix(),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size_bytes": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    manifest = {
        "schema": {"name": "advisor.recommendation", "version": "2.0"},
        "encoder": {"runtime": runtime, "file": file, "settings": {"threads": 1, **settings}},
        "artifact": {"path": "artifact", "files": files},
    }
    (folder / "advisor.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return write(tmp_path / "artifact")


@pytest.mark.parametrize("runtime", ["onnx", "openvino", "torch"])
def test_the_embeddings_are_the_model_s(tmp_path: Path, runtime: str) -> None:
    with load(str(write(tmp_path / "artifact", runtime))) as encoder:
        reference = tiny_models.reference(tiny_models.shared(), tiny_models.TEXTS)
        np.testing.assert_allclose(encoder.encode(tiny_models.TEXTS), reference, atol=1e-4)


def test_the_recorded_settings_are_used(tmp_path: Path) -> None:
    folder = write(tmp_path / "artifact", "openvino", tokens_per_batch=333, num_streams=1, inference_precision="f32")
    with load(folder) as encoder:
        settings = encoder.settings
    assert (settings.tokens_per_batch, settings.num_streams, settings.inference_precision) == (333, 1, "f32")


def test_an_artifact_of_one_gpu_can_be_loaded_on_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "artifact", "torch", device="cuda")
    torch = FakeTorch(num_gpus=2)
    models = FakeModels(torch)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "sentence_transformers", models)
    with load(folder) as first, load(folder, device="cuda:1") as second:
        assert (first.settings.device, second.settings.device) == ("cuda", "cuda:1")
    assert [opened["device"] for opened in models.opened] == ["cuda", "cuda:1"]


@pytest.mark.parametrize(("measured", "device"), [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "cuda:x")])
def test_an_artifact_is_not_loaded_on_another_kind_of_device(tmp_path: Path, measured: str, device: str) -> None:
    folder = write(tmp_path / "artifact", "torch", device=measured)
    with pytest.raises(InputError, match=f"This artifact runs on {measured}, and cannot be loaded on '{device}'"):
        load(folder, device=device)


def test_threads_are_those_recorded_unless_this_machine_has_fewer_or_the_caller_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "artifact", threads=3)
    for usable, asked, used in ((2, None, 2), (8, None, 3), (8, 1, 1), (1, 2, 2)):
        machine = replace(this_machine(), cpu=replace(this_machine().cpu, usable_cores=float(usable)))
        monkeypatch.setattr("advisor.encode.loading.this_machine", lambda machine=machine: machine)
        with load(folder, threads=asked) as encoder:
            assert encoder.settings.threads == used


def test_the_machine_is_the_one_that_the_probe_sees() -> None:
    from advisor.probe import probe

    assert this_machine().cpu == probe(runtimes=False).cpu


def test_a_changed_file_is_named_before_anything_is_loaded(artifact: Path) -> None:
    tokenizer = artifact / "tokenizer.json"
    tokenizer.write_bytes(tokenizer.read_bytes().replace(b"[PAD]", b"[BAD]", 1))
    with pytest.raises(ArtifactError, match=r"tokenizer\.json in the artifact .* is not the file that was written"):
        load(artifact)


def test_a_cut_off_file_is_named(artifact: Path) -> None:
    graph = artifact / "onnx/model.onnx"
    graph.write_bytes(graph.read_bytes()[:-10])
    with pytest.raises(ArtifactError, match=r"onnx/model\.onnx in the artifact .* bytes instead of"):
        load(artifact)


def test_a_missing_file_is_named(artifact: Path) -> None:
    (artifact / "1_Pooling/config.json").unlink()
    with pytest.raises(ArtifactError, match=r"1_Pooling/config\.json is missing"):
        load(artifact)


def test_without_the_check_a_changed_readme_does_no_harm(artifact: Path) -> None:
    (artifact / "config_sentence_transformers.json").write_text("{}")
    with pytest.raises(ArtifactError):
        load(artifact)
    with load(artifact, check=False) as encoder:
        assert encoder.encode("one").shape == (32,)


def set_value(*keys: str, value: Any) -> Any:
    def change(manifest: Any) -> None:
        for key in keys[:-1]:
            manifest = manifest[key]
        manifest[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (set_value("schema", "version", value="3.0"), "schema version 3.0"),
        (set_value("schema", "version", value="1.0"), "Make it again: advisor recommend MODEL --out "),
        (set_value("schema", "name", value="other"), "advisor.recommendation"),
        (
            set_value("encoder", "runtime", value="tensorrt"),
            "encoder.runtime: one of 'torch', 'onnx', 'openvino' is expected, not 'tensorrt'",
        ),
        (set_value("encoder", "settings", value={}), "advisor.json"),
        (set_value("encoder", "settings", "threads", value=0), "names 0 threads"),
        (set_value("encoder", "file", value="../model.onnx"), "outside of the artifact"),
        (lambda manifest: manifest.pop("encoder"), "encoder is missing"),
        (set_value("encoder", "settings", "threads", value=True), "a whole number is expected, not true or false"),
        (lambda manifest: manifest["artifact"]["files"][0].pop("sha256"), "artifact.files[0].sha256 is missing"),
    ],
)
def test_a_damaged_manifest_is_one_sentence(artifact: Path, change: Any, says: str) -> None:
    path = artifact / "advisor.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError) as error:
        load(artifact)
    assert says in str(error.value)


def test_a_folder_that_is_no_artifact_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"is not an artifact: it has no advisor\.json"):
        load(tmp_path)
    with pytest.raises(ArtifactError, match="does not exist"):
        load(tmp_path / "nope")


@pytest.mark.parametrize("threads", [0, True, "2"])
def test_wrong_threads_are_refused(artifact: Path, threads: Any) -> None:
    with pytest.raises(InputError, match="threads must be a positive whole number"):
        load(artifact, threads=threads)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_production_imports_no_torch(tmp_path: Path, runtime: str) -> None:
    folder = write(tmp_path / "artifact", runtime)
    script = (
        "import sys; from advisor.encode import load; load(sys.argv[1]).encode(['one', 'two']);"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'optimum', 'onnx', 'nncf'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False, timeout=600
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(("own", "kept"), [(None, "1"), ("0", "0")])
def test_onnx_runtime_sends_no_usage_statistics_unless_the_user_says_so(own: str | None, kept: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    script = "import os, advisor; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=env if own is None else {**env, "ORT_DISABLE_TELEMETRY": own},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stdout.strip()) == (0, kept), done.stderr


FORKING = """
import os, signal, sys, time
from concurrent.futures import ThreadPoolExecutor
from advisor.encode import load
from advisor.errors import InputError

def use(encoder):
    try:
        encoder.encode("one")
    except InputError as error:
        assert "forked" in error.message

def leave(encoder):
    with encoder:
        use(encoder)

ENDINGS = {
    "use": use,
    "close": lambda encoder: encoder.close(),
    "leave": leave,
    "forget": lambda encoder: globals().pop("encoder"),
    "end": lambda encoder: None,
    "fork": lambda encoder: print("again:", wait(fork(leave))),
}

def fork(ending):
    sys.stdout.flush()
    child = os.fork()
    if not child:
        ending(encoder)
        sys.exit(7)
    return child

def wait(child):
    end = time.monotonic() + 5
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"

encoder = load(sys.argv[1])
expected = encoder.encode(["one", "two", "three"] * 9)
with ThreadPoolExecutor(2) as pool:
    for _ in pool.map(encoder.encode, ["one"] * 9):
        pass
    print({name: code for name, ending in ENDINGS.items() if (code := wait(fork(ending))) != 7})
assert (encoder.encode(["one", "two", "three"] * 9) == expected).all()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.parametrize(("runtime", "streams"), [("onnx", 1), ("onnx", 2), ("openvino", 1), ("openvino", 2)])
def test_a_forked_child_may_close_forget_and_end_and_the_parent_goes_on(
    tmp_path: Path, runtime: str, streams: int
) -> None:
    folder = write(tmp_path / "artifact", runtime, threads=2, num_streams=streams)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stdout.split("\n")[-2:]) == (0, ["{}", ""]), done.stdout + done.stderr
    assert "again: 7" in done.stdout


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_what_runs_a_forgotten_or_closed_model_is_freed(tmp_path: Path, runtime: str) -> None:
    folder = write(tmp_path / "artifact", runtime)
    forgotten, closed = load(folder), load(folder)
    runs = [weakref.ref(encoder.backend) for encoder in (forgotten, closed)]
    closed.close()
    del forgotten
    gc.collect()
    assert [each() for each in runs] == [None, None]
