"""A .npy file that grows while it is written, and appears under its name only when it is whole."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from advisor.errors import InputError
from advisor.files import umask


class NpyWriter:
    """Writes float32 rows of one length to `path`, with the memory of one block of rows.

    A context manager: the file is renamed into place on a clean exit; any exception leaves what was there before.
    Raises InputError where the file cannot be written. NumPy pads the header so that the number of rows can grow in
    place (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dimension: int | None = None
        self.num_rows = 0

    @property
    def shape(self) -> tuple[int, int]:
        """The shape written so far."""
        return self.num_rows, self._dimension or 0

    def header(self) -> bytes:
        """The file's header, of the same length whatever the number of rows."""
        buffer = io.BytesIO()
        fields = {"descr": "<f4", "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(buffer, fields)
        return buffer.getvalue()

    def append(self, rows: NDArray[np.float32]) -> None:
        """Add rows, `(num_rows, dimension)` float32, of the same dimension each time."""
        with self._writing():
            if self._dimension is None:
                self._dimension = rows.shape[1]
                self._file.write(self.header())
            self._file.write(np.ascontiguousarray(rows, dtype="<f4").data)
        self.num_rows += rows.shape[0]

    def __enter__(self) -> NpyWriter:
        with self._writing():
            descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        self._building = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "w+b")
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc_type is None:
                with self._writing():
                    self._finish()
        finally:
            with contextlib.suppress(OSError):
                self._file.close()
            self._building.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._file.seek(0)
        self._file.write(self.header())
        self._file.close()
        self._building.chmod(0o666 & ~umask())  # mkstemp's 0o600 would lock other users out
        self._building.replace(self._path)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"The embeddings cannot be written to {str(self._path)!r}: {error.strerror or error}."
            ) from None
