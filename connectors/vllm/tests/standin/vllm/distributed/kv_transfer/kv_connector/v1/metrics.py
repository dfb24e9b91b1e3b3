"""As much of vLLM's classes for metrics as the connector's inherit. test_interface.py compares it with vLLM's."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class KVConnectorStats:
    data: dict[str, Any] = field(default_factory=dict)


class KVConnectorPromMetrics:
    def __init__(self, vllm_config: Any, metric_types: Any, labelnames: Any, per_engine_labelvalues: Any):
        self._counter_cls = next(made for kind, made in metric_types.items() if kind.__name__ == "Counter")
        self.per_engine_labelvalues = per_engine_labelvalues
