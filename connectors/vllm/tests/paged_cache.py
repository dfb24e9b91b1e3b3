"""A rank's paged KV cache in POSIX shared memory, in the shapes that vLLM has."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from multiprocessing import shared_memory
from types import SimpleNamespace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Shape:
    """What a rank holds."""

    kind: str
    layers: int = 3
    heads: int = 2
    head_size: int = 8
    blocks: int = 64
    block_size: int = 16
    # vLLM's kernels may have smaller blocks than its scheduler.
    kernel_block_size: int | None = None

    @property
    def latent(self) -> bool:
        return self.kind.startswith("mla")

    @property
    def planes(self) -> int:
        return 1 if self.latent else 2


# For each kind: the dimensions in memory, outermost first, and the order in which vLLM sees them. L layers, B blocks,
# P keys and values, N slots, H heads, D elements; "PD" is one dimension of both.
KINDS = {
    "packed NHD": (["L", "B", "N", "H", "PD"], ["B", "H", "N", "PD"]),
    "packed HND": (["L", "B", "H", "N", "PD"], ["B", "H", "N", "PD"]),
    "packed, layers in blocks": (["B", "L", "H", "N", "PD"], ["B", "H", "N", "PD"]),
    "packed, heads outermost": (["L", "H", "B", "N", "PD"], ["B", "H", "N", "PD"]),
    "keys first NHD": (["L", "P", "B", "N", "H", "D"], ["P", "B", "N", "H", "D"]),
    "keys first HND": (["L", "P", "B", "H", "N", "D"], ["P", "B", "N", "H", "D"]),
    "blocks first NHD": (["L", "B", "P", "N", "H", "D"], ["B", "P", "N", "H", "D"]),
    "blocks first HND": (["L", "B", "P", "H", "N", "D"], ["B", "P", "N", "H", "D"]),
    "mla": (["L", "B", "N", "D"], ["B", "N", "D"]),
    "mla, one head": (["L", "B", "H", "N", "D"], ["B", "H", "N", "D"]),
}


class Tensor:
    """A numpy array that answers as a torch.Tensor of bfloat16 does."""

    dtype = "torch.bfloat16"
    device = SimpleNamespace(type="cpu")

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape = array.shape

    def stride(self) -> tuple[int, ...]:
        return tuple(stride // self.array.itemsize for stride in self.array.strides)

    def element_size(self) -> int:
        return self.array.itemsize

    def data_ptr(self) -> int:
        return self.array.ctypes.data


class PagedCache:
    """The tensors, and a view `[layer, block, plane, slot, head, element]` of all of them."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        in_memory, as_vllm_sees = KINDS[shape.kind]
        slots = shape.kernel_block_size or shape.block_size
        blocks = shape.blocks * (shape.block_size // slots)
        sizes = {"L": shape.layers, "B": blocks, "P": shape.planes, "N": slots, "H": shape.heads, "D": shape.head_size}
        sizes["PD"] = shape.planes * shape.head_size
        extent = [sizes[dimension] for dimension in in_memory]
        self.memory = shared_memory.SharedMemory(
            f"lmcache-test-{uuid.uuid4().hex}", create=True, size=2 * int(np.prod(extent))
        )
        everything = np.frombuffer(self.memory.buf, dtype=np.uint16).reshape(extent)
        everything[:] = 0xDEAD
        layers = np.moveaxis(everything, in_memory.index("L"), 0)
        inner = [dimension for dimension in in_memory if dimension != "L"]
        seen = layers.transpose([0] + [1 + inner.index(dimension) for dimension in as_vllm_sees])
        self.tensors = {f"model.layers.{layer}.attn": Tensor(seen[layer]) for layer in range(shape.layers)}
        self.view = self._canonical(seen, as_vllm_sees)

    @staticmethod
    def _canonical(seen: np.ndarray, dimensions: list[str]) -> np.ndarray:
        dimensions = ["L", *dimensions]
        if "PD" in dimensions:
            # Splitting the innermost dimension keeps it a view.
            size = seen.shape[-1] // 2
            strides = (*seen.strides[:-1], size * seen.itemsize, seen.itemsize)
            seen = np.lib.stride_tricks.as_strided(seen, (*seen.shape[:-1], 2, size), strides)
            dimensions = [*dimensions[:-1], "P", "D"]
        for missing in {"P", "H"} - set(dimensions):
            seen, dimensions = seen[..., np.newaxis], [*dimensions, missing]
        return seen.transpose([dimensions.index(dimension) for dimension in ("L", "B", "P", "N", "H", "D")])

    def slots(self, block_ids: list[int], first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Block and slot of each token, in the tensors' blocks."""
        size = self.shape.block_size
        kernel = self.shape.kernel_block_size or size
        tokens = np.arange(first, end)
        slots = np.asarray(block_ids, dtype=np.int64)[tokens // size] * size + tokens % size
        return slots // kernel, slots % kernel

    def write(self, block_ids: list[int], first: int, values: np.ndarray) -> None:
        """Writes values `[token, layer, plane, head, element]` from token `first` on."""
        blocks, slots = self.slots(block_ids, first, first + len(values))
        self.view[:, blocks, :, slots] = values

    def read(self, block_ids: list[int], first: int, end: int) -> np.ndarray:
        """The values of tokens, as `write` takes them."""
        blocks, slots = self.slots(block_ids, first, end)
        return self.view[:, blocks, :, slots]

    def close(self) -> None:
        self.view = None
        for tensor in self.tensors.values():
            tensor.array = None
        self.memory.unlink()
        # Somebody may still look at it, such as a traceback; the memory goes with the process.
        with contextlib.suppress(BufferError):
            self.memory.close()


def kv_cache_config(shape: Shape) -> Any:
    """vLLM's description of such a cache."""
    kind = type("MLAAttentionSpec", (FullAttentionSpec,), {}) if shape.latent else FullAttentionSpec
    spec = kind(shape.heads, shape.head_size, shape.block_size)
    return SimpleNamespace(num_blocks=shape.blocks, kv_cache_groups=[SimpleNamespace(kv_cache_spec=spec)])


@dataclass
class FullAttentionSpec:
    """As vLLM's."""

    num_kv_heads: int
    head_size: int
    block_size: int
