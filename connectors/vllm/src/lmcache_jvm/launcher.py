"""Starts the server of this host when none runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmcache_jvm import log
from lmcache_jvm.settings import ENVIRONMENT_PREFIX, Settings

logger = log.logger(__name__)

_POLL_SECONDS = 0.05
# sun_path has 108 bytes, the last one zero.
_LONGEST_PATH = 107
# struct ucred: process, user, group.
_CREDENTIALS = struct.Struct("iII")
_ELSEWHERE = "set LMCACHE_JVM_SOCKET to another place"


class NoServer(Exception):
    """No server listens, and none could be started. The message says why and what to do."""


def ensure_server(settings: Settings, may_start: bool) -> None:
    """Returns when a server of this user listens on the socket. Of several processes that call this at once, one starts
    it.
    """
    _require_short(settings.socket)
    with _directory(settings.socket.parent, may_start) as folder:
        user = _listener(settings.socket)
        if user is not None:
            _require_own(user)
            return
        if not may_start:
            raise NoServer("nobody listens there; it was stopped, or lmcache_jvm.start_server is false")
        command = _command(settings.home)
        deadline = time.monotonic() + settings.start_seconds
        with _lock(folder, settings.socket.name + ".start", deadline):
            if not listens(settings.socket):
                _start([str(command), "serve", "--socket", str(settings.socket)], settings.socket, folder, deadline)


def listens(path: Path) -> bool:
    """Whether a process of this user accepts connections there; a socket file alone may be a dead server's."""
    return _listener(path) == os.geteuid()


def _listener(path: Path) -> int | None:
    """The user who listens, by the kernel's account, whatever the file says; None for nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return None
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(credentials)[1]
    return user


def _require_own(user: int) -> None:
    if user != os.geteuid():
        raise NoServer(f"it belongs to user {user}, not to this one, {os.geteuid()}; {_ELSEWHERE}")


def _require_short(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        raise NoServer(f"its path has {length} bytes, a socket's may have {_LONGEST_PATH}; {_ELSEWHERE}")


@contextmanager
def _directory(path: Path, make: bool) -> Iterator[int]:
    """The descriptor of the socket's directory, where nobody else can put anything: the default lies in /tmp, where
    anybody could have been first.
    """
    if make:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NoServer("its directory is not there") from None
    except NotADirectoryError:
        raise NoServer(f"{path} is a link or no directory; {_ELSEWHERE}") from None
    try:
        status = os.fstat(folder)
        if status.st_uid != os.geteuid():
            raise NoServer(f"{path} belongs to user {status.st_uid}, not to this one, {os.geteuid()}; {_ELSEWHERE}")
        if status.st_mode & 0o077:
            raise NoServer(
                f"{path} is open to other users, mode {status.st_mode & 0o777:o}; chmod 700 it, or {_ELSEWHERE}"
            )
        yield folder
    finally:
        os.close(folder)


def _open(folder: int, name: str, flags: int) -> int:
    """Opens a file of the directory, made if need be, that is nobody else's and no link to something else."""
    try:
        file = os.open(name, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=folder)
    except OSError as error:
        raise NoServer(f"{name} beside the socket cannot be opened, {error.strerror}; remove it") from None
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_nlink != 1:
        os.close(file)
        raise NoServer(f"{name} beside the socket is not a plain file of user {os.geteuid()}; remove it")
    return file


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
def _lock(folder: int, name: str, deadline: float) -> Iterator[None]:
    with open(_open(folder, name, os.O_WRONLY), "w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NoServer(f"another process holds {name} beside the socket and starts no server") from None
                time.sleep(_POLL_SECONDS)
        # The kernel gives the lock back when the file is closed, also when this process is killed.
        yield


def _start(command: list[str], path: Path, folder: int, deadline: float) -> None:
    log = path.with_suffix(".log")
    logger.info("Starting the cache server: %s; its log is %s", " ".join(command), log)
    # The cache's settings are in the environment. The connector's the server does not know, and it serves engines on
    # other GPUs, too.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ENVIRONMENT_PREFIX) and name != "CUDA_VISIBLE_DEVICES"
    }
    with open(_open(folder, log.name, os.O_WRONLY | os.O_APPEND), "ab") as output:
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
