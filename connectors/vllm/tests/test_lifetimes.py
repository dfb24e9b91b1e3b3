"""Servers and engines that die in the middle of something."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from engine import Engine, Request
from paged_cache import Shape
from real_server import CHUNK_TOKENS, RealServer

SHAPE = Shape("packed NHD")
# LMCACHE_TEST_ROUNDS=100 is the long form.
ROUNDS = int(os.environ.get("LMCACHE_TEST_ROUNDS", "3"))


def prompt(seeded: random.Random, tokens: int) -> list[int]:
    return [seeded.randrange(128_000) for _ in range(tokens)]


def test_server_is_killed_and_restarted_under_load(own_server: RealServer, seeded: random.Random) -> None:
    prefixes = [prompt(seeded, 96) for _ in range(3)]
    with Engine(SHAPE, own_server.options | {"retry_seconds": 0.2}, ranks=2, model="m") as engine:
        engine.wait_connected()
        engine.run(Request(prefixes[0]))
        own_server.await_files(2 * 96 // CHUNK_TOKENS)
        for _ in range(ROUNDS):
            killed = own_server.pid
            trouble = threading.Thread(target=restart, args=(own_server, seeded.uniform(0, 0.3)))
            trouble.start()
            while trouble.is_alive():
                # The engine looks at every byte of it.
                engine.run(*(Request(seeded.choice(prefixes) + prompt(seeded, 60)) for _ in range(3)))
            engine.wait_connected(gone=killed)
            engine.forget_prefixes()
            engine.run(request := Request(prefixes[0] + prompt(seeded, 10)))
            # Files survive a kill.
            assert request.external_tokens == 96
        assert engine.counts["disconnections"] >= 3 * ROUNDS


def restart(server: RealServer, after: float) -> None:
    time.sleep(after)
    server.kill()
    server.start()


def test_server_that_was_frozen_in_a_load_writes_into_nobody_elses_blocks(
    own_server: RealServer, seeded: random.Random
) -> None:
    options = own_server.options | {"retrieve_seconds": 0.2, "lookup_seconds": 0.2, "retry_seconds": 0.1}
    # Room for the load and little else, so that others get its blocks as soon as it gives them up.
    shape = Shape("packed HND", layers=8, heads=8, head_size=64, blocks=80)
    loads_caught = 0
    with Engine(shape, options, step_tokens=1024) as engine:
        while loads_caught < ROUNDS:
            engine.wait_connected()
            engine.run(loaded := Request(prompt(seeded, 960)))
            engine.forget_prefixes()
            engine.add(again := Request(loaded.prompt_token_ids))
            engine.step_until(lambda request=again: request.state != "waiting")
            time.sleep(seeded.uniform(0, 0.01))
            own_server.freeze()
            # Each of their tokens is computed from all before, and the engine looks at every byte of them.
            others = [Request(prompt(seeded, 200), max_tokens=30) for _ in range(6)]
            engine.add(*others)
            step_for(engine, 0.1)
            caught = again.state == "loading"
            if caught:
                # Longer than the load's deadline and the patience after it.
                step_for(engine, 0.9)
                assert again.state == "loading"
                loads_caught += 1
            own_server.thaw()
            engine.run(seconds=600)


def step_for(engine: Engine, seconds: float) -> None:
    end = time.monotonic() + seconds
    engine.step_until(lambda: time.monotonic() >= end)


def test_engines_killed_in_the_middle_of_stores_leave_nothing(own_server: RealServer, seeded: random.Random) -> None:
    with Engine(SHAPE, own_server.options, model="bystander") as bystander:
        bystander.wait_connected()
        for _ in range(ROUNDS):
            victim = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("victim.py")), str(own_server.socket)],
                stdout=subprocess.PIPE,
            )
            assert victim.stdout is not None
            assert victim.stdout.readline() == b"storing\n"
            time.sleep(seeded.uniform(0, 0.3))
            victim.kill()
            victim.wait()
            victim.stdout.close()
            for left in Path("/dev/shm").glob(f"lmcache-vllm-test-{victim.pid}-*"):
                left.unlink()
            bystander.run(request := Request(prompt(seeded, 100)))
            bystander.forget_prefixes()
            bystander.run(again := Request(request.prompt_token_ids))
            assert again.external_tokens == 99
    own_server.await_released()


def test_server_that_is_stopped_is_not_started_again(own_server: RealServer, home: Path, seeded: random.Random) -> None:
    options = own_server.options | {"start_server": True, "home": str(home)}
    with Engine(SHAPE, options) as engine:
        engine.wait_connected()
        own_server.stop()
        engine.run(*(Request(prompt(seeded, 50)) for _ in range(20)))
        time.sleep(1)
        assert not own_server.socket.exists()
        own_server.start()
        engine.wait_connected()
