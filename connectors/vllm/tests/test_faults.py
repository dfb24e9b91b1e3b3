"""What a bad server costs: never a request, never wrong KV, and no more time than was allowed."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine import Engine, Request
from fake_server import FakeServer
from paged_cache import Shape

SHAPE = Shape("packed NHD")


def options(socket: Path, **more: object) -> dict[str, object]:
    return {"socket": str(socket), "start_server": False, "retry_seconds": 0.3} | more


def prompt(seeded: random.Random, tokens: int = 150) -> list[int]:
    return [seeded.randrange(128_000) for _ in range(tokens)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "s.sock"


@pytest.fixture
def server(socket: Path) -> Iterator[FakeServer]:
    with FakeServer(socket) as server:
        yield server


def test_without_a_server(socket: Path, seeded: random.Random, caplog: pytest.LogCaptureFixture) -> None:
    with Engine(SHAPE, options(socket), ranks=2) as engine:
        began = time.monotonic()
        for _ in range(20):
            engine.run(Request(prompt(seeded)))
        assert time.monotonic() - began < 10
        assert engine.counts == {"requests_without_server": 20}
    # One from each part of the engine, however long it lasts.
    assert len(warnings(caplog)) == 3
    assert "start_server is false" in warnings(caplog)[0]


def test_slow_lookup_holds_nobody(server: FakeServer, socket: Path, seeded: random.Random) -> None:
    server.faults.delays["LookupAll"] = 0.5
    with Engine(SHAPE, options(socket, lookup_seconds=5)) as engine:
        engine.wait_connected()
        engine.run(Request(text := prompt(seeded)))
        engine.forget_prefixes()
        slow, quick = Request(text), Request(prompt(seeded, 20), prompt_embeds=object())
        engine.add(slow, quick)
        began = time.monotonic()
        engine.step_until(lambda: quick.state == "finished")
        assert time.monotonic() - began < 0.4
        engine.run()
        assert slow.external_tokens == 149


def test_unanswered_lookup_is_a_miss(
    server: FakeServer, socket: Path, seeded: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    with Engine(SHAPE, options(socket, lookup_seconds=0.2, retry_seconds=0.5)) as engine:
        engine.wait_connected()
        engine.run(Request(text := prompt(seeded)))
        engine.forget_prefixes()
        server.faults.delays["LookupAll"] = 3600
        began = time.monotonic()
        engine.run(first := Request(text), second := Request(text), seconds=10)
        # The server is left alone after the first.
        assert time.monotonic() - began < 0.5
        assert first.external_tokens == second.external_tokens == 0
        assert engine.counts["lookup_failures"] >= 1
        server.faults.delays.clear()
        time.sleep(0.5)
        engine.forget_prefixes()
        engine.run(third := Request(text))
        assert third.external_tokens == 149
    assert len([warning for warning in warnings(caplog) if "did not answer in time" in warning]) == 1


def test_unanswered_load_is_computed(server: FakeServer, socket: Path, seeded: random.Random) -> None:
    with Engine(SHAPE, options(socket, retrieve_seconds=0.5)) as engine:
        engine.wait_connected()
        engine.run(Request(text := prompt(seeded)))
        engine.forget_prefixes()
        server.faults.delays["Retrieve"] = 3600
        engine.run(request := Request(text), seconds=10)
        assert request.external_tokens == 149
        assert request.invalid_blocks == 10
        assert engine.counts["failed_load_tokens"] == 149


def test_what_did_not_arrive_is_computed_and_saved_again(
    server: FakeServer, socket: Path, seeded: random.Random
) -> None:
    with Engine(SHAPE, options(socket)) as engine:
        engine.wait_connected()
        engine.run(Request(text := prompt(seeded)))
        engine.forget_prefixes()
        # In the middle of a block: that one is computed, too.
        server.faults.deliver_at_most = 70
        engine.run(request := Request(text))
        assert request.external_tokens == 149
        assert request.invalid_blocks == 10 - 4
        assert engine.counts["loaded_tokens"] == 70
        saves = [call for call in server.calls if type(call).__name__ == "StoreRequest"]
        assert len(saves[-1].tokens) == 4 * len(text)


@pytest.mark.usefixtures("server")
def test_one_rank_that_fails_makes_all_compute(socket: Path, seeded: random.Random) -> None:
    with Engine(SHAPE, options(socket, retrieve_seconds=0.5), ranks=2) as engine:
        engine.wait_connected()
        engine.run(Request(text := prompt(seeded)))
        engine.forget_prefixes()
        engine.workers[1]._worker._session.close()
        engine.run(request := Request(text))
        assert request.invalid_blocks == 10
        assert engine.counts["loaded_tokens"] == 149


def test_load_that_keeps_failing_is_tried_once(server: FakeServer, socket: Path, seeded: random.Random) -> None:
    with Engine(SHAPE, options(socket)) as engine:
        engine.wait_connected()
        engine.run(Request(text := prompt(seeded)))
        engine.forget_prefixes()
        server.faults.deliver_at_most = 0
        engine.run(Request(text))
        assert len([call for call in server.calls if type(call).__name__ == "RetrieveRequest"]) == 1


def test_slow_store_holds_the_engine_no_longer_than_allowed(
    server: FakeServer, socket: Path, seeded: random.Random
) -> None:
    server.faults.delays["Store"] = 3600
    with Engine(SHAPE, options(socket, store_seconds=0.3, retry_seconds=60)) as engine:
        engine.wait_connected()
        began = time.monotonic()
        engine.run(Request(prompt(seeded, 300)))
        # Five steps, of which only the first one waits.
        assert time.monotonic() - began < 0.3 + 0.5 + 1
        assert engine.counts["store_failures"] == 1


def test_server_that_goes_away_in_the_middle(socket: Path, seeded: random.Random) -> None:
    text = prompt(seeded)
    with Engine(SHAPE, options(socket)) as engine:
        for _ in range(3):
            with FakeServer(socket) as server:
                engine.wait_connected()
                engine.forget_prefixes()
                engine.run(Request(text))
                engine.forget_prefixes()
                server.faults.delays["Retrieve"] = 0.2
                request = Request(text)
                engine.add(request)
                engine.step_until(lambda loading=request: loading.state == "loading")
            engine.run(seconds=10)
            assert request.external_tokens == 149
        assert engine.counts["disconnections"] == 3 * 2


@pytest.mark.usefixtures("server")
def test_load_failures_can_be_left_to_vllm(socket: Path) -> None:
    with Engine(SHAPE, options(socket, load_failures="vllm")) as engine:
        assert engine.transfer.kv_load_failure_policy == "fail"
    with Engine(SHAPE, options(socket)) as engine:
        assert engine.transfer.kv_load_failure_policy == "recompute"
