"""The tier below vLLM's own offloading: its real classes, of several versions, over a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from real_server import RealServer
from vllm_source import NEWEST, Source, Unreachable

_SCENARIOS = Path(__file__).parent / "offloading/scenarios.py"
_ROUNDS = int(os.environ.get("LMCACHE_TEST_ROUNDS", "3"))


def source(version: str) -> Source:
    try:
        return Source(version)
    except Unreachable as error:
        pytest.skip(f"vLLM's source package was not to be had: {error}")


@pytest.fixture(scope="module", params=["0.26.0", "0.30.0", NEWEST])
def vllm(request: pytest.FixtureRequest) -> Source:
    return source(request.param)


def command(vllm: Source, socket: Path, scenario: str) -> list[str]:
    return [sys.executable, str(_SCENARIOS), str(vllm.folder), str(socket), scenario]


def run(vllm: Source, socket: Path, scenario: str) -> None:
    done = subprocess.run(command(vllm, socket, scenario), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{scenario} with vLLM {vllm.version}:\n{done.stdout}{done.stderr}"


def test_blocks_of_every_kind_come_back_after_a_restart_of_everything(vllm: Source, own_server: RealServer) -> None:
    run(vllm, own_server.socket, "store")
    own_server.await_released()
    own_server.stop()
    own_server.start()
    run(vllm, own_server.socket, "load")
    run(vllm, own_server.socket, "apart")


def test_names_say_what_a_requests_blocks_depend_on(vllm: Source, own_server: RealServer) -> None:
    run(vllm, own_server.socket, "names")


def test_without_a_server_everything_is_a_miss_at_once(vllm: Source, tmp_path: Path) -> None:
    run(vllm, tmp_path / "none.sock", "alone")


def test_routers_are_told_what_was_stored(vllm: Source, own_server: RealServer) -> None:
    run(vllm, own_server.socket, "events")


def test_what_vanishes_after_it_was_found_is_a_miss(vllm: Source, own_server: RealServer) -> None:
    run(vllm, own_server.socket, "vanished")


@contextmanager
def endless(vllm: Source, socket: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """An engine that works until it is killed, and what it has said so far."""
    with subprocess.Popen(
        command(vllm, socket, "endless"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as engine:
        lines: list[str] = []

        reader = threading.Thread(target=lambda: lines.extend(engine.stdout or ()), daemon=True)
        reader.start()
        try:
            yield engine, lines
        finally:
            engine.kill()
            reader.join(timeout=10)
            for left in Path("/dev/shm").glob("vllm_offload_test-*"):
                left.unlink()


def await_rounds(engine: subprocess.Popen[str], lines: list[str], more: int) -> None:
    wanted = len(lines) + more
    deadline = time.monotonic() + 60
    while len(lines) < wanted:
        assert engine.poll() is None, "".join(lines[-30:])
        assert time.monotonic() < deadline, "".join(lines[-30:])
        time.sleep(0.02)


def test_a_server_that_is_killed_loses_no_request(own_server: RealServer) -> None:
    vllm = source("0.26.0")
    with endless(vllm, own_server.socket) as (engine, lines):
        for _ in range(_ROUNDS):
            await_rounds(engine, lines, 5)
            own_server.kill()
            await_rounds(engine, lines, 5)
            own_server.start()
        await_rounds(engine, lines, 50)
        assert any(not line.endswith(" 0 found\n") for line in lines if "round" in line)


def test_an_engine_that_is_killed_leaves_nothing_in_the_server(own_server: RealServer) -> None:
    vllm = source("0.26.0")
    for _ in range(_ROUNDS):
        with endless(vllm, own_server.socket) as (engine, lines):
            await_rounds(engine, lines, 5)
            engine.send_signal(signal.SIGKILL)
            engine.wait(timeout=20)
        own_server.await_released()
    run(vllm, own_server.socket, "store")
    run(vllm, own_server.socket, "load")
