"""How much goes into a batch, and what happens when a device's memory is too small for it."""

from __future__ import annotations

from advisor.errors import DeviceMemoryError

_SAYS = (
    "failed to allocate memory",
    "out of memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)
"""What PyTorch, ONNX Runtime's arena and CUDA's libraries say, in lower case: their exceptions share no class. Recorded
in https://github.com/microsoft/onnxruntime/issues/9939, .../16307 and .../22702."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a runtime's exception says that memory could not be allocated."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in said for sign in _SAYS)


class BatchLimit:
    """The size of batches, in tokens or texts. It is halved each time memory runs out, and stays low."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lowered = False
        """Whether memory ran out."""

    def lower(self, *, below: int, device: str, error: BaseException) -> None:
        """Let no batch be larger than half of `below`, the size of the one that did not fit.

        Raises DeviceMemoryError if that was a batch of the least size, 1.
        """
        if below <= 1:
            raise DeviceMemoryError(device, str(error)) from error
        self.size = min(self.size, below // 2)
        self.lowered = True
