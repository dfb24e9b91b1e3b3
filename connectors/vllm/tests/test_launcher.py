"""Starting the server: once, whoever asks, and only where it makes sense."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine import Engine, Request
from paged_cache import Shape
from real_server import configure

from lmcache_jvm.launcher import NoServer, ensure_server, listens
from lmcache_jvm.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """For a server that the test starts, which ends with the test."""
    monkeypatch.setenv("LMCACHE_CONFIG_FILE", str(configure(tmp_path)))
    settings = Settings(tmp_path / "run/s.sock", home=home)
    yield settings
    if listens(settings.socket):
        os.kill(server_pid(settings.socket), signal.SIGKILL)


def server_pid(path: Path) -> int:
    """Who listens, by the kernel's account."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], sys.byteorder)


def test_of_many_that_start_one_does(settings: Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from lmcache_jvm.settings import Settings;"
        "from lmcache_jvm.launcher import ensure_server;"
        "ensure_server(Settings(Path(sys.argv[1]), home=Path(sys.argv[2])), True)"
    )
    command = [sys.executable, "-c", code, str(settings.socket), str(settings.home)]
    ranks = [subprocess.Popen(command) for _ in range(4)]
    assert [rank.wait(timeout=60) for rank in ranks] == [0] * 4
    log = settings.socket.with_suffix(".log").read_text()
    assert log.count("ready on") == 1, log


def test_engine_starts_a_server_and_starts_it_again_when_it_falls(settings: Settings, tmp_path: Path) -> None:
    text = [random.randrange(1000) for _ in range(100)]
    options = {"socket": str(settings.socket), "home": str(settings.home), "lookup_seconds": 20, "store_seconds": 20}
    with Engine(Shape("packed NHD"), options, ranks=2, model="m") as engine:
        engine.wait_connected()
        engine.run(Request(text))
        await_files(tmp_path / "cache", 2 * 4)
        first = server_pid(settings.socket)
        os.kill(first, signal.SIGKILL)
        engine.wait_connected(gone=first)
        assert server_pid(settings.socket) != first
        engine.forget_prefixes()
        engine.run(request := Request(text))
        assert request.external_tokens == 99
    # It outlives the engine, and the next engine finds it.
    assert listens(settings.socket)


def await_files(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 20
    while len(list(folder.rglob("*.safetensors"))) < count:
        assert time.monotonic() < deadline, list(folder.rglob("*"))
        time.sleep(0.02)


def await_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or ") Z " in state.read_text():
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


def test_environment_is_passed_on_without_the_connectors_own(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMCACHE_JVM_START_SECONDS", "60")
    monkeypatch.setenv("LMCACHE_GDS_PATH", str(tmp_path / "elsewhere"))
    ensure_server(settings, True)
    assert (tmp_path / "elsewhere").is_dir()
    assert "LMCACHE_JVM" not in settings.socket.with_suffix(".log").read_text()


def test_server_that_ends_at_once_is_reported_with_its_log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMCACHE_CHUNK_SIZE", "many")
    with pytest.raises(NoServer, match=r"ended with status .*s\.log"):
        ensure_server(settings, True)


def stand_in_home(folder: Path, script: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    command = folder / "bin/lmcache"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return folder


def test_server_that_does_not_listen_in_time_is_ended(tmp_path: Path) -> None:
    home = stand_in_home(tmp_path / "home", 'echo $$ >"$(dirname "$0")/pid"; exec sleep 100')
    with pytest.raises(NoServer, match="start_seconds"):
        ensure_server(Settings(tmp_path / "run/s.sock", home=home, start_seconds=0.5), True)
    await_gone(int((home / "bin/pid").read_text()))


def test_no_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A command of that name that is somebody else's.
    stranger = stand_in_home(tmp_path / "stranger", "exit 0")
    monkeypatch.setenv("PATH", str(stranger / "bin"))
    with pytest.raises(NoServer, match="LMCACHE_JVM_HOME"):
        ensure_server(Settings(tmp_path / "s.sock"), True)
    with pytest.raises(NoServer, match="there is no"):
        ensure_server(Settings(tmp_path / "s.sock", home=tmp_path), True)


def test_distribution_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = stand_in_home(tmp_path / "home", "exit 7")
    (home / "lib").mkdir()
    (home / "lib/lmcache-server-1.jar").touch()
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    assert shutil.which("lmcache") == str(home / "bin/lmcache")
    with pytest.raises(NoServer, match="status 7"):
        ensure_server(Settings(tmp_path / "run/s.sock"), True)


def test_socket_of_a_dead_server_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
        assert listens(path)
    assert path.exists()
    assert not listens(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a socket of somebody else")
def test_socket_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(str(path))
        foreign.listen()
        os.chown(path, 4711, 4711)
        with pytest.raises(NoServer, match="user 4711"):
            ensure_server(Settings(path), True)
