"""vLLM's own tiering of offloaded blocks, as its scheduler drives it, with a tier under test below it.

What a GPU would do, the engine here does: it writes blocks into the rows of the primary tier and looks at them.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
from vllm.v1.kv_offload import config as offload_config
from vllm.v1.kv_offload.base import LookupResult, ReqContext, ScheduleEndContext, make_offload_key
from vllm.v1.kv_offload.tiering.spec import TieringOffloadingSpec

from lmcache_jvm import offloading, plugin


def key(name: int, group: int = 0) -> bytes:
    """The key of a block, as vLLM makes it of a hash."""
    return make_offload_key(hashlib.sha256(str(name).encode()).digest(), group)


def request(request_id: str, **different: Any) -> SimpleNamespace:
    plain = {
        "request_id": request_id,
        "prompt_token_ids": [1, 2, 3],
        "prompt_embeds": None,
        "cache_salt": None,
        "lora_request": None,
        "mm_features": [],
        "kv_transfer_params": None,
    }
    return SimpleNamespace(**plain | different)


def _made(kind: type[Any], **known: Any) -> Any:
    """Of a configuration's values, those that this vLLM has."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in known.items() if name in names})


class Engine:
    """One engine with a primary tier of some rows."""

    def __init__(
        self,
        options: dict[str, Any],
        tiers: Sequence[dict[str, Any]] = ({"type": plugin.TIER},),
        rows: int = 64,
        row_bytes: int = 12_288,
        model: str = "model",
        layout: str = "layout",
        events: bool = False,
    ) -> None:
        self.id = f"test-{uuid.uuid4()}"
        extra = {
            "cpu_bytes_to_use": rows * row_bytes,
            "secondary_tiers": list(tiers),
            **{f"lmcache_jvm.{name}": value for name, value in options.items()},
        }
        plugin.register()
        group = SimpleNamespace(layer_names=["layer"], kv_cache_spec=SimpleNamespace(block_size=16))
        vllm_config = SimpleNamespace(
            model_config=SimpleNamespace(model=model, max_model_len=1024, dtype="bfloat16"),
            cache_config=SimpleNamespace(cache_dtype="auto", prefix_caching_hash_algo="sha256", block_size=16),
            parallel_config=SimpleNamespace(tensor_parallel_size=1, pipeline_parallel_size=1),
            kv_transfer_config=SimpleNamespace(engine_id=self.id, kv_connector_extra_config=extra),
        )
        self.offload = offloading._Engine(
            vllm_config, SimpleNamespace(kv_cache_groups=[group], kv_cache_tensors=[], num_blocks=8)
        )
        offloading._ENGINES[self.id] = self.offload
        spec = TieringOffloadingSpec(_offloading_config(self.id, extra, row_bytes, events))
        self.manager = spec.get_manager()
        self.view = np.asarray(self.manager.primary_tier.get_kv_memoryview())
        self.offload.begin(layout)
        # The longest that vLLM's scheduler was held by one of its calls, and how long by all of them.
        self.longest = 0.0
        self.held = 0.0

    def await_server(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while self.offload.rows is None or self.offload.rows._link() is None:
            assert time.monotonic() < deadline, "no server"
            time.sleep(0.01)

    def begin(self, of: SimpleNamespace) -> ReqContext:
        self.offload.note(of)
        context = ReqContext(req_id=of.request_id, kv_transfer_params=of.kv_transfer_params)
        self._timed(self.manager.on_new_request, context)
        return context

    def end(self, context: ReqContext) -> None:
        self._timed(self.manager.on_request_finished, context)

    def step(self) -> None:
        self._timed(self.manager.on_schedule_end, ScheduleEndContext(new_req_ids=(), preempted_req_ids=()))

    def store(self, context: ReqContext, blocks: dict[bytes, int]) -> None:
        """Offloads blocks with this content, and waits until the tier has them or has not."""
        self.complete(context, self.prepare(context, blocks))
        self.settle()

    def prepare(self, context: ReqContext, blocks: dict[bytes, int]) -> Any:
        """Puts blocks with this content into rows."""
        output = self._timed(self.manager.prepare_store, list(blocks), context)
        assert output is not None
        for name, row in zip(output.keys_to_store, output.store_spec.block_ids, strict=True):
            self.view[row] = _content(blocks[name], self.view.shape[1])
        return output

    def complete(self, context: ReqContext, output: Any) -> None:
        """Hands these rows to the tier."""
        if output.keys_to_store:
            self._timed(self.manager.complete_store, output.keys_to_store, context)

    def settle(self, seconds: float = 60) -> None:
        """Steps until nothing is under way."""
        deadline = time.monotonic() + seconds
        self.step()
        while self.manager.has_pending_work():
            assert time.monotonic() < deadline, "a job never ended"
            time.sleep(0.002)
            self.step()

    def lookup(self, context: ReqContext, keys: Iterable[bytes], seconds: float = 60) -> list[bool]:
        """Whether each block can be had, asked as often as vLLM says so; loads what the tier has."""
        return self.lookup_all([(context, keys)], seconds)[0]

    def lookup_all(
        self, requests: Sequence[tuple[ReqContext, Iterable[bytes]]], seconds: float = 60
    ) -> list[list[bool]]:
        """As `lookup`, for several requests at a time."""
        deadline = time.monotonic() + seconds
        found: dict[int, list[bool]] = {}
        waiting = [(place, context, list(keys)) for place, (context, keys) in enumerate(requests)]
        while waiting:
            assert time.monotonic() < deadline, "no answer"
            again = []
            for place, context, keys in waiting:
                answers = [self._timed(self.manager.lookup, name, context) for name in keys]
                if all(answer in (LookupResult.HIT, LookupResult.MISS) for answer in answers):
                    found[place] = [answer is LookupResult.HIT for answer in answers]
                else:
                    again.append((place, context, keys))
            waiting = again
            self.step()
            if waiting:
                time.sleep(0.002)
        return [found[place] for place in range(len(requests))]

    def require(self, context: ReqContext, blocks: dict[bytes, int]) -> None:
        """That blocks which were found have this content."""
        spec = self._timed(self.manager.prepare_load, list(blocks), context)
        for row, content in zip(spec.block_ids, blocks.values(), strict=True):
            assert (self.view[row] == _content(content, self.view.shape[1])).all(), f"row {row} is not {content}"
        self._timed(self.manager.complete_load, list(blocks), context)

    def close(self) -> None:
        self.view = np.empty(0)
        self.manager.shutdown()

    def _timed(self, call: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*arguments)
        finally:
            took = time.perf_counter() - began
            self.longest = max(self.longest, took)
            self.held += took


def _content(number: int, row_bytes: int) -> np.ndarray:
    return np.random.default_rng(number).integers(-128, 128, row_bytes, np.int8)


def _offloading_config(engine_id: str, extra: dict[str, Any], row_bytes: int, events: bool) -> Any:
    parallel = {"rank": 0, "data_parallel_index": 0, "data_parallel_rank_local": None, "is_parallelism_agnostic": False}
    sizes = {f"{kind}_size": 1 for kind in ("world", "tp", "pp", "pcp", "dcp", "data_parallel")}
    return _made(
        offload_config.OffloadingConfig,
        groups=(_made(offload_config.OffloadingGroupConfig, tokens_per_block=16, layer_names=("layer",), group_id=0),),
        worker_kv_bytes_per_block=row_bytes,
        enable_kv_cache_events=events,
        extra_config=extra,
        engine_id=engine_id,
        model=offload_config.OffloadingModelConfig(name="model", dtype="bfloat16"),
        cache=offload_config.OffloadingCacheConfig(tokens_per_hash=16, blocks_per_chunk=1),
        parallel=_made(offload_config.OffloadingParallelConfig, **parallel, **sizes),
    )
