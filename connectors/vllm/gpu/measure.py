"""What the connector does on a GPU: whether the right KV comes back, and how fast.

    python3 connectors/vllm/gpu/measure.py target/gpu-bundle

The argument is a folder with bin/lmcache (a distribution) or with a Java runtime and the jars (scripts/gpu-bundle's).
torch, numpy, grpcio and protobuf have to be there; vLLM does not. Prints one table with targets met and missed; the
status is 0 when everything that must be equal was equal. On a machine without a GPU it does the same with a small
model in shared memory: that shows that the program works, and nothing about speed.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent / part) for part in ("src", "tests", "tests/standin")]

import torch
from engine import Engine, Request
from llama import Llama, Size
from paged_cache import KINDS, Shape
from real_server import RealServer
from torch_cache import TorchCache

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.prompt import pack

GPU = torch.cuda.is_available()
SIZE = Size() if GPU else Size(4, 64, 4, 2, 16, 128, 1000)
PREFIXES = (2048, 8192, 32_768) if GPU else (256, 512, 1024)
QUESTION = 32
STEP_TOKENS = 8192
STEPS = ("shapes", "logits", "calls", "first-token")
WARM_UP_LOOKUPS = 300
WARM_UP_STORES = 40
WARM_UP_TOKENS = PREFIXES[0]
DTYPES = ("bfloat16", "float16", "float32", "float8_e4m3fn", "uint8")


@dataclass
class Row:
    """A line of the table."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


class Table:
    """What was found out."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(self, what: str, value: str, target: str = "", met: bool | None = None) -> None:
        self._rows.append(Row(what, value, target, met))
        print(f"... {what}: {value}", flush=True)

    def print(self) -> bool:
        """Whether no row that has to hold was missed; those of speed do not have to."""
        widths = [max(len(getattr(row, name)) for row in self._rows) for name in ("what", "value", "target")]
        print()
        for row in self._rows:
            verdict = "" if row.met is None else "met" if row.met else "MISSED"
            print(f"| {row.what:{widths[0]}} | {row.value:>{widths[1]}} | {row.target:{widths[2]}} | {verdict:6} |")
        return all(row.met is not False for row in self._rows if row.target in ("equal", "differs"))


def prompt(tokens: int) -> list[int]:
    return [random.randrange(min(SIZE.vocabulary, 1000)) for _ in range(tokens)]


def finish() -> None:
    if GPU:
        torch.cuda.synchronize()


def seconds(engine: Engine, request: Request) -> float:
    """From the request's arrival to the logits of its first token."""
    finish()
    began = time.perf_counter()
    engine.run(request, seconds=300)
    finish()
    return time.perf_counter() - began


# Whether it is right.


def shapes(server: RealServer, table: Table) -> None:
    """Every layout and element type, and ranks on one GPU or two: the engine looks at every bit."""
    ranks = [1, 2] if not GPU or torch.cuda.device_count() > 1 else [1]
    for count in ranks:
        equal = 0
        for kind in KINDS:
            for dtype in DTYPES:
                shape = Shape(kind, 4, 1, 576, 64, dtype=dtype) if kind.startswith("mla") else shape_of(kind, dtype)
                equal += comes_back(server, shape, count)
        expected = len(KINDS) * len(DTYPES)
        where = f"{count} {'GPU' if GPU else 'rank'}{'s' if count > 1 else ''}"
        table.add(f"layouts x element types, {where}", f"{equal} of {expected}", "equal", equal == expected)
    same_gpu = comes_back(server, shape_of("packed HND", "bfloat16"), 2, lambda shape, _: TorchCache(shape, 0))
    table.add("two ranks on one GPU", "equal" if same_gpu else "differs", "equal", same_gpu)


def shape_of(kind: str, dtype: str) -> Shape:
    return Shape(kind, 4, 4, 128, 64, dtype=dtype)


def comes_back(server: RealServer, shape: Shape, ranks: int, make_cache: Any = TorchCache) -> bool:
    text = prompt(600)
    try:
        for expected in (0, 599):
            with Engine(
                shape, server.options, ranks=ranks, step_tokens=256, model=f"{shape} {ranks}", make_cache=make_cache
            ) as engine:
                engine.wait_connected()
                engine.run(request := Request(text))
                if request.external_tokens != expected:
                    raise AssertionError(f"{request.external_tokens} tokens came, not {expected}: {engine.counts}")
    except AssertionError as error:
        print(f"!!! {shape}, {ranks} ranks: {error}", flush=True)
        return False
    return True


def logits(server: RealServer, model: Llama, table: Table) -> None:
    """A restored prefix against computing all at once, and against computing in the same two pieces."""
    text = prompt(PREFIXES[1] + QUESTION)
    cut = PREFIXES[1]
    at_once, in_pieces, restored = (
        last_logits(server, model, text, pieces, load) for pieces, load in ((0, False), (cut, False), (cut, True))
    )
    spread = float((in_pieces - at_once).abs().max())
    table.add("logits: two pieces against one, without a cache", f"{spread:.4f}")
    error = float((restored - at_once).abs().max())
    table.add("logits: restored prefix against one piece", f"{error:.4f}", "equal", error <= spread)
    # What would be far off, did the logits not depend on the prefix.
    other = last_logits(server, model, prompt(cut) + text[cut:], 0, False)
    control = float((other - at_once).abs().max())
    table.add("logits: another prefix against one piece", f"{control:.4f}", "differs", control > 4 * spread)
    same = torch.equal(restored, in_pieces)
    table.add("logits: restored prefix against two pieces", "bit for bit" if same else "differs", "equal", same)


def last_logits(server: RealServer, model: Llama, text: list[int], cut: int, load: bool) -> torch.Tensor:
    """`cut` is where the prefill is divided; with `load` what is before it comes from the server."""
    with engine_of(server, model, "logits", len(text), step_tokens=cut or len(text)) as engine:
        if load:
            engine.run(Request(text[:cut], max_tokens=0))
        request = Request(text, max_tokens=0, kv_transfer_params={"lmcache.skip_save": True})
        engine.run(request, seconds=300)
        if request.external_tokens != (cut if load else 0):
            raise AssertionError(f"{request.external_tokens} tokens came from the server: {engine.counts}")
        return model.logits.clone()


def engine_of(server: RealServer, model: Llama, name: str, tokens: int, step_tokens: int = STEP_TOKENS) -> Engine:
    engine = Engine(
        SIZE.cache(2 * tokens + 64),
        server.options,
        step_tokens=step_tokens,
        prefix_caching=False,
        model=f"{name} {SIZE}",
        computes=model,
        make_cache=TorchCache,
    )
    engine.wait_connected()
    return engine


# How fast it is.


def calls(server: RealServer, model: Llama, table: Table, in_process: float | None) -> None:
    """Lookup and retrieve by themselves, from the host tier."""
    text = prompt(PREFIXES[-1])
    with engine_of(server, model, "calls", len(text)) as engine:
        engine.run(Request(text, max_tokens=0), seconds=300)
        for _ in range(WARM_UP_LOOKUPS):
            timed_lookup(engine, text)
        looked = statistics.median(timed_lookup(engine, text) for _ in range(51))
        table.add(f"lookup of {len(text)} tokens, median", f"{1e3 * looked:.2f} ms", "3 ms", looked <= 0.003)
        got = statistics.median(timed_retrieve(engine, text) for _ in range(5))
        gigabytes = len(text) * bytes_of_token() / 1e9
        bound = None if in_process is None else gigabytes / in_process
        table.add(
            f"retrieve of {gigabytes / 1.073_741_824:.2f} GiB from the host tier",
            f"{1e3 * got:.1f} ms, {gigabytes / got:.1f} GB/s",
            "1.1 x in-process" if bound is None else f"1.1 x {1e3 * bound:.1f} ms in-process",
            None if bound is None else got <= 1.1 * bound,
        )


def stores(server: RealServer, model: Llama, table: Table, tier: str) -> None:
    """How long a store holds the engine, with nothing left to compute."""
    text = prompt(PREFIXES[-1])
    with engine_of(server, model, "stores", len(text)) as engine:
        # A server compiles what it does often: its first calls say little about one that has run for a while.
        for salt in range(WARM_UP_STORES):
            timed_store(engine, text[:WARM_UP_TOKENS], salt)
        files = WARM_UP_STORES * WARM_UP_TOKENS // 256
        server.await_files(files, seconds=120)
        held = []
        for salt in range(WARM_UP_STORES, WARM_UP_STORES + 4):
            held.append(timed_store(engine, text, salt))
            # One at a time: what is measured is an engine that does not wait for the disk.
            files += len(text) // 256
            server.await_files(files, seconds=120)
        took, gather = statistics.median(held), gather_seconds(engine.caches[0], len(text))
        table.add(
            f"store of {len(text)} tokens into {tier} holds the engine",
            f"{1e3 * took:.2f} ms",
            f"gather {1e3 * gather:.2f} ms + 2 ms",
            took <= gather + 0.002,
        )


def bytes_of_token() -> int:
    return 2 * SIZE.layers * SIZE.kv_heads * SIZE.head_size * 2


def gather_seconds(cache: TorchCache, tokens: int) -> float:
    """torch copying as many bytes inside the GPU: what a gather costs at least."""
    blocks = torch.randperm(cache.view.shape[1], device=cache.device)[: tokens // 16]
    times = []
    for _ in range(5):
        finish()
        began = time.perf_counter()
        cache.view[:, blocks].clone()
        finish()
        # The indexing copies, and clone does again.
        times.append((time.perf_counter() - began) / 2)
    return statistics.median(times)


def timed_lookup(engine: Engine, text: list[int]) -> float:
    """As the scheduler asks, with a pin, the packing of the tokens included."""
    link = engine.scheduler._session.link()
    began = time.perf_counter()
    request = pb.LookupRequest(
        session_id=link.session_id, engine_id=engine.transfer.engine_id, tokens=pack(text), pin_id="measured"
    )
    found = link.client.lookup(request).tokens
    took = time.perf_counter() - began
    assert found == len(text), found
    return took


def timed_retrieve(engine: Engine, text: list[int]) -> float:
    link = engine.workers[0]._worker._session.link()
    began = time.perf_counter()
    response = link.client.retrieve(transfer(pb.RetrieveRequest, link, engine, text))
    took = time.perf_counter() - began
    assert response.tokens == len(text), response
    return took


def timed_store(engine: Engine, text: list[int], salt: int) -> float:
    link = engine.workers[0]._worker._session.link()
    request = transfer(pb.StoreRequest, link, engine, text, {"again": str(salt)})
    finish()
    began = time.perf_counter()
    response = link.client.store(request)
    took = time.perf_counter() - began
    assert response.stored_tokens == len(text), response
    return took


def transfer(kind: Any, link: Any, engine: Engine, text: list[int], tags: dict[str, str] | None = None) -> Any:
    """A request for a whole prompt, in blocks that do not lie side by side."""
    blocks = random.Random(0).sample(range(engine.shape.blocks), -(-len(text) // engine.shape.block_size))
    return kind(
        session_id=link.session_id,
        kv_cache_id=link.kv_cache_id,
        tokens=pack(text),
        block_ids=pack(blocks),
        tags=tags,
        deadline=time.monotonic_ns() + 60_000_000_000,
    )


def first_tokens(folder: Path, home: Path, model: Llama, table: Table) -> None:
    """Time to first token of a prefix and a short question, by where the prefix is."""
    texts = {length: prompt(length) for length in PREFIXES}
    times: dict[tuple[str, int], float] = {}
    with server_of(folder, home, "first-token", host=True, keep=True) as server:
        with engine_of(server, model, "first token", PREFIXES[-1]) as engine:
            for length, text in texts.items():
                skip = {"lmcache.skip_save": True}
                runs = [
                    seconds(engine, Request(prompt(length + QUESTION), 0, kv_transfer_params=skip)) for _ in range(3)
                ]
                times["recomputed", length] = statistics.median(runs)
                engine.run(Request(text, max_tokens=0), seconds=300)
                times["host tier", length] = restored(engine, text, lambda: None)
        server.await_files(sum(-(-length // 256) for length in PREFIXES))
    with (
        server_of(folder, home, "first-token", host=False) as server,
        engine_of(server, model, "first token", PREFIXES[-1]) as engine,
    ):
        for length, text in texts.items():
            times["warm files", length] = restored(engine, text, lambda: None)
            times["cold files", length] = restored(engine, text, drop_page_cache)
    for length in PREFIXES:
        computed = times["recomputed", length]
        table.add(f"first token, prefix of {length}: recomputed", f"{1e3 * computed:.0f} ms")
        for where in ("host tier", "warm files", "cold files"):
            took = times[where, length]
            aimed = where == "host tier" and length == PREFIXES[-1]
            table.add(
                f"first token, prefix of {length}: {where}",
                f"{1e3 * took:.0f} ms, {computed / took:.1f} x",
                "10 x" if aimed else "",
                computed / took >= 10 if aimed else None,
            )


def restored(engine: Engine, text: list[int], before: Any) -> float:
    """The median of three, each with another question."""
    times = []
    for _ in range(3):
        before()
        request = Request(text + prompt(QUESTION), 0, kv_transfer_params={"lmcache.skip_save": True})
        times.append(seconds(engine, request))
        if request.external_tokens != len(text):
            raise AssertionError(f"{request.external_tokens} of {len(text)} tokens came: {engine.counts}")
    return statistics.median(times)


def drop_page_cache() -> None:
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError as error:
        print(f"!!! the files are not cold: {error}")


# The server.


def home_of(folder: Path, scratch: Path) -> Path:
    """A folder with bin/lmcache; made here for a bundle, which has none."""
    if (folder / "bin/lmcache").exists():
        return folder
    if not (folder / "runtime").exists():
        subprocess.run(["tar", "-xzf", folder / "runtime.tar.gz", "-C", folder], check=True)
    command = scratch / "home/bin/lmcache"
    command.parent.mkdir(parents=True)
    (scratch / "home/lib").symlink_to(folder / "lib")
    command.write_text(
        f'#!/bin/sh\nexec "{folder}/runtime/bin/java" --enable-native-access=ALL-UNNAMED '
        f'-classpath "{folder}/lib/*" io.lmcache.cli.Main "$@"\n'
    )
    command.chmod(0o755)
    return scratch / "home"


@contextmanager
def server_of(folder: Path, home: Path, files: str, host: bool, keep: bool = False) -> Iterator[RealServer]:
    """A server over these files, with or without a tier in host memory; the files go with it unless they are kept."""
    size = "max_local_cpu_size: 24\n" if GPU else "max_local_cpu_size: 512 MiB\n"
    text = f"chunk_size: 256\nlocal_cpu: {str(host).lower()}\n{size}gds_path: {folder / files}\n"
    if GPU:
        text += "cufile_buffer_size: 8192\nmax_bytes_in_flight: 1024\n"
    with RealServer(folder, home, text) as server:
        yield server
    if not keep:
        shutil.rmtree(folder / files)


def in_process_rate(bundle: Path) -> float | None:
    """GB/s of the same retrieve inside one process, as the bundle's own benchmark measures it."""
    run = bundle / "run"
    if not (GPU and run.exists()):
        return None
    done = subprocess.run([str(run), "end-to-end"], capture_output=True, text=True, timeout=240, check=False)
    found = re.search(r"host tier of two to paged cache\s+([0-9.]+) GB/s", done.stdout)
    if found is None:
        print(f"!!! no in-process number: {(done.stdout + done.stderr)[-500:]}")
        return None
    return float(found[1])


def run(step: str, scratch: Path, home: Path, model: Any, table: Table, in_process: float | None) -> None:
    """One of the steps, on servers of its own."""
    if step == "shapes":
        with server_of(scratch, home, "shapes", host=True) as server:
            shapes(server, table)
    elif step == "logits":
        with server_of(scratch, home, "logits", host=True) as server:
            logits(server, model, table)
    elif step == "calls":
        with server_of(scratch, home, "calls", host=True) as server:
            calls(server, model, table, in_process)
        for host in (False, True):
            with server_of(scratch, home, f"stores {host}", host) as server:
                stores(server, model, table, "the host tier" if host else "the file tier")
    else:
        first_tokens(scratch, home, model, table)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("home", type=Path)
    arguments.add_argument("--steps", nargs="+", default=STEPS, choices=STEPS)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    random.seed(given.seed)
    device = torch.cuda.get_device_name() if GPU else platform.processor() or "no GPU"
    print(f"{device} x {torch.cuda.device_count() or 1}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}")
    table = Table()
    with tempfile.TemporaryDirectory(prefix="lmcache-gpu-") as folder:
        scratch = Path(folder)
        home = home_of(given.home.resolve(), scratch)
        in_process = in_process_rate(given.home) if "calls" in given.steps else None
        model: Llama | None = None
        for step in given.steps:
            if step != "shapes" and model is None:
                model = Llama(SIZE)
            try:
                run(step, scratch, home, model, table, in_process)
            except Exception as error:
                # The other steps may still tell something, and the machine is lent for minutes.
                traceback.print_exc()
                table.add(f"step {step}", repr(error)[:60], "equal", False)
    return 0 if table.print() else 1


if __name__ == "__main__":
    sys.exit(main())
