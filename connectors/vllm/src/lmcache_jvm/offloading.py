"""vLLM's own offloading with the cache server behind it: for every model whose blocks vLLM can offload.

vLLM's OffloadingConnector moves blocks between the GPU and rows of shared memory, and those between that and its
secondary tiers. The tier here has the server load and store rows, whose bytes only vLLM understands. It goes with a
connector that tells it what vLLM tells no tier: what the names of rows are made of.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import vllm
from vllm.distributed.kv_transfer.kv_connector.v1.base import KVConnectorHandshakeMetadata, KVConnectorRole
from vllm.distributed.kv_transfer.kv_connector.v1.offloading.metrics import OffloadingConnectorStats
from vllm.distributed.kv_transfer.kv_connector.v1.offloading_connector import OffloadingConnector
from vllm.v1.kv_offload import base
from vllm.v1.kv_offload.base import (
    LookupResult,
    OffloadingCounterMetadata,
    OffloadingEvent,
    RequestOffloadingContext,
)
from vllm.v1.kv_offload.tiering.base import JobResult, SecondaryTierManager

from lmcache_jvm import identity, log, prompt, settings
from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.memory import NotShareable, locate
from lmcache_jvm.metrics import COUNTERS, Metrics
from lmcache_jvm.plugin import OFFLOADING, TIER
from lmcache_jvm.rows import Done, Rows

logger = log.logger(__name__)

# What vLLM calls storage in its events; up to 0.28 it has texts for that.
_MEDIUM: Any = base.Medium.STORAGE if hasattr(base, "Medium") else "FS"
# What a result of a job may say besides whether it succeeded; older vLLMs know less.
_RESULT = frozenset(field.name for field in fields(JobResult))


@dataclass
class Layout(KVConnectorHandshakeMetadata):  # type: ignore[misc]
    """What the bytes of a worker's blocks are, as vLLM carries it from workers to the scheduler."""

    digest: str


class LMCacheOffloadingConnector(OffloadingConnector):  # type: ignore[misc]
    """vLLM's OffloadingConnector with the cache server as its secondary tier, unless the configuration has others."""

    def __init__(self, vllm_config: Any, role: KVConnectorRole, kv_cache_config: Any) -> None:
        identity.refuse_later_tokens(vllm_config.model_config)
        _refuse_several_hosts(vllm_config.parallel_config)
        _complete(vllm_config)
        self._vllm_config = vllm_config
        self._blocks = kv_cache_config.num_blocks
        self._layout: Layout | None = None
        if role == KVConnectorRole.SCHEDULER:
            _fix_hash_seed(vllm_config.cache_config)
            _ENGINES[vllm_config.kv_transfer_config.engine_id] = _Engine(vllm_config, kv_cache_config)
        super().__init__(vllm_config, role, kv_cache_config)

    @property
    def _engine(self) -> _Engine:
        return _ENGINES[self._vllm_config.kv_transfer_config.engine_id]

    def register_kv_caches(self, kv_caches: dict[str, Any]) -> None:
        self._layout = Layout(_digest_of(kv_caches, self._blocks, self._vllm_config))
        super().register_kv_caches(kv_caches)

    def register_cross_layers_kv_cache(self, kv_cache: Any, attn_backend: type[Any]) -> None:
        self._layout = Layout(_digest_of({attn_backend.__qualname__: kv_cache}, self._blocks, self._vllm_config))
        super().register_cross_layers_kv_cache(kv_cache, attn_backend)

    def get_handshake_metadata(self) -> KVConnectorHandshakeMetadata | None:
        return self._layout

    def set_xfer_handshake_metadata_pp_aware(
        self, metadata: dict[tuple[int, int], KVConnectorHandshakeMetadata]
    ) -> None:
        self._engine.begin(identity.digest({str(rank): part.digest for rank, part in metadata.items()}))

    def on_new_request(self, request: Any) -> None:
        self._engine.note(request)
        super().on_new_request(request)

    @classmethod
    def build_prom_metrics(
        cls,
        vllm_config: Any,
        metric_types: dict[type[Any], type[Any]],
        labelnames: list[str],
        per_engine_labelvalues: dict[int, list[object]],
    ) -> Any:
        _complete(vllm_config)
        return super().build_prom_metrics(vllm_config, metric_types, labelnames, per_engine_labelvalues)


class LmcacheTier(SecondaryTierManager):  # type: ignore[misc]
    """The cache server as a secondary tier."""

    def __init__(self, offloading_spec: Any, primary_kv_view: memoryview, tier_type: str, **further: Any) -> None:
        detector = {name: further.pop(name) for name in ("backpressure_detector",) if name in further}
        if further:
            raise ValueError(
                f"the tier {TIER} has no settings {', '.join(sorted(further))}; lmcache_jvm.* of "
                "kv_connector_extra_config are its settings"
            )
        super().__init__(offloading_spec, primary_kv_view, tier_type, **detector)
        engine = _ENGINES.get(offloading_spec.config.engine_id)
        if engine is None:
            raise ValueError(
                f'the tier {TIER} works with "kv_connector": "{OFFLOADING}" alone, which tells it what the names of '
                "blocks are made of"
            )
        self._engine = engine
        if offloading_spec.kv_events_config.enable_kv_cache_events:
            engine.events = []
        engine.attach(primary_kv_view)

    def lookup(self, key: bytes, req_context: Any) -> LookupResult:
        name, rows = self._engine.name(key, req_context.req_id), self._engine.rows
        found = rows.find(req_context.req_id, name) if name and rows else False
        if found is None:
            return LookupResult.RETRY
        return LookupResult.HIT if found else LookupResult.MISS

    def submit_store(self, job_metadata: Any) -> None:
        self._engine.store(job_metadata)

    def submit_load(self, job_metadata: Any) -> None:
        self._engine.load(job_metadata)

    def get_finished_jobs(self) -> Iterable[JobResult]:
        return self._engine.finished()

    def on_new_request(self, req_context: Any) -> RequestOffloadingContext:
        return RequestOffloadingContext()

    def on_request_finished(self, req_context: Any) -> None:
        self._engine.forget(req_context.req_id)

    def on_schedule_end(self, context: Any) -> None:
        if self._engine.rows:
            self._engine.rows.ask()

    def take_events(self) -> Iterable[OffloadingEvent]:
        """For routers: blocks that were stored, where vLLM publishes events."""
        return self._engine.take_events()

    def drain_jobs(self) -> None:
        if self._engine.rows:
            self._engine.rows.drain()

    def shutdown(self) -> None:
        self._engine.close()

    @classmethod
    def build_metric_definitions(cls, extra_config: dict[str, Any]) -> dict[str, Any]:
        return {
            f"vllm:lmcache_jvm_{name}": OffloadingCounterMetadata(documentation=what) for name, what in COUNTERS.items()
        }

    def get_stats(self) -> OffloadingConnectorStats | None:
        return self._engine.stats()


class _Engine:
    """What connector and tier of one engine have in common. vLLM makes the tier, out of plain data, so they meet by the
    engine's id.
    """

    def __init__(self, vllm_config: Any, kv_cache_config: Any) -> None:
        transfer = vllm_config.kv_transfer_config
        self._settings = settings.load(transfer.kv_connector_extra_config, os.environ)
        self._id = transfer.engine_id
        self._registration = pb.RegisterRowsRequest(
            model=vllm_config.model_config.model,
            tags=identity.tags(vllm_config) | _row_tags(vllm_config, kv_cache_config),
        )
        self._metrics = Metrics()
        # What vLLM's names of a request's blocks do not say; a request whose KV has no name is not there.
        self._beyond: dict[str, bytes] = {}
        self._unsaved: set[str] = set()
        # Jobs under way, by their ids.
        self._jobs: dict[int, tuple[Any, list[bytes]]] = {}
        # Of blocks that were stored; None where vLLM publishes none.
        self.events: list[OffloadingEvent] | None = None
        # Results that are not of `rows`.
        self._ended: list[JobResult] = []
        # None until the workers have said what is in their blocks; then nothing is found and nothing stored.
        self.rows: Rows | None = None

    def attach(self, view: memoryview) -> None:
        """Takes the rows of the primary tier."""
        count, row_bytes = view.shape or (0, 0)
        address = ctypes.addressof(ctypes.c_char.from_buffer(view))
        try:
            place = locate(address, "cpu")
            if place.base != address or count * row_bytes > place.size:
                raise NotShareable("vLLM's offloaded blocks are not at the beginning of their file")
        except NotShareable as error:
            logger.warning("The cache server cannot be used: %s. Nothing is cached beyond this engine.", error)
            return
        self._registration.shared_memory.CopyFrom(place.region.shared_memory)
        self._registration.row_bytes = row_bytes
        self._registration.rows = count

    def begin(self, layout: str) -> None:
        """Connects, now that it is known what the bytes of the rows are."""
        if not self._registration.rows or self._registration.tags["vllm.layout"] == layout:
            return
        if self.rows is not None:
            # Workers that were started anew, with other blocks.
            self.rows.drain()
            self._ended += self.finished()
            self.rows.close()
        self._registration.tags["vllm.layout"] = layout
        self.rows = Rows(self._settings, f"vllm offloading {self._id}", self._registration, self._metrics)

    def note(self, request: Any) -> None:
        beyond = prompt.beyond_blocks(request)
        if beyond is None:
            logger.debug("%s is not cached: its KV has no name", request.request_id)
            return
        self._beyond[request.request_id] = beyond
        if prompt.skips_save(request):
            self._unsaved.add(request.request_id)

    def forget(self, request_id: str) -> None:
        self._beyond.pop(request_id, None)
        self._unsaved.discard(request_id)
        if self.rows:
            self.rows.forget(request_id)

    def name(self, key: bytes, request_id: str) -> bytes | None:
        beyond = self._beyond.get(request_id)
        return None if beyond is None else prompt.block_name(key, beyond)

    def load(self, job: Any) -> None:
        self._submit(job, True)

    def store(self, job: Any) -> None:
        self._submit(job, job.req_context.req_id not in self._unsaved)

    def _submit(self, job: Any, wanted: bool) -> None:
        named = [self.name(key, job.req_context.req_id) for key in job.keys]
        names = [name for name in named if name is not None]
        if self.rows is None or not wanted or len(names) < len(named):
            self._ended.append(JobResult(job_id=job.job_id, success=False))
            return
        self._jobs[job.job_id] = job, names
        # Up to 0.29 they are called block_ids.
        rows = (job.chunk_ids if hasattr(job, "chunk_ids") else job.block_ids).tolist()
        (self.rows.load if job.is_promotion else self.rows.store)(job.job_id, names, rows)

    def finished(self) -> list[JobResult]:
        ended, self._ended = self._ended, []
        return ended + ([self._result(done) for done in self.rows.done()] if self.rows else [])

    def take_events(self) -> list[OffloadingEvent]:
        events, self.events = self.events or [], None if self.events is None else []
        return events

    def stats(self) -> OffloadingConnectorStats | None:
        counts = self._metrics.take()
        stats = OffloadingConnectorStats()
        for name, amount in counts.items():
            stats.increase_counter(f"vllm:lmcache_jvm_{name}", amount)
        return stats if counts else None

    def _result(self, done: Done) -> JobResult:
        assert self.rows is not None
        job, names = self._jobs.pop(done.job_id)
        said: dict[str, Any] = {
            "transfer_time": done.seconds,
            "transfer_bytes": done.rows * self._registration.row_bytes,
        }
        if job.is_promotion and not done.success:
            # vLLM asks again, and must be told that it was a miss.
            loaded = set(done.loaded)
            self.rows.missing([name for place, name in enumerate(names) if place not in loaded])
            keys = list(job.keys)
            said["successful_keys"] = tuple(keys[place] for place in done.loaded) or None
        elif done.success:
            self.rows.present(names)
            if self.events is not None and not job.is_promotion:
                self.events.append(OffloadingEvent(keys=list(job.keys), medium=_MEDIUM, removed=False))
        return JobResult(
            job_id=done.job_id, success=done.success, **{name: value for name, value in said.items() if name in _RESULT}
        )

    def close(self) -> None:
        _ENGINES.pop(self._id, None)
        rows, self.rows = self.rows, None
        if rows is not None:
            rows.close()


# The engines of this process, by their ids.
_ENGINES: dict[str, _Engine] = {}


def _complete(vllm_config: Any) -> None:
    """What the configuration leaves out: that there are tiers, and which."""
    extra = vllm_config.kv_transfer_config.kv_connector_extra_config
    extra.setdefault("spec_name", "TieringOffloadingSpec")
    extra.setdefault("secondary_tiers", [{"type": TIER}])


def _refuse_several_hosts(parallel: Any) -> None:
    if getattr(parallel, "nnodes", 1) > 1:
        raise ValueError(
            f"the engine's workers are on {parallel.nnodes} hosts, and {OFFLOADING} sees the blocks of its own alone; "
            "start vLLM without it"
        )


def _fix_hash_seed(cache: Any) -> None:
    """vLLM begins hashes of blocks with a random number, unless told otherwise; then no other process knows them."""
    if "PYTHONHASHSEED" in os.environ:
        return
    if "sha256" in str(cache.prefix_caching_hash_algo):
        # Read by vLLM after it has made its connector. Python itself has read it when it started.
        os.environ["PYTHONHASHSEED"] = "0"
    else:
        logger.warning(
            "Blocks are hashed by %s, with a seed of this process alone: what is cached is not found after a restart. "
            "Use --prefix-caching-hash-algo sha256, or set PYTHONHASHSEED if nobody can choose prompts to collide.",
            cache.prefix_caching_hash_algo,
        )


def _row_tags(vllm_config: Any, kv_cache_config: Any) -> dict[str, str]:
    """What the bytes of a row depend on besides the model: which layers, in which order, by which vLLM."""
    cache, extra = vllm_config.cache_config, vllm_config.kv_transfer_config.kv_connector_extra_config
    parts = {
        "vllm": vllm.__version__,
        # Hashes of blocks may be made of pickled tuples.
        "python": list(sys.version_info[:2]),
        "hash": str(cache.prefix_caching_hash_algo),
        "blocks_per_chunk": [extra.get("blocks_per_chunk"), extra.get("block_size"), cache.block_size],
        "canonical": extra.get("canonical_layout"),
        "groups": [
            [sorted(group.layer_names), type(group.kv_cache_spec).__name__, group.kv_cache_spec.block_size]
            for group in kv_cache_config.kv_cache_groups
        ],
        "tensors": [
            [sorted(tensor.shared_by), tensor.size // max(1, kv_cache_config.num_blocks)]
            for tensor in kv_cache_config.kv_cache_tensors
        ],
    }
    return {"vllm.rows": identity.digest(parts)}


def _digest_of(kv_caches: Mapping[str, Any], blocks: int, vllm_config: Any) -> str:
    """Shape, order in memory and element type of each layer, and the backend that reads it; not how many blocks."""
    layers = getattr(getattr(vllm_config, "compilation_config", None), "static_forward_context", None) or {}
    return identity.digest(
        {
            name: [
                [_tensor(part, blocks) for part in (cache if isinstance(cache, (list, tuple)) else [cache])],
                _backend(layers.get(name)),
            ]
            for name, cache in kv_caches.items()
        }
    )


def _tensor(tensor: Any, blocks: int) -> list[Any]:
    strides: Sequence[int] = tensor.stride()
    order = sorted(range(len(strides)), key=lambda dimension: -strides[dimension])
    return [str(tensor.dtype), ["blocks" if size == blocks else size for size in tensor.shape], order]


def _backend(layer: Any) -> str:
    backend = getattr(layer, "attn_backend", None)
    return "" if backend is None else f"{backend.__module__}.{backend.__qualname__}"
