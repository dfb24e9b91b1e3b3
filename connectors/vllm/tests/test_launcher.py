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
from collections.abc import Callable, Iterator
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


def impostor(path: Path, user: int) -> int:
    """A process of another user that listens on a socket which this one bound."""
    child = os.fork()
    if child == 0:
        with socket.socket(socket.AF_UNIX) as foreign:
            foreign.bind(str(path))
            os.setuid(user)
            foreign.listen()
            time.sleep(60)
        os._exit(0)
    return child


def accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_server_of_another_user_is_refused_whoever_owns_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    child = impostor(path, 4711)
    try:
        deadline = time.monotonic() + 20
        while not accepts(path):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert path.stat().st_uid == 0
        assert not listens(path)
        with pytest.raises(NoServer, match="user 4711"):
            ensure_server(Settings(path), True)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def private(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


@pytest.mark.parametrize("name", ["s.sock.start", "s.log"])
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_links_in_the_sockets_directory_are_not_written_through(
    tmp_path: Path, name: str, link: Callable[[Path, Path], None]
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    home = stand_in_home(tmp_path / "home", "echo spoiled")
    folder = private(tmp_path / "run")
    link(precious, folder / name)
    with pytest.raises(NoServer, match=f"{name} beside the socket"):
        ensure_server(Settings(folder / "s.sock", home=home), True)
    assert precious.read_text() == "mine"


def test_directory_that_is_a_link_is_refused_and_nothing_written(tmp_path: Path) -> None:
    elsewhere = private(tmp_path / "elsewhere")
    (tmp_path / "run").symlink_to(elsewhere)
    home = stand_in_home(tmp_path / "home", "exit 0")
    with pytest.raises(NoServer, match="is a link"):
        ensure_server(Settings(tmp_path / "run/s.sock", home=home), True)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("mode", [0o770, 0o701, 0o1777])
def test_directory_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    folder = private(tmp_path / "run")
    folder.chmod(mode)
    with pytest.raises(NoServer, match="open to other users"):
        ensure_server(Settings(folder / "s.sock", home=stand_in_home(tmp_path / "home", "exit 0")), True)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a directory of somebody else")
def test_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = private(tmp_path / "run")
    os.chown(folder, 4711, 4711)
    for may_start in (True, False):
        with pytest.raises(NoServer, match="belongs to user 4711"):
            ensure_server(
                Settings(folder / "s.sock", home=stand_in_home(tmp_path / f"home {may_start}", "")), may_start
            )
    assert list(folder.iterdir()) == []


def test_files_beside_the_socket_are_for_their_user_alone(tmp_path: Path) -> None:
    home = stand_in_home(tmp_path / "home", "exit 7")
    with pytest.raises(NoServer, match="status 7"):
        ensure_server(Settings(tmp_path / "run/s.sock", home=home), True)
    assert {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "run").iterdir()} == {
        "s.sock.start": 0o600,
        "s.log": 0o600,
    }


def test_server_sees_all_gpus_whichever_the_engine_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    home = stand_in_home(tmp_path / "home", "env; exit 7")
    with pytest.raises(NoServer, match="status 7"):
        ensure_server(Settings(tmp_path / "run/s.sock", home=home), True)
    environment = (tmp_path / "run/s.log").read_text()
    assert "PATH=" in environment
    assert "CUDA_VISIBLE_DEVICES" not in environment


def test_long_path_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="bytes, a socket's may have 107"):
        ensure_server(Settings(tmp_path / ("s" * 108)), True)
