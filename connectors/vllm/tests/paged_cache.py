"""A rank's paged KV cache in POSIX shared memory, in the shapes that vLLM has."""

from __future__ import annotations

import os
import uuid
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
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
    dtype: str = "bfloat16"

    @property
    def latent(self) -> bool:
        return self.kind.startswith("mla")

    @property
    def planes(self) -> int:
        return 1 if self.latent else 2

    @property
    def bits(self) -> np.dtype[Any]:
        """The unsigned numbers that stand for the elements."""
        return np.dtype({"float32": np.uint32, "bfloat16": np.uint16, "float16": np.uint16}.get(self.dtype, np.uint8))

    def extent(self) -> tuple[list[str], list[int]]:
        """The dimensions in memory, with their sizes, of all layers together."""
        slots = self.kernel_block_size or self.block_size
        blocks = self.blocks * (self.block_size // slots)
        sizes = {"L": self.layers, "B": blocks, "P": self.planes, "N": slots, "H": self.heads, "D": self.head_size}
        sizes["PD"] = self.planes * self.head_size
        in_memory, _ = KINDS[self.kind]
        return in_memory, [sizes[dimension] for dimension in in_memory]


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


# What no computation gives: see Numbers.
GARBAGE = 0xEE


class Tensor:
    """A numpy array that answers as a torch.Tensor does."""

    device = SimpleNamespace(type="cpu")

    def __init__(self, array: np.ndarray, dtype: str = "bfloat16") -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = f"torch.{dtype}"

    def stride(self) -> tuple[int, ...]:
        return tuple(stride // self.array.itemsize for stride in self.array.strides)

    def element_size(self) -> int:
        return self.array.itemsize

    def data_ptr(self) -> int:
        return self.array.ctypes.data


def layer_views(shape: Shape, everything: Any) -> tuple[Any, Any]:
    """Views of all layers: `[layer, ...]` as vLLM sees them, and `[layer, block, plane, slot, head, element]`.

    For arrays of numpy and tensors of torch.
    """
    in_memory, seen = KINDS[shape.kind]
    dimensions = ["L", *seen]
    views = _permute(everything, [in_memory.index(dimension) for dimension in dimensions])
    plain = views
    if dimensions[-1] == "PD":
        # Splitting a dimension makes no copy.
        plain, dimensions = plain.reshape(*plain.shape[:-1], 2, shape.head_size), [*dimensions[:-1], "P", "D"]
    for missing in sorted({"P", "H"} - set(dimensions)):
        plain, dimensions = plain[..., None], [*dimensions, missing]
    return views, _permute(plain, [dimensions.index(dimension) for dimension in ("L", "B", "P", "N", "H", "D")])


def _permute(array: Any, axes: list[int]) -> Any:
    return array.permute(axes) if hasattr(array, "permute") else array.transpose(axes)


def token_slots(shape: Shape, block_ids: list[int], first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Block and slot of each token, in the tensors' blocks."""
    size = shape.block_size
    kernel = shape.kernel_block_size or size
    tokens = np.arange(first, end)
    slots = np.asarray(block_ids, dtype=np.int64)[tokens // size] * size + tokens % size
    return slots // kernel, slots % kernel


def shared_memory_file() -> Path:
    """A new name for POSIX shared memory; it tells whose it is, for those who clean up behind a process killed."""
    return Path(f"/dev/shm/lmcache-vllm-test-{os.getpid()}-{uuid.uuid4().hex}")


class PagedCache:
    """The tensors, and a view `[layer, block, plane, slot, head, element]` of all of them."""

    def __init__(self, shape: Shape, _rank: int = 0) -> None:
        self.shape = shape
        _, extent = shape.extent()
        self._file = shared_memory_file()
        everything = np.memmap(self._file, shape.bits, "w+", shape=tuple(extent))
        everything[:] = GARBAGE
        seen, self.view = layer_views(shape, everything)
        assert np.shares_memory(self.view, everything)
        self.tensors = {f"model.layers.{layer}.attn": Tensor(seen[layer], shape.dtype) for layer in range(shape.layers)}

    def active(self) -> AbstractContextManager[None]:
        """The context in which an engine calls the connector."""
        return nullcontext()

    def write(self, block_ids: list[int], first: int, values: np.ndarray) -> None:
        """Writes values `[token, layer, plane, head, element]` from token `first` on."""
        blocks, slots = token_slots(self.shape, block_ids, first, first + len(values))
        self.view[:, blocks, :, slots] = values

    def read(self, block_ids: list[int], first: int, end: int) -> np.ndarray:
        """The values of tokens, as `write` takes them."""
        blocks, slots = token_slots(self.shape, block_ids, first, end)
        return self.view[:, blocks, :, slots]

    def scribble(self, block_ids: list[int]) -> None:
        """Makes the blocks' content worthless."""
        blocks, slots = token_slots(self.shape, block_ids, 0, len(block_ids) * self.shape.block_size)
        self.view[:, blocks, :, slots] = GARBAGE

    def close(self) -> None:
        self._file.unlink()


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
