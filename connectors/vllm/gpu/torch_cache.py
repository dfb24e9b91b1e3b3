"""A rank's paged KV cache in a torch tensor: in GPU memory, or in shared memory on a machine without a GPU."""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from paged_cache import GARBAGE, Shape, layer_views, shared_memory_file, token_slots

# torch can do more with signed numbers than with unsigned ones.
_SIGNED = {1: torch.uint8, 2: torch.int16, 4: torch.int32}


class TorchCache:
    """What tests/paged_cache.py's PagedCache is to numpy; all layers are views of one allocation."""

    def __init__(self, shape: Shape, rank: int = 0) -> None:
        self.shape = shape
        _, extent = shape.extent()
        self.device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
        self._file: Path | None = None
        bits = self._allocate(math.prod(extent), _SIGNED[shape.bits.itemsize]).view(extent)
        bits.fill_(GARBAGE)
        seen, self.values = layer_views(shape, bits.view(getattr(torch, shape.dtype)))
        _, self.view = layer_views(shape, bits)
        assert self.view.data_ptr() == bits.data_ptr()
        self.tensors = {f"model.layers.{layer}.attn": seen[layer] for layer in range(shape.layers)}

    def _allocate(self, elements: int, dtype: torch.dtype) -> torch.Tensor:
        if self.device.type == "cuda":
            return torch.empty(elements, dtype=dtype, device=self.device)
        self._file = shared_memory_file()
        return torch.from_file(str(self._file), shared=True, size=elements, dtype=dtype)

    def active(self) -> Any:
        """The context in which an engine calls the connector."""
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()

    def slots(self, block_ids: list[int], first: int, end: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Block and slot of each token."""
        blocks, slots = token_slots(self.shape, block_ids, first, end)
        return torch.from_numpy(blocks).to(self.device), torch.from_numpy(slots).to(self.device)

    def write(self, block_ids: list[int], first: int, values: np.ndarray) -> None:
        """Queued on the GPU, not done: the connector has to wait for it."""
        blocks, slots = self.slots(block_ids, first, first + len(values))
        signed = values.view(f"int{8 * values.itemsize}") if values.itemsize > 1 else values
        self.view[:, blocks, :, slots] = torch.from_numpy(signed).to(self.device)

    def read(self, block_ids: list[int], first: int, end: int) -> np.ndarray:
        """The values of tokens, as `write` takes them."""
        blocks, slots = self.slots(block_ids, first, end)
        return self.view[:, blocks, :, slots].cpu().numpy().view(self.shape.bits)

    def scribble(self, block_ids: list[int]) -> None:
        """Makes the blocks' content worthless."""
        blocks, slots = self.slots(block_ids, 0, len(block_ids) * self.shape.block_size)
        self.view[:, blocks, :, slots] = GARBAGE

    def close(self) -> None:
        """Gives the memory back."""
        self.tensors.clear()
        del self.view, self.values
        if self._file is not None:
            self._file.unlink()
        else:
            torch.cuda.empty_cache()
