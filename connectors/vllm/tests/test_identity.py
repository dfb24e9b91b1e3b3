"""What is part of the name of a rank's KV beside its prompts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.layout import CacheSpec
from lmcache_jvm.vllm import _identity, _refuse_context_parallelism

LATENT, PLAIN = CacheSpec(1, 576, True, 4, 16), CacheSpec(8, 128, False, 4, 16)


def identity(
    spec: CacheSpec = PLAIN, pipeline: int = 1, engine: str = "e", **unusual: Any
) -> pb.RegisterKvCacheRequest:
    cache = {"cache_dtype": "auto", "calculate_kv_scales": False}
    model = {"model": "m", "revision": None, "quantization": None, "hf_overrides": {}}
    config = SimpleNamespace(
        kv_transfer_config=SimpleNamespace(engine_id=engine),
        parallel_config=SimpleNamespace(rank=1, world_size=2, pipeline_parallel_size=pipeline),
        cache_config=SimpleNamespace(**{name: unusual.get(name, value) for name, value in cache.items()}),
        model_config=SimpleNamespace(**{name: unusual.get(name, value) for name, value in model.items()}),
    )
    return _identity(config, spec)


def test_usual_model_has_no_tags_and_engines_share() -> None:
    found = identity()
    assert (found.engine_id, found.model, found.world_size, found.rank) == ("e", "m", 2, 1)
    assert dict(found.tags) == dict(identity(engine="other").tags) == {}


@pytest.mark.parametrize(
    "unusual",
    [{"revision": "v2"}, {"quantization": "fp8"}, {"cache_dtype": "fp8_e5m2"}, {"hf_overrides": {"rope_theta": 1}}],
)
def test_what_changes_kv_is_in_its_name(unusual: dict[str, Any]) -> None:
    assert len(identity(**unusual).tags) == 1
    assert dict(identity(**unusual).tags) == dict(identity(engine="other", **unusual).tags)


def test_scales_of_one_engine_are_not_shared() -> None:
    scales = {"calculate_kv_scales": True}
    assert dict(identity(**scales).tags) != dict(identity(engine="other", **scales).tags)


def test_latent_kv_is_replicated_but_over_pipeline_stages() -> None:
    assert identity(LATENT).replicated
    assert not identity(LATENT, pipeline=2).replicated
    assert not identity(PLAIN).replicated


@pytest.mark.parametrize("size", ["decode_context_parallel_size", "prefill_context_parallel_size"])
def test_context_parallelism_is_refused(size: str) -> None:
    _refuse_context_parallelism(SimpleNamespace(**{size: 1}))
    with pytest.raises(ValueError, match="scatters"):
        _refuse_context_parallelism(SimpleNamespace(**{size: 2}))
