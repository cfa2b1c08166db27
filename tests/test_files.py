"""A file appears whole, with the permissions of any other, or what was there stays."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from advisor.files import replace_file, sha256_of, umask


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc" * 100_000)
    assert sha256_of(file) == hashlib.sha256(b"abc" * 100_000).hexdigest()


@pytest.mark.parametrize("content", ["grün\n", b"gr\xfc\r\n"])
def test_a_file_is_replaced_byte_for_byte(tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old and longer than what is new")
    replace_file(file, content)
    assert file.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_others_may_read_it_as_far_as_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "a.txt", "text")
        assert umask() == 0o027
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_what_was_there_stays_where_it_cannot_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(file, "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]
