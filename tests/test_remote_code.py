"""Models that bring Python code of their own: it runs only where the user has said so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from test_encode_load import write

import advisor
from advisor.encode import open_encoder
from advisor.errors import ModelError
from advisor.model import resolve_model
from advisor.types import RuntimeSettings

pytest.importorskip("sentence_transformers", reason="builds the models")

CODE = """
from pathlib import Path

from transformers import BertConfig, BertModel

Path({marker!r}).touch()


class OwnConfig(BertConfig):
    model_type = "own-architecture"


class OwnModel(BertModel):
    config_class = OwnConfig
"""


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that appears when the model's code runs."""
    return tmp_path / "ran"


@pytest.fixture
def model(tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A BERT under a name that transformers does not know, with code that does."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = tiny_models.copy(tiny_models.shared(), tmp_path / "own")
    (folder / "own_code.py").write_text(CODE.format(marker=str(ran)))
    path = folder / "config.json"
    config = json.loads(path.read_text()) | {
        "model_type": "own-architecture",
        "architectures": ["OwnModel"],
        "auto_map": {"AutoConfig": "own_code.OwnConfig", "AutoModel": "own_code.OwnModel"},
    }
    path.write_text(json.dumps(config))
    return folder


def test_the_code_does_not_run_unless_it_is_trusted(model: Path, ran: Path) -> None:
    assert resolve_model(str(model)).trust_remote_code is False
    with pytest.raises(ModelError, match=r"contains custom code .* --trust-remote-code"):
        open_encoder(model, runtime="torch", file=None, settings=RuntimeSettings(threads=1))
    assert not ran.exists()


def test_trusted_code_runs_and_gives_the_model_s_embeddings(model: Path, ran: Path) -> None:
    assert resolve_model(str(model), trust_remote_code=True).trust_remote_code is True
    settings = RuntimeSettings(threads=1)
    with open_encoder(model, runtime="torch", file=None, settings=settings, trust_remote_code=True) as encoder:
        found = encoder.encode(tiny_models.TEXTS)
    assert ran.exists()
    expected = tiny_models.reference(tiny_models.shared(), tiny_models.TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("trusted", [False, True])
def test_the_exporter_runs_the_code_only_where_it_is_trusted(model: Path, ran: Path, trusted: bool) -> None:
    from advisor.export.loading import load

    if trusted:
        assert load(str(model), trust_remote_code=True, threads=1).input_names[0] == "input_ids"
    else:
        with pytest.raises(Exception, match="trust_remote_code"):
            load(str(model), trust_remote_code=False, threads=1)
    assert ran.exists() is trusted


def test_an_artifact_of_such_a_model_loads_only_where_its_code_is_trusted(
    model: Path, ran: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "artifact"
    write(copied, "torch")
    for name in ("config.json", "own_code.py"):
        shutil.copyfile(model / name, copied / name)
    manifest = json.loads((copied / "advisor.json").read_text())
    manifest["artifact"]["files"] = []
    (copied / "advisor.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="contains custom code"):
        advisor.load(copied)
    assert not ran.exists()
    with advisor.load(copied, trust_remote_code=True) as encoder:
        assert encoder.encode("one text").shape == (32,)
    assert ran.exists()
