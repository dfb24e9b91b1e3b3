from __future__ import annotations

from pathlib import Path

import pytest

from lmcache_jvm.settings import load


def test_extra_config_wins_over_the_environment() -> None:
    environment = {"LMCACHE_JVM_SOCKET": "/a", "LMCACHE_JVM_START_SECONDS": "7", "LMCACHE_JVM_START_SERVER": "false"}
    settings = load({"lmcache_jvm.socket": "/b", "somebody.else": 1}, environment)
    assert (settings.socket, settings.start_seconds, settings.start_server) == (Path("/b"), 7.0, False)


def test_default_socket_is_the_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert load({}, {}).socket == tmp_path / "lmcache/server.sock"
    # As the server takes it: what is no absolute path is as good as none.
    for unusable in (str(tmp_path / "missing"), "", "."):
        monkeypatch.setenv("XDG_RUNTIME_DIR", unusable)
        assert str(load({}, {}).socket).startswith("/tmp/lmcache-")


@pytest.mark.parametrize(
    "name, value",
    [
        ("lookup_second", 1),
        ("lookup_seconds", 0),
        ("store_seconds", "soon"),
        ("start_server", 5),
        ("load_failures", "x"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"lmcache_jvm.{name}"):
        load({f"lmcache_jvm.{name}": value}, {})
