"""What the connector counts."""

from __future__ import annotations

import threading
from collections import Counter

# Every counter, with what it counts.
COUNTERS = {
    "lookups": "prompts that were looked up in the cache server",
    "lookup_failures": "lookups that the server did not answer in time, counted as misses",
    "hit_tokens": "tokens found beyond those that vLLM had itself",
    "loaded_tokens": "tokens loaded from the cache server, by each rank",
    "failed_load_tokens": "tokens that were promised and did not arrive, computed instead, by each rank",
    "stored_tokens": "tokens handed to the cache server, by each rank",
    "declined_tokens": "tokens that the cache server had no room or no time for, by each rank",
    "store_failures": "stores that failed or were not answered in time, by each rank",
    "loaded_rows": "blocks that vLLM had offloaded and that were loaded from the cache server",
    "failed_load_rows": "such blocks that were promised and did not arrive, computed instead",
    "stored_rows": "such blocks handed to the cache server",
    "declined_rows": "such blocks that the cache server had no room or no time for",
    "requests_without_server": "requests that were computed as without a cache because no server was there",
    "disconnections": "how often the connection to the cache server was lost",
}


class Metrics:
    """Counters since they were last taken. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Adds to a counter, one of COUNTERS."""
        with self._lock:
            self._counts[name] += amount

    def take(self) -> dict[str, int]:
        """The counters that are not 0; they start again at 0."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return {name: amount for name, amount in taken.items() if amount}
