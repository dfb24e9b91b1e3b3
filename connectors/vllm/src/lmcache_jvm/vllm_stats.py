"""The connector's counters in vLLM's log and in its Prometheus metrics."""

from __future__ import annotations

from collections import Counter
from typing import Any

from vllm.distributed.kv_transfer.kv_connector.v1.metrics import KVConnectorPromMetrics, KVConnectorStats

from lmcache_jvm.metrics import COUNTERS


class Stats(KVConnectorStats):  # type: ignore[misc]
    """Counters of an interval, of one process or several."""

    data: dict[str, int]

    def reset(self) -> None:
        self.data = {}

    def aggregate(self, other: Any) -> Stats:
        self.data = dict(Counter(self.data) + Counter(other.data))
        return self

    def reduce(self) -> dict[str, int | float]:
        return dict(self.data)

    def is_empty(self) -> bool:
        return not self.data


class PrometheusCounters(KVConnectorPromMetrics):  # type: ignore[misc]
    """One counter `vllm:lmcache_jvm_NAME` for each of COUNTERS and each engine."""

    def __init__(
        self,
        vllm_config: Any,
        metric_types: dict[type[Any], type[Any]],
        labelnames: list[str],
        per_engine_labelvalues: dict[int, list[object]],
    ) -> None:
        super().__init__(vllm_config, metric_types, labelnames, per_engine_labelvalues)
        self._counters: dict[tuple[int, str], Any] = {}
        for name, what in COUNTERS.items():
            counter = self._counter_cls(name=f"vllm:lmcache_jvm_{name}", documentation=what, labelnames=labelnames)
            for engine, values in per_engine_labelvalues.items():
                self._counters[engine, name] = counter.labels(*values)

    def observe(self, transfer_stats_data: dict[str, Any], engine_idx: int = 0) -> None:
        for name, amount in transfer_stats_data.items():
            self._counters[engine_idx, name].inc(amount)
