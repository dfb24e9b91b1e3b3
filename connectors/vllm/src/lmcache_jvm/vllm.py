"""The class that vLLM loads: hands each of its calls to the side that it is for."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import vllm
from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorBase_V1,
    KVConnectorMetadata,
    KVConnectorRole,
)

from lmcache_jvm import identity, log, settings
from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.layout import CacheSpec, layers_of, spec_of
from lmcache_jvm.metrics import Metrics
from lmcache_jvm.plugin import OFFLOADING
from lmcache_jvm.scheduler import SchedulerSide
from lmcache_jvm.session import Session
from lmcache_jvm.steps import Step
from lmcache_jvm.worker import WorkerSide

logger = log.logger(__name__)

# Before, what is computed after a loaded prefix that ends inside a block is wrong, and so is what follows an abort.
_OLDEST = (0, 18)


@dataclass
class StepMetadata(KVConnectorMetadata):  # type: ignore[misc]
    """A step, as vLLM passes it from its scheduler to its workers."""

    step: Step


class LMCacheConnectorV1(KVConnectorBase_V1):  # type: ignore[misc]
    """vLLM's KV cache through the cache server of this host."""

    def __init__(self, vllm_config: Any, role: KVConnectorRole, kv_cache_config: Any) -> None:
        _refuse_old(getattr(vllm, "__version__", ""))
        super().__init__(vllm_config=vllm_config, role=role, kv_cache_config=kv_cache_config)
        transfer = vllm_config.kv_transfer_config
        options = settings.load(transfer.kv_connector_extra_config, os.environ)
        spec = spec_of(kv_cache_config)
        _refuse_context_parallelism(vllm_config.parallel_config)
        identity.refuse_later_tokens(vllm_config.model_config)
        self._metrics = Metrics()
        self._cache = kv_cache_config
        self._one_piece = options.cross_layer_blocks
        if role == KVConnectorRole.SCHEDULER:
            if options.load_failures == "recompute":
                # vLLM reads it after it has made its connector.
                transfer.kv_load_failure_policy = "recompute"
            if spec.windows:
                logger.warning(
                    "vLLM keeps KV of all tokens in layers that look at the last ones only, because %s does without "
                    'its hybrid KV cache manager. "kv_connector": "%s" works with it and takes less memory.',
                    type(self).__name__,
                    OFFLOADING,
                )
            self._session = Session(options, "vllm scheduler", self._metrics)
            loads, saves = transfer.kv_role != "kv_producer", transfer.kv_role != "kv_consumer"
            self._scheduler = SchedulerSide(options, transfer.engine_id, self._session, self._metrics, loads, saves)
        else:
            rank = _rank(vllm_config, spec)
            self._worker = WorkerSide(options, f"vllm worker {rank.rank}", spec, rank, self._metrics)

    # The workers' side.

    def register_kv_caches(self, kv_caches: dict[str, Any]) -> None:
        self._worker.register(kv_caches)

    @property
    def prefer_cross_layer_blocks(self) -> bool:
        """Whether vLLM shall make all layers' KV of a block one piece of memory; it asks up to 0.29."""
        return self._one_piece

    def register_cross_layers_kv_cache(self, kv_cache: Any, attn_backend: type[Any]) -> None:
        self._worker.register(layers_of(kv_cache, attn_backend, self._cache))

    def unregister_kv_caches(self) -> None:
        self._worker.unregister()

    def restore_kv_caches(self) -> None:
        self._worker.restore()

    def handle_preemptions(self, kv_connector_metadata: KVConnectorMetadata | set[str]) -> None:
        """The blocks of these requests are about to be written to. vLLM 0.18 passes the requests themselves."""
        if isinstance(kv_connector_metadata, StepMetadata):
            self._worker.await_saved(kv_connector_metadata.step.preempted)
        else:
            assert isinstance(kv_connector_metadata, set)
            self._worker.await_saved(list(kv_connector_metadata))

    def start_load_kv(self, forward_context: Any, **kwargs: Any) -> None:
        self._worker.begin(self._step())

    def wait_for_layer_load(self, layer_name: str) -> None:
        """Nothing to do: a request is not scheduled before all of it is loaded."""

    def save_kv_layer(self, layer_name: str, kv_layer: Any, attn_metadata: Any, **kwargs: Any) -> None:
        """Nothing to do: all layers are saved at the end of the step."""

    def wait_for_save(self) -> None:
        self._worker.save(self._step())

    def get_finished(self, finished_req_ids: set[str]) -> tuple[set[str] | None, set[str] | None]:
        return self._worker.take_sent() or None, self._worker.take_received() or None

    def get_block_ids_with_load_errors(self) -> set[int]:
        return self._worker.take_failed_blocks()

    # The scheduler's side.

    @property
    def requires_kv_delivery(self) -> bool:
        """Whether a save must not be lost; it may."""
        return False

    def get_num_new_matched_tokens(self, request: Any, num_computed_tokens: int) -> tuple[int | None, bool]:
        tokens = self._scheduler.matched_tokens(request, num_computed_tokens)
        return tokens, bool(tokens)

    def update_state_after_alloc(self, request: Any, blocks: Any, num_external_tokens: int) -> None:
        self._scheduler.allocated(request, blocks.get_block_ids()[0], num_external_tokens)

    def build_connector_meta(self, scheduler_output: Any) -> KVConnectorMetadata:
        return StepMetadata(self._scheduler.plan(scheduler_output))

    def update_connector_output(self, connector_output: Any) -> None:
        self._scheduler.received(connector_output.finished_recving or set())

    def request_finished(self, request: Any, block_ids: list[int]) -> tuple[bool, dict[str, Any] | None]:
        return self._scheduler.finished(request.request_id), None

    def reset_cache(self) -> bool | None:
        """Empties the whole cache of the host: vLLM asks for it when the model's weights change."""
        return self._scheduler.clear()

    # Both.

    def get_kv_connector_stats(self) -> Any:
        from lmcache_jvm.vllm_stats import Stats

        counts = self._metrics.take()
        return Stats(data=counts) if counts else None

    @classmethod
    def build_kv_connector_stats(cls, data: dict[str, Any] | None = None) -> Any:
        from lmcache_jvm.vllm_stats import Stats

        return Stats(data=data or {})

    @classmethod
    def build_prom_metrics(
        cls,
        vllm_config: Any,
        metric_types: dict[type[Any], type[Any]],
        labelnames: list[str],
        per_engine_labelvalues: dict[int, list[object]],
    ) -> Any:
        from lmcache_jvm.vllm_stats import PrometheusCounters

        return PrometheusCounters(vllm_config, metric_types, labelnames, per_engine_labelvalues)

    def shutdown(self) -> None:
        if self.role == KVConnectorRole.SCHEDULER:
            self._session.close()
        else:
            self._worker.close()

    def _step(self) -> Step:
        metadata = self._get_connector_metadata()
        assert isinstance(metadata, StepMetadata)
        return metadata.step


def _rank(vllm_config: Any, spec: CacheSpec) -> pb.RegisterKvCacheRequest:
    """Which engine, model and rank this worker is."""
    parallel, transfer = vllm_config.parallel_config, vllm_config.kv_transfer_config
    return pb.RegisterKvCacheRequest(
        engine_id=transfer.engine_id,
        model=vllm_config.model_config.model,
        world_size=parallel.world_size,
        rank=parallel.rank,
        # With pipeline parallelism the ranks have different layers.
        replicated=spec.latent and parallel.pipeline_parallel_size == 1,
        tags=identity.tags(vllm_config),
    )


def _refuse_old(version: str) -> None:
    """Refuses a vLLM that would compute wrong values. A build without a release's number is taken for a new one."""
    number = re.match(r"(\d+)\.(\d+)", version)
    if number and ".dev" not in version and (int(number[1]), int(number[2])) < _OLDEST:
        raise ValueError(
            f"vLLM {version} computes wrong values after a prefix that was loaded and ends inside a block; "
            f"this connector needs vLLM {_OLDEST[0]}.{_OLDEST[1]} or newer"
        )


def _refuse_context_parallelism(parallel_config: Any) -> None:
    sizes = ("decode_context_parallel_size", "prefill_context_parallel_size")
    if any(getattr(parallel_config, size, 1) > 1 for size in sizes):
        raise ValueError("context parallelism scatters a prompt's tokens over ranks, which this connector cannot do")
