"""What the connector reads out of tensors, and what it refuses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from paged_cache import FullAttentionSpec, PagedCache, Shape, Tensor, kv_cache_config

from lmcache_jvm.layout import CacheSpec, UnsupportedCache, describe, layers_of, spec_of
from lmcache_jvm.memory import NotShareable


def refusal(config: Any) -> str:
    with pytest.raises(UnsupportedCache) as refused:
        spec_of(config)
    return str(refused.value)


def config_of(*specs: Any) -> Any:
    return SimpleNamespace(num_blocks=4, kv_cache_groups=[SimpleNamespace(kv_cache_spec=spec) for spec in specs])


def test_hybrid_models_are_refused() -> None:
    spec = FullAttentionSpec(2, 8, 16)
    assert "--disable-hybrid-kv-cache-manager" in refusal(config_of(spec, spec))
    assert "LMCacheOffloadingConnector" in refusal(config_of(spec, spec))


def test_layers_that_are_no_full_attention_are_refused() -> None:
    assert "MambaSpec" in refusal(config_of(type("MambaSpec", (), {})()))
    assert "LMCacheOffloadingConnector" in refusal(config_of(type("MambaSpec", (), {})()))


def test_compressed_and_uneven_heads_are_refused() -> None:
    compressed, uneven = FullAttentionSpec(2, 8, 16), FullAttentionSpec(2, 8, 16)
    compressed.tokens_per_state = 4
    uneven.head_size_v = 16
    assert "one state for each token" in refusal(config_of(compressed))
    assert "different sizes" in refusal(config_of(uneven))


@pytest.mark.parametrize(
    "shape",
    [
        (4, 2, 16, 20),  # neither 2 * 8 elements nor anything else that is known
        (4, 16, 2, 8),
        (2, 2, 16, 2, 8),  # not 4 blocks
        (4, 2, 8, 16),  # blocks of 8 slots
    ],
)
def test_unknown_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedCache, match="unknown"):
        describe({"layers.0": Tensor(np.zeros(shape, np.uint16))}, CacheSpec(2, 8, False, 4, 16))


def test_two_blocks_of_keys_and_values_are_ambiguous() -> None:
    tensor = Tensor(np.zeros((2, 2, 16, 2, 8), np.uint16))
    with pytest.raises(UnsupportedCache, match="unknown"):
        describe({"layers.0": tensor}, CacheSpec(2, 8, False, 2, 16))


def test_layers_that_differ_are_refused() -> None:
    tensors = {f"layers.{size}": Tensor(np.zeros((4, 2, 16, size), np.uint16)) for size in (16, 32)}
    with pytest.raises(UnsupportedCache, match="differ"):
        describe(tensors, CacheSpec(2, 8, False, 4, 16))


def test_memory_of_this_process_alone_is_refused() -> None:
    tensor = Tensor(np.zeros((4, 2, 16, 16), np.uint16))
    with pytest.raises(NotShareable, match="shared memory"):
        describe({"layers.0": tensor}, CacheSpec(2, 8, False, 4, 16))


def test_unknown_element_type_is_refused() -> None:
    tensor = Tensor(np.zeros((4, 2, 16, 16), np.uint16))
    tensor.dtype = "torch.complex64"
    with pytest.raises(UnsupportedCache, match="complex64"):
        describe({"layers.0": tensor}, CacheSpec(2, 8, False, 4, 16))


def test_layers_are_in_the_order_of_their_numbers() -> None:
    cache = PagedCache(Shape("packed NHD", layers=12))
    try:
        shuffled = dict(sorted(cache.tensors.items()))
        assert list(shuffled) != list(cache.tensors)
        spec = spec_of(kv_cache_config(cache.shape))
        assert describe(shuffled, spec) == describe(cache.tensors, spec)
    finally:
        cache.close()


def test_layers_that_share_their_kv_are_described_once() -> None:
    cache = PagedCache(Shape("packed NHD", layers=2))
    try:
        tensors = cache.tensors | {"model.layers.2.attn": cache.tensors["model.layers.0.attn"]}
        assert len(describe(tensors, spec_of(kv_cache_config(cache.shape))).layers) == 2
    finally:
        cache.close()


def test_layers_of_one_tensor_are_those_that_vllm_would_have_made() -> None:
    """As vLLM 0.26 does it: the tensor has the order of memory, with the layers inside of the blocks."""
    layers, blocks, slots, heads, size = 3, 4, 16, 2, 8
    order = (1, 0, 2, 3, 4, 5)  # of [layers, blocks, 2, slots, heads, size]
    everything = np.arange(layers * blocks * 2 * slots * heads * size).reshape(blocks, layers, 2, slots, heads, size)
    backend = SimpleNamespace(get_kv_cache_stride_order=lambda **_: order)
    tensors = [SimpleNamespace(shared_by=[f"layers.{layer}"]) for layer in range(layers)]
    array = SimpleNamespace(permute=everything.transpose)
    found = layers_of(array, backend, SimpleNamespace(kv_cache_tensors=tensors))
    assert list(found) == ["layers.0", "layers.1", "layers.2"]
    for layer, name in enumerate(found):
        assert found[name].shape == (blocks, 2, slots, heads, size)
        assert (found[name] == everything[:, layer]).all()
        assert np.shares_memory(found[name], everything)


def test_windows_that_vllm_does_not_use_are_seen() -> None:
    plain, sliding = FullAttentionSpec(2, 8, 16), FullAttentionSpec(2, 8, 16)
    sliding.sliding_window = 512
    assert not spec_of(config_of(plain)).windows
    assert spec_of(config_of(sliding)).windows
