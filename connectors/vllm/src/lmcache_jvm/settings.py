"""What an operator can set, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

PREFIX = "lmcache_jvm."
ENVIRONMENT_PREFIX = "LMCACHE_JVM_"


def _default_socket() -> Path:
    """The server's own default."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    usable = runtime.is_absolute() and runtime.is_dir()
    directory = runtime / "lmcache" if usable else Path(f"/tmp/lmcache-{os.geteuid()}")
    return directory / "server.sock"


@dataclass(frozen=True)
class Settings:
    """The connector's own settings; those of the cache are the server's, in LMCACHE_CONFIG_FILE and LMCACHE_*.

    Each can be given as `lmcache_jvm.NAME` in kv_connector_extra_config, or as LMCACHE_JVM_NAME in the environment; the
    former wins. Times are in seconds.
    """

    # Where the server listens.
    socket: Path
    # The folder of the distribution, whose bin/lmcache starts a server; without one, `lmcache` of the PATH.
    home: Path | None = None
    # Whether to start a server when none listens.
    start_server: bool = True
    # How long a server may take to start.
    start_seconds: float = 60.0
    # How long all lookups of a scheduling pass together hold the scheduler; what has no answer then is asked for again.
    lookup_wait_seconds: float = 0.005
    # After how long a lookup counts as a miss.
    lookup_seconds: float = 1.0
    # After how long what has not arrived is computed instead.
    retrieve_seconds: float = 30.0
    # The longest that blocks are kept from reuse by a save.
    store_seconds: float = 2.0
    # How long a server that did not answer in time is left alone.
    retry_seconds: float = 5.0
    # What vLLM does about blocks that were promised and did not arrive: `recompute` them, or leave it to `vllm`'s own
    # kv_load_failure_policy, which fails the request unless set otherwise.
    load_failures: str = "recompute"
    # Whether all layers' KV of a block shall be one piece of memory, where vLLM up to 0.29 can do that.
    cross_layer_blocks: bool = False

    def __post_init__(self) -> None:
        if self.load_failures not in ("recompute", "vllm"):
            raise ValueError(f"{PREFIX}load_failures is {self.load_failures!r}, allowed are 'recompute' and 'vllm'")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not 0 < value < 86_400:
                raise ValueError(f"{PREFIX}{field.name} is {value}, allowed are more than 0 s up to a day")


def load(extra_config: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """The settings, from vLLM's kv_connector_extra_config and the environment.

    Raises ValueError for what makes no sense.
    """
    given = {
        field.name: environment[variable]
        for field in fields(Settings)
        if (variable := ENVIRONMENT_PREFIX + field.name.upper()) in environment
    }
    given |= {name.removeprefix(PREFIX): value for name, value in extra_config.items() if name.startswith(PREFIX)}
    unknown = given.keys() - {field.name for field in fields(Settings)}
    if unknown:
        known = ", ".join(field.name for field in fields(Settings))
        raise ValueError(f"unknown settings {', '.join(PREFIX + name for name in sorted(unknown))}; known are {known}")
    kinds = {field.name: str(field.type) for field in fields(Settings)}
    values: dict[str, Any] = {"socket": _default_socket()}
    values |= {name: _convert(name, kinds[name], value) for name, value in given.items()}
    return Settings(**values)


def _convert(name: str, kind: str, value: Any) -> Any:
    try:
        if kind == "float":
            return float(value)
        if kind == "bool":
            return (
                value
                if isinstance(value, bool)
                else {"true": True, "1": True, "false": False, "0": False}[value.lower()]
            )
        return Path(value) if "Path" in kind else str(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError(f"{PREFIX}{name} is {value!r}, which is no {kind}") from None
