"""The tier beside vLLM's own `fs` tier: the same rows, the same disk, driven by the same classes of vLLM.

    python3 connectors/vllm/tests/offloading/measure.py FOLDER [VERSION]

The folder is on the disk that is measured. Needs the distribution (./mvnw package), the environment that
connectors/vllm/check makes, and no GPU. Prints a table: how fast rows are stored and loaded, and how long vLLM's
scheduler is held by all calls of its tiering for that, as the median of some rounds.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent), str(_HERE.parents[1] / "src")]

import real_vllm  # noqa: E402
from real_server import RealServer  # noqa: E402
from vllm_source import Source  # noqa: E402

_SOURCE = Source(sys.argv[2] if len(sys.argv) > 2 else "0.26.0")
real_vllm.install(_SOURCE.folder)

from engine import Engine, key, request  # noqa: E402

_ROUNDS = 3
_MIB = 1 << 20
# Bytes of a row, rows that are stored and loaded, and rows of a job: a prompt's.
_SIZES = ((2 * _MIB, 96, 32), (64 << 10, 2048, 512))
_HOME = _HERE.parents[3] / "lmcache-distribution/target/lmcache"
_FILES = "chunk_size: 256\nlocal_cpu: false\ngds_path: {path}\ncufile_buffer_size: 512\n"
_DIRECT = _FILES + "extra_config: {{use_direct_io: true}}\n"
_BOTH = "chunk_size: 256\nlocal_cpu: true\nmax_local_cpu_size: 2\ngds_path: {path}\n"


def forget(folder: Path) -> None:
    """Takes the files out of the memory of the operating system."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


class Tier:
    """A way to keep rows, in a folder of its own; the server, if there is one, stays between rounds."""

    def __init__(self, name: str, configuration: str | None = None, cold: bool = True, restarts: bool = True) -> None:
        self.name = name
        self._configuration = configuration
        self._cold = cold
        self._restarts = restarts
        self._server: RealServer | None = None
        self._small = tempfile.TemporaryDirectory()
        self._stored = 0

    def start(self, folder: Path, row_bytes: int, count: int, job: int) -> None:
        self._folder = folder
        self._sizes = row_bytes, count, job
        folder.mkdir()
        self._stored = 0
        if self._configuration is not None:
            self._server = RealServer(Path(self._small.name), _HOME, self._configuration.format(path=folder))
        # Java compiles what runs often, and a server starts once a day.
        for model in ("warm-up 1", "warm-up 2"):
            self.store(model)
            self.load(model)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self._folder)

    def store(self, model: str) -> list[float]:
        """MiB a second, and the milliseconds that the scheduler was held."""
        engine = self._engine(model)
        contexts = [engine.begin(request(f"r{n}")) for n in range(len(self._blocks(model)))]
        outputs = [engine.prepare(*both) for both in zip(contexts, self._blocks(model), strict=True)]
        engine.held, began = 0.0, time.perf_counter()
        for context, output in zip(contexts, outputs, strict=True):
            engine.complete(context, output)
        engine.settle()
        result = self._result(engine, began)
        engine.close()
        self._stored += self._sizes[1]
        if self._server is not None:
            # A row that is still being written is a miss.
            self._server.await_files(self._stored)
        return result

    def restart(self) -> None:
        if self._server is not None and self._restarts:
            self._server.stop()
            self._server.start()
            self.load("warm-up 1")
            self.load("warm-up 2")

    def load(self, model: str) -> list[float]:
        """As `store`; every byte is looked at."""
        if self._cold:
            forget(self._folder)
        engine = self._engine(model)
        engine.held, began = 0.0, time.perf_counter()
        contexts = [engine.begin(request(f"r{n}")) for n in range(len(self._blocks(model)))]
        found = engine.lookup_all(list(zip(contexts, self._blocks(model), strict=True)))
        result = self._result(engine, began)
        assert all(all(part) for part in found), f"{self.name}: not all came back"
        for context, part in zip(contexts, self._blocks(model), strict=True):
            engine.require(context, part)
        engine.close()
        return result

    def _engine(self, model: str) -> Engine:
        row_bytes, count, _ = self._sizes
        if self._server is None:
            # Its files are named by other things than the model.
            return Engine({}, [{"type": "fs", "root_dir": str(self._folder / model)}], 2 * count, row_bytes)
        engine = Engine(self._server.options, rows=2 * count, row_bytes=row_bytes, model=model)
        engine.await_server()
        return engine

    def _blocks(self, model: str) -> list[dict[bytes, int]]:
        _, count, job = self._sizes
        return [{key(n): n for n in range(start, min(start + job, count))} for start in range(0, count, job)]

    def _result(self, engine: Engine, began: float) -> list[float]:
        row_bytes, count, _ = self._sizes
        return [count * row_bytes / _MIB / (time.perf_counter() - began), 1000 * engine.held]


TIERS = (
    Tier("vLLM's `fs`"),
    Tier("ours, files", _FILES),
    Tier("ours, files, `use_direct_io`", _DIRECT),
    Tier("ours, files that are in the page cache", _FILES, cold=False),
    Tier("ours, in `local_cpu`", _BOTH, cold=False, restarts=False),
)


def main() -> int:
    folder = Path(sys.argv[1]).resolve() / "lmcache-measure"
    print(f"vLLM {_SOURCE.version}, {os.cpu_count()} cores, {platform.node()}, {time.strftime('%Y-%m-%d')}\n")
    print("| rows | tier | stored, MiB/s | held, ms | loaded, MiB/s | held, ms |\n|---|---|---|---|---|---|")
    for sizes in _SIZES:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for number, tier in enumerate(TIERS):
            tier.start(folder / str(number), *sizes)
        # In turns, so that what else the machine does meets all of them.
        rounds = range(_ROUNDS)
        stores = [[tier.store(f"m{number}") for tier in TIERS] for number in rounds]
        for tier in TIERS:
            tier.restart()
        loads = [[tier.load(f"m{number}") for tier in TIERS] for number in rounds]
        for place, tier in enumerate(TIERS):
            values = [
                statistics.median(turn[place][of] for turn in turns) for turns in (stores, loads) for of in (0, 1)
            ]
            stored, stored_held, loaded, loaded_held = values
            print(
                f"| {sizes[1]} of {sizes[0] >> 10} KiB | {tier.name} "
                f"| {stored:,.0f} | {stored_held:.1f} | {loaded:,.0f} | {loaded_held:.1f} |",
                flush=True,
            )
            tier.stop()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
