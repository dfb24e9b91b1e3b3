"""How the tensors of vLLM's paged KV cache lie in memory.

vLLM's attention backends have had three shapes, told apart by their dimensions:

    [blocks, heads, slots, 2 * head size]           keys and values side by side; all backends of newer versions
    [2, blocks, slots, heads, head size]            FlashAttention of older versions
    [blocks, 2, slots, heads, head size]            FlashInfer and Triton of older versions

and for latent attention (MLA) [blocks, 1, slots, size] and [blocks, slots, size]. The order in memory is another one in
many cases (NHD or HND, layers inside of blocks): that is in the strides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.identity import digest
from lmcache_jvm.memory import Place, locate
from lmcache_jvm.plugin import OFFLOADING


class UnsupportedCache(Exception):
    """A KV cache that the protocol cannot describe. The message says why and what to do."""


class Device(Protocol):
    """What is used of a torch.device."""

    @property
    def type(self) -> str: ...


class Tensor(Protocol):
    """What is used of a torch.Tensor."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> object: ...
    @property
    def device(self) -> Device: ...
    def stride(self) -> tuple[int, ...]: ...
    def element_size(self) -> int: ...
    def data_ptr(self) -> int: ...


@dataclass(frozen=True)
class CacheSpec:
    """What vLLM says about its only group of layers."""

    heads: int
    head_size: int
    latent: bool
    # The blocks that its scheduler deals in, and their slots.
    blocks: int
    block_size: int
    # Whether some layers look at their last tokens only, and vLLM keeps all of them nevertheless.
    windows: bool = False


@dataclass(frozen=True)
class _View:
    """A tensor, read as blocks of slots; strides in elements."""

    blocks: int
    slots: int
    plane_stride: int
    block_stride: int
    slot_stride: int
    head_stride: int


def spec_of(kv_cache_config: Any) -> CacheSpec:
    """Reads vLLM's KVCacheConfig, and refuses what the protocol has no words for."""
    groups = kv_cache_config.kv_cache_groups
    if len(groups) != 1:
        raise UnsupportedCache(
            f"the model has {len(groups)} groups of KV cache layers (a hybrid model), this connector knows one; "
            f'use "kv_connector": "{OFFLOADING}", which knows all, or start vLLM with --disable-hybrid-kv-cache-manager'
        )
    spec = groups[0].kv_cache_spec
    kinds = {kind.__name__ for kind in type(spec).__mro__}
    if "FullAttentionSpec" not in kinds:
        raise UnsupportedCache(
            f"layers of {type(spec).__name__} are not supported, only full attention and MLA are; "
            f'use "kv_connector": "{OFFLOADING}"'
        )
    if getattr(spec, "tokens_per_state", 1) != 1:
        raise UnsupportedCache("the cache does not hold one state for each token, as compressed attention does not")
    if getattr(spec, "non_causal", False):
        raise UnsupportedCache("the attention is not causal: KV depends on later tokens, which no prefix names")
    latent = "MLAAttentionSpec" in kinds
    if not latent and getattr(spec, "head_size_v", spec.head_size) != spec.head_size:
        raise UnsupportedCache("keys and values have heads of different sizes")
    heads = 1 if latent else spec.num_kv_heads
    windows = any(getattr(spec, kind, None) is not None for kind in ("sliding_window", "attention_chunk_size"))
    return CacheSpec(heads, spec.head_size, latent, kv_cache_config.num_blocks, spec.block_size, windows)


def layers_of(everything: Any, backend: Any, kv_cache_config: Any) -> dict[str, Any]:
    """The layers of a cache that is one tensor, each with the dimensions that it would have alone: views of it."""
    order = backend.get_kv_cache_stride_order(include_num_layers_dimension=True)
    layers = everything.permute(*(order.index(dimension) for dimension in range(len(order))))
    return {
        name: layers[place]
        for place, tensor in enumerate(kv_cache_config.kv_cache_tensors)
        for name in tensor.shared_by
    }


def describe(tensors: Mapping[str, Tensor], spec: CacheSpec) -> pb.RegisterKvCacheRequest:
    """The shape, regions and layers of a KV cache, in the order of the model's layers. Exports the memory."""
    # Layers that share their KV with an earlier one have its tensor.
    distinct = list({tensors[name].data_ptr(): tensors[name] for name in sorted(tensors, key=_layer_order)}.values())
    if not distinct:
        raise UnsupportedCache("this rank has no KV cache")
    first = distinct[0]
    view = _view(first, spec)
    if any((tensor.shape, tensor.dtype) != (first.shape, first.dtype) for tensor in distinct):
        raise UnsupportedCache("layers differ in the shape of their KV cache")
    request = pb.RegisterKvCacheRequest(
        dtype=_dtype(first.dtype),
        kv_heads=spec.heads,
        head_size=spec.head_size,
        latent=spec.latent,
        blocks=view.blocks,
        block_size=view.slots,
        # Which layers of the model a rank of a pipeline has is a setting of its own.
        tags={"vllm.layers": digest(sorted(tensors))},
    )
    places: list[Place] = []
    for tensor in distinct:
        request.layers.append(_layer(tensor, _view(tensor, spec), places))
    request.regions.extend(place.region for place in places)
    return request


def _layer_order(name: str) -> list[tuple[int, str]]:
    """Sorts `layers.10` behind `layers.9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _layer(tensor: Tensor, view: _View, places: list[Place]) -> pb.Layer:
    pointer = tensor.data_ptr()
    place = next((place for place in places if place.holds(pointer)), None)
    if place is None:
        place = locate(pointer, tensor.device.type)
        places.append(place)
    size = tensor.element_size()
    return pb.Layer(
        region=places.index(place),
        offset=pointer - place.base,
        plane_stride=view.plane_stride * size,
        block_stride=view.block_stride * size,
        slot_stride=view.slot_stride * size,
        head_stride=view.head_stride * size,
    )


def _view(tensor: Tensor, spec: CacheSpec) -> _View:
    view = _latent_view(tensor, spec) if spec.latent else _keys_and_values_view(tensor, spec)
    # vLLM may cut its blocks into smaller ones for a kernel.
    if view.blocks % spec.blocks or view.slots * (view.blocks // spec.blocks) != spec.block_size:
        raise _unknown(tensor, spec)
    if tensor.stride()[-1] != 1:
        raise UnsupportedCache("the elements of a head do not stand side by side in memory")
    return view


def _keys_and_values_view(tensor: Tensor, spec: CacheSpec) -> _View:
    shape, stride = tuple(tensor.shape), tensor.stride()
    if len(shape) == 4 and shape[1] == spec.heads and shape[3] == 2 * spec.head_size:
        return _View(shape[0], shape[2], spec.head_size, stride[0], stride[2], stride[1])
    if len(shape) == 5 and shape[3:] == (spec.heads, spec.head_size):
        # With two blocks both dimensions may be the one of keys and values, but only one has the number of blocks.
        keys_first = shape[0] == 2 and shape[1] % spec.blocks == 0
        blocks_first = shape[1] == 2 and shape[0] % spec.blocks == 0
        if keys_first and not blocks_first:
            return _View(shape[1], shape[2], stride[0], stride[1], stride[2], stride[3])
        if blocks_first and not keys_first:
            return _View(shape[0], shape[2], stride[1], stride[0], stride[2], stride[3])
    raise _unknown(tensor, spec)


def _latent_view(tensor: Tensor, spec: CacheSpec) -> _View:
    shape, stride = tuple(tensor.shape), tensor.stride()
    if len(shape) == 4 and (shape[1], shape[3]) == (1, spec.head_size):
        return _View(shape[0], shape[2], 0, stride[0], stride[2], 0)
    if len(shape) == 3 and shape[2] == spec.head_size:
        return _View(shape[0], shape[1], 0, stride[0], stride[1], 0)
    raise _unknown(tensor, spec)


def _dtype(dtype: object) -> str:
    # torch says float8_e4m3fn, the protocol FP8_E4M3FN.
    name = str(dtype).removeprefix("torch.").upper().replace("FLOAT8_", "FP8_")
    known = pb.Dtype.keys()[1:]
    if name not in known:
        raise UnsupportedCache(f"the element type {dtype} is not supported; known are {', '.join(known)}")
    return name


def _unknown(tensor: Tensor, spec: CacheSpec) -> UnsupportedCache:
    return UnsupportedCache(f"a KV cache of the shape {tuple(tensor.shape)} is unknown for {spec}")
