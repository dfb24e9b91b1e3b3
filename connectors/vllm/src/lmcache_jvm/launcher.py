"""Starts the server of this host when none runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmcache_jvm import log
from lmcache_jvm.settings import ENVIRONMENT_PREFIX, Settings

logger = log.logger(__name__)

_POLL_SECONDS = 0.05


class NoServer(Exception):
    """No server listens, and none could be started. The message says why and what to do."""


def ensure_server(settings: Settings, may_start: bool) -> None:
    """Returns when a server listens on the socket. Of several processes that call this at once, one starts it."""
    if listens(settings.socket):
        _require_own(settings.socket)
        return
    if not may_start:
        raise NoServer("nobody listens there; it was stopped, or lmcache_jvm.start_server is false")
    command = _command(settings.home)
    deadline = time.monotonic() + settings.start_seconds
    settings.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(settings.socket.with_name(settings.socket.name + ".start"), deadline):
        if not listens(settings.socket):
            _start([str(command), "serve", "--socket", str(settings.socket)], settings.socket, deadline)


def listens(path: Path) -> bool:
    """Whether a process accepts connections there; a socket file alone may be a dead server's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _require_own(path: Path) -> None:
    # The default lies in /tmp, where anybody could have been first.
    owner = path.stat().st_uid
    if owner != os.getuid():
        raise NoServer(f"it belongs to user {owner}, not to this one, {os.getuid()}; set LMCACHE_JVM_SOCKET to another")


def _command(home: Path | None) -> Path:
    if home is not None:
        command = home / "bin" / "lmcache"
        if os.access(command, os.X_OK):
            return command
        raise NoServer(f"lmcache_jvm.home is {home}, but there is no {command}")
    found = shutil.which("lmcache")
    # LMCache's own package may have a command of this name.
    if found and any((Path(found).resolve().parents[1] / "lib").glob("lmcache-server-*.jar")):
        return Path(found)
    raise NoServer(
        "no server runs, and the distribution of LMCache for the JVM is not on the PATH; "
        "set LMCACHE_JVM_HOME to its folder, or start `lmcache serve` yourself"
    )


@contextmanager
def _lock(path: Path, deadline: float) -> Iterator[None]:
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NoServer(f"another process holds {path} and starts no server") from None
                time.sleep(_POLL_SECONDS)
        # The kernel gives the lock back when the file is closed, also when this process is killed.
        yield


def _start(command: list[str], path: Path, deadline: float) -> None:
    log = path.with_suffix(".log")
    logger.info("Starting the cache server: %s; its log is %s", " ".join(command), log)
    # The cache's settings are in the environment, and the connector's, which the server does not know.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    with log.open("ab") as output:
        # A session of its own: the server outlives this engine, and Ctrl-C in its terminal.
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    while not listens(path):
        if process.poll() is not None:
            raise NoServer(f"{command[0]} ended with status {process.returncode}; see {log}")
        if time.monotonic() > deadline:
            process.terminate()
            raise NoServer(f"{command[0]} did not listen in time; see {log}, or raise lmcache_jvm.start_seconds")
        time.sleep(_POLL_SECONDS)
