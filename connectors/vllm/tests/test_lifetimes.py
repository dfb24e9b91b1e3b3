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
