from __future__ import annotations

from types import SimpleNamespace

from lmcache_jvm.metrics import COUNTERS
from lmcache_jvm.vllm import LMCacheConnectorV1


class Counter:
    """As prometheus_client's."""

    made: dict[tuple[str, tuple[object, ...]], int] = {}  # noqa: RUF012

    def __init__(self, name: str, documentation: str, labelnames: list[str]) -> None:
        self.name = name

    def labels(self, *values: object) -> SimpleNamespace:
        def inc(amount: int) -> None:
            key = (self.name, values)
            self.made[key] = self.made.get(key, 0) + amount

        return SimpleNamespace(inc=inc)


def test_ranks_and_intervals_are_added_up() -> None:
    total = LMCacheConnectorV1.build_kv_connector_stats({"loaded_tokens": 3})
    other = LMCacheConnectorV1.build_kv_connector_stats({"loaded_tokens": 4, "lookups": 1})
    assert total.aggregate(other).reduce() == {"loaded_tokens": 7, "lookups": 1}
    assert not total.is_empty()
    total.reset()
    assert total.is_empty()


def test_each_counter_is_exported_for_each_engine() -> None:
    metrics = LMCacheConnectorV1.build_prom_metrics(None, {Counter: Counter}, ["engine"], {0: ["a"], 1: ["b"]})
    metrics.observe(dict.fromkeys(COUNTERS, 2), engine_idx=1)
    assert Counter.made == {(f"vllm:lmcache_jvm_{name}", ("b",)): 2 for name in COUNTERS}
