"""Makes `"kv_connector": "LMCacheConnectorV1"` mean this package, and vLLM know its other connector and its tier.

vLLM calls `register` in every process that it starts. Its own connector of that name needs LMCache's Python package;
where that is installed, too, LMCACHE_JVM_CONNECTOR decides.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os

from lmcache_jvm import log

logger = log.logger(__name__)

CONNECTOR = "LMCacheConnectorV1"
MODULE = "lmcache_jvm.vllm"
CHOICE = "LMCACHE_JVM_CONNECTOR"
# vLLM's own offloading with the cache server behind it.
OFFLOADING = "LMCacheOffloadingConnector"
OFFLOADING_MODULE = "lmcache_jvm.offloading"
TIER = "lmcache_jvm"


def register() -> None:
    """The entry point of the group vllm.general_plugins. May be called several times."""
    choice = os.environ.get(CHOICE, "auto")
    if choice not in ("auto", "jvm", "lmcache"):
        raise ValueError(f"{CHOICE} is {choice!r}, allowed are auto, jvm and lmcache")
    _add_offloading()
    python_package = importlib.util.find_spec("lmcache") is not None
    if choice == "lmcache" or (choice == "auto" and python_package):
        logger.info("%s is LMCache's own, in Python; %s=jvm makes it LMCache for the JVM", CONNECTOR, CHOICE)
        return
    _replace()
    if python_package:
        logger.info("%s is LMCache for the JVM, not LMCache's own, because of %s=jvm", CONNECTOR, CHOICE)
    else:
        logger.info("%s is LMCache for the JVM", CONNECTOR)


def _replace() -> None:
    from vllm.distributed.kv_transfer.kv_connector.factory import KVConnectorFactory

    # There is no public way to take a name back; vLLM refuses to register one twice.
    registry = getattr(KVConnectorFactory, "_registry", None)
    if registry is None:
        logger.warning(
            'This vLLM\'s connector registry is unknown; add "kv_connector_module_path": "%s" to --kv-transfer-config',
            MODULE,
        )
        return
    registry.pop(CONNECTOR, None)
    KVConnectorFactory.register_connector(CONNECTOR, MODULE, CONNECTOR)


def _add_offloading() -> None:
    from vllm.distributed.kv_transfer.kv_connector.factory import KVConnectorFactory

    try:
        from vllm.v1.kv_offload.tiering.factory import SecondaryTierFactory
    except ImportError:
        # A vLLM without secondary tiers.
        return
    # vLLM refuses to register a name twice, and calls this several times.
    with contextlib.suppress(ValueError):
        KVConnectorFactory.register_connector(OFFLOADING, OFFLOADING_MODULE, OFFLOADING)
    with contextlib.suppress(ValueError):
        SecondaryTierFactory.register_tier(TIER, OFFLOADING_MODULE, "LmcacheTier")
