"""Where the connector's messages go."""

from __future__ import annotations

import logging


def logger(module: str) -> logging.Logger:
    """The logger of a module: below vLLM's own, because vLLM shows what those say and nobody else's."""
    return logging.getLogger(f"vllm.{module}")
