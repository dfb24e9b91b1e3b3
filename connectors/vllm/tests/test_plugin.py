"""Which connector the name LMCacheConnectorV1 stands for."""

from __future__ import annotations

import importlib.util
import logging
from importlib.metadata import entry_points

import pytest
from vllm.distributed.kv_transfer.kv_connector.factory import KVConnectorFactory

from lmcache_jvm import plugin

OURS = ("lmcache_jvm.vllm", "LMCacheConnectorV1")
VLLMS = KVConnectorFactory._registry["LMCacheConnectorV1"]


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KVConnectorFactory, "_registry", {"LMCacheConnectorV1": VLLMS})
    monkeypatch.delenv("LMCACHE_JVM_CONNECTOR", raising=False)


def install_lmcache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())


@pytest.mark.parametrize(
    "installed, choice, expected",
    [
        (False, None, OURS),
        (True, None, VLLMS),
        (True, "jvm", OURS),
        (True, "lmcache", VLLMS),
        (False, "lmcache", VLLMS),
    ],
)
def test_who_has_the_name(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    installed: bool,
    choice: str | None,
    expected: tuple[str, str],
) -> None:
    if installed:
        install_lmcache(monkeypatch)
    if choice is not None:
        monkeypatch.setenv("LMCACHE_JVM_CONNECTOR", choice)
    with caplog.at_level(logging.INFO):
        plugin.register()
        plugin.register()
    assert KVConnectorFactory._registry["LMCacheConnectorV1"] == expected
    assert ("LMCache for the JVM" in caplog.text.split(";")[0]) == (expected == OURS)


def test_a_choice_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMCACHE_JVM_CONNECTOR", "java")
    with pytest.raises(ValueError, match="auto, jvm and lmcache"):
        plugin.register()


def test_vllm_finds_the_plugin() -> None:
    (found,) = entry_points(group="vllm.general_plugins", name="lmcache_jvm")
    assert found.load() is plugin.register
