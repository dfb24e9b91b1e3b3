"""A server process for tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.client import Client
from lmcache_jvm.launcher import listens

CHUNK_TOKENS = 32

_CONFIGURATION = """\
chunk_size: {chunk}
local_cpu: true
max_local_cpu_size: 64 MiB
gds_path: {path}
"""


def configure(folder: Path, text: str | None = None) -> Path:
    """Writes a server's configuration; unless given, a small one with everything below the folder."""
    file = folder / "lmcache.yaml"
    file.write_text(text or _CONFIGURATION.format(chunk=CHUNK_TOKENS, path=folder / "cache"))
    return file


class RealServer:
    """`lmcache serve`, started at once; files and socket are below a folder."""

    def __init__(self, folder: Path, home: Path, configuration: str | None = None) -> None:
        # Socket paths have little room, pytest's folders have long names.
        self.socket = folder / "run" / "s.sock"
        self.home = home
        self.environment = os.environ | {"LMCACHE_CONFIG_FILE": str(configure(folder, configuration))}
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def options(self) -> dict[str, object]:
        """The connector's settings to use it; a busy machine is no fault of it."""
        return {"socket": str(self.socket), "start_server": False, "lookup_seconds": 20, "store_seconds": 20}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.home / "bin/lmcache"), "serve", "--socket", str(self.socket)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while not listens(self.socket):
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an operator does."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """As a debugger does, or a control group's freezer."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=30)

    def stats(self) -> pb.StatsResponse:
        client = Client(self.socket)
        try:
            return client.stats(pb.StatsRequest(), timeout=10)
        finally:
            client.close()

    def mapped_shared_memory(self) -> list[str]:
        """Engines' memory that the process has mapped, by the kernel's account."""
        maps = Path(f"/proc/{self.pid}/maps").read_text()
        return [line for line in maps.splitlines() if re.search("/dev/shm/(lmcache-vllm-test|vllm_offload_test)", line)]

    def await_files(self, chunks: int, seconds: float = 20) -> None:
        """Returns when the slowest tier has at least that many chunks."""
        deadline = time.monotonic() + seconds
        while self.stats().tiers[-1].chunks < chunks:
            assert time.monotonic() < deadline, self.stats()
            time.sleep(0.02)

    def await_released(self, seconds: float = 20) -> None:
        """Returns when no client's memory, registration or pin is left."""
        deadline = time.monotonic() + seconds
        while True:
            stats, mapped = self.stats(), self.mapped_shared_memory()
            left = (stats.sessions, stats.kv_caches, stats.pins, stats.mapped_bytes, mapped)
            if left == (0, 0, 0, 0, []):
                return
            assert time.monotonic() < deadline, f"sessions, caches, pins, bytes, mappings left: {left}"
            time.sleep(0.05)

    def __enter__(self) -> RealServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=30)
        if failure is not None:
            print(self._log.read_text())
