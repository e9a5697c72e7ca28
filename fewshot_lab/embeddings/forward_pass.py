"""One forward pass that survives a full GPU."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    import torch

WARM, TIMED = 2, 4
"""Batches that a GPU does as it likes, and those that are then timed."""

COMPILING = 40.0
"""Seconds that torch.compile takes for a network of usual size."""

SAVED = 0.3
"""Share of the forward pass's time that it saves at least."""


class Forward:
    """Runs a backbone's module on one device.

    Parameters
    ----------
    module
        uint8 (B, size, size, 3) to float32 (B, d).
    device
        torch's name of the device.
    dtype
        ``"bfloat16"`` for autocast, else ``"float32"``.
    batch_size
        What to begin with; halved whenever the GPU's memory does not suffice.
    images
        How many will come. Once some batches have been timed, the module is compiled if that
        saves more time with the rest of them than it takes; 0 for never.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        device: str,
        dtype: str,
        batch_size: int,
        *,
        images: int = 0,
    ) -> None:
        self.module = module
        self.device = device
        self.batch_size = batch_size
        self._dtype = dtype
        self._compiled: Any = None
        self._left = images
        self._batches = 0
        self._seconds = 0.0

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed pixels of any number, at most :attr:`batch_size` at a time.

        Returns
        -------
        Tensor
            float16 (B, d) on the device; on a GPU perhaps still being computed.

        Raises
        ------
        FewshotLabError
            If not even one image fits into the GPU's memory.
        """
        import torch

        parts, start = [], 0
        while start < len(pixels):
            piece = pixels[start : start + self.batch_size]
            try:
                parts.append(self._timed(piece) if self._left else self._run(piece))
                start += len(piece)
            except torch.OutOfMemoryError as error:
                if self.batch_size == 1:
                    raise FewshotLabError(
                        "The GPU's memory does not hold this backbone with a single image; "
                        "use a smaller backbone or the device cpu."
                    ) from error
                self.batch_size = max(1, min(self.batch_size, len(piece)) // 2)
                self._compiled, self._left = None, 0  # it was made for the full batch
            else:
                continue
            # Outside of the handler, which keeps the failed pass's tensors alive.
            if self.device.startswith("cuda"):
                torch.cuda.empty_cache()
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _timed(self, piece: torch.Tensor) -> torch.Tensor:
        """Run, and find out whether compiling pays."""
        import torch

        def now() -> float:
            if self.device.startswith("cuda"):
                torch.cuda.synchronize(self.device)
            return time.perf_counter()

        began = now()
        vectors = self._run(piece)
        self._batches += 1
        self._left = max(0, self._left - len(piece))
        if self._batches > WARM:
            self._seconds += now() - began
        if self._batches == WARM + TIMED:
            if worth_compiling(self._seconds / (TIMED * len(piece)), self._left):
                self._compiled = torch.compile(self.module, dynamic=False)
            self._left = 0
        return vectors

    def _run(self, piece: torch.Tensor) -> torch.Tensor:
        import torch

        on_gpu = self.device.startswith("cuda")
        if on_gpu:
            piece = piece.to(self.device, non_blocking=True)
        elif self.device != "cpu":
            piece = piece.to(self.device)
        reduced = (
            torch.autocast("cuda", dtype=torch.bfloat16)
            if on_gpu and self._dtype == "bfloat16"
            else nullcontext()
        )
        with torch.inference_mode(), reduced:
            if self._compiled is None:
                embedded: torch.Tensor = self.module(piece).half()
                return embedded
            # Compiled for one shape: the last batch is filled up rather than compiled anew.
            count = len(piece)
            if count < self.batch_size:
                piece = torch.cat([piece, piece[-1:].expand(self.batch_size - count, -1, -1, -1)])
            try:
                embedded = self._compiled(piece)[:count].half()
            except torch.OutOfMemoryError:
                raise
            # The compiler needs a C compiler and a GPU it knows; the module itself does not.
            except Exception:
                self._compiled = None
                embedded = self.module(piece[:count]).half()
            return embedded


def worth_compiling(seconds_per_image: float, images: int) -> bool:
    """Say whether torch.compile saves more time than it takes."""
    return SAVED * seconds_per_image * images > COMPILING
