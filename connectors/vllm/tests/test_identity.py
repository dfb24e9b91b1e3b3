"""What is part of the name of a rank's KV beside its prompts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lmcache_jvm import identity
from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.layout import CacheSpec
from lmcache_jvm.vllm import _rank, _refuse_context_parallelism, _refuse_old

LATENT, PLAIN = CacheSpec(1, 576, True, 4, 16), CacheSpec(8, 128, False, 4, 16)
LONGROPE = {"rope_scaling": {"rope_type": "longrope", "original_max_position_embeddings": 4096}}


class HfConfig:
    """As transformers has it: a commit of the hub, and everything else by to_dict."""

    def __init__(self, commit: str | None = None, **content: Any) -> None:
        self._commit_hash = commit
        self.__dict__ |= content

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_commit_hash"}


def config(engine: str = "e", pipeline: int = 1, **given: Any) -> SimpleNamespace:
    cache = {"cache_dtype": "auto", "calculate_kv_scales": False}
    model = {
        "model": "m",
        "revision": None,
        "quantization": None,
        "hf_overrides": {},
        "hf_config": HfConfig(),
        "dtype": "torch.bfloat16",
        "max_model_len": 8192,
        "served_model_name": "m",
        "seed": 0,
    }
    return SimpleNamespace(
        kv_transfer_config=SimpleNamespace(engine_id=engine),
        parallel_config=SimpleNamespace(
            rank=1, world_size=2, tensor_parallel_size=2 // pipeline, pipeline_parallel_size=pipeline
        ),
        cache_config=SimpleNamespace(**(cache | {name: given.pop(name) for name in cache.keys() & given.keys()})),
        load_config=SimpleNamespace(load_format=given.pop("load_format", "auto")),
        speculative_config=given.pop("speculative_config", None),
        model_config=SimpleNamespace(**(model | given)),
    )


def rank(spec: CacheSpec = PLAIN, **given: Any) -> pb.RegisterKvCacheRequest:
    return _rank(config(**given), spec)


def tags(**given: Any) -> dict[str, str]:
    return identity.tags(config(**given))


def test_engines_of_one_model_share() -> None:
    found = rank()
    assert (found.engine_id, found.model, found.world_size, found.rank) == ("e", "m", 2, 1)
    assert dict(found.tags) == tags(engine="other") == tags()


@pytest.mark.parametrize(
    "difference",
    [
        {"revision": "v2"},
        {"quantization": "fp8"},
        {"cache_dtype": "fp8_e5m2"},
        {"hf_config": HfConfig(rope_theta=1)},
        {"hf_config": HfConfig(commit="abc")},
        {"hf_config": HfConfig(quantization_config={"kv_cache_scheme": {"num_bits": 8}})},
        {"dtype": "torch.float16"},
        {"pipeline": 2},
        {"load_format": "dummy"},
        {"speculative_config": SimpleNamespace(method="eagle", draft_model_config=config(model="d").model_config)},
        {"something_new": 1},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_what_changes_kv_is_in_its_name(difference: dict[str, Any]) -> None:
    assert tags(**difference) != tags()
    assert tags(**difference) == tags(engine="other", **difference)


@pytest.mark.parametrize(
    "difference",
    [
        {"cache_dtype": "bfloat16"},
        {"hf_overrides": {"rope_theta": 1}},
        {"max_model_len": 4096},
        {"served_model_name": "other"},
        {"seed": 7},
        {"hf_config": HfConfig(_name_or_path="/elsewhere", transformers_version="5")},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_what_leaves_kv_as_it_is_costs_no_miss(difference: dict[str, Any]) -> None:
    # The overrides are in hf_config by the time that a connector is made.
    assert tags(**difference) == tags()


def test_two_names_of_one_element_type_are_one() -> None:
    assert tags(cache_dtype="fp8") == tags(cache_dtype="fp8_e4m3")


def test_order_of_a_configuration_does_not_count() -> None:
    assert tags(hf_config=HfConfig(a=1, b={"c": 2, "d": 3})) == tags(hf_config=HfConfig(b={"d": 3, "c": 2}, a=1))


def test_rope_that_depends_on_the_longest_prompt() -> None:
    for content in (LONGROPE, {"text_config": HfConfig(rope_parameters={"full": {"rope_type": "longrope"}})}):
        short, long = (tags(hf_config=HfConfig(**content), max_model_len=longest) for longest in (4096, 131072))
        assert short != long
    yarn = HfConfig(rope_scaling={"rope_type": "yarn"})
    assert tags(hf_config=yarn, max_model_len=4096) == tags(hf_config=yarn, max_model_len=131072)


def test_weights_changed_in_place_are_others(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"one")
    before = tags(model=str(tmp_path))
    assert before == tags(model=str(tmp_path))
    status = weights.stat()
    weights.unlink()
    (tmp_path / "next").write_bytes(b"two")
    (tmp_path / "next").rename(weights)
    assert tags(model=str(tmp_path)) != before
    # Also with the same size and time.
    other = tmp_path / "other"
    other.write_bytes(b"two")
    before = tags(model=str(tmp_path))
    os.utime(other, ns=(status.st_atime_ns, weights.stat().st_mtime_ns))
    other.rename(weights)
    assert tags(model=str(tmp_path)) != before


def test_draft_model_changed_in_place_is_another(tmp_path: Path) -> None:
    def drafted() -> dict[str, str]:
        draft = config(model=str(tmp_path)).model_config
        return tags(speculative_config=SimpleNamespace(method="eagle", draft_model_config=draft))

    before = drafted()
    (tmp_path / "model.safetensors").write_bytes(b"one")
    assert drafted() != before


def test_identity_is_the_same_in_every_process() -> None:
    """Hashes of sets, addresses of objects and the like differ from one process to the next."""
    code = (
        "from test_identity import *;"
        "kinds = {'a', 'b', 'c', 'd'};"
        "print(tags(hf_config=HfConfig(kinds=kinds, part=SimpleNamespace(a=1), call=config, kind=Path('/x'))))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", "import conftest;" + code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_scales_of_one_engine_are_not_shared() -> None:
    assert tags(calculate_kv_scales=True) != tags(engine="other", calculate_kv_scales=True)


@pytest.mark.parametrize(
    "unusual",
    [
        {"is_mm_prefix_lm": True},
        {"hf_config": HfConfig(is_causal=False)},
        {"hf_config": HfConfig(use_bidirectional_attention=True)},
        {"attn_type": "encoder_only"},
    ],
    ids=str,
)
def test_kv_that_depends_on_later_tokens_is_refused(unusual: dict[str, Any]) -> None:
    identity.refuse_later_tokens(config().model_config)
    with pytest.raises(ValueError, match="depends on later tokens"):
        identity.refuse_later_tokens(config(**unusual).model_config)


def test_latent_kv_is_replicated_but_over_pipeline_stages() -> None:
    assert rank(LATENT).replicated
    assert not rank(LATENT, pipeline=2).replicated
    assert not rank(PLAIN).replicated


@pytest.mark.parametrize("size", ["decode_context_parallel_size", "prefill_context_parallel_size"])
def test_context_parallelism_is_refused(size: str) -> None:
    _refuse_context_parallelism(SimpleNamespace(**{size: 1}))
    with pytest.raises(ValueError, match="scatters"):
        _refuse_context_parallelism(SimpleNamespace(**{size: 2}))


def test_vllm_that_is_too_old_is_refused() -> None:
    for version in ("0.18.0", "0.33.0rc1", "1.0", "0.1.dev1+g123", ""):
        _refuse_old(version)
    for version in ("0.17.3", "0.9.2"):
        with pytest.raises(ValueError, match=r"needs vLLM 0\.18"):
            _refuse_old(version)
