"""What a bad server costs: never a request, never wrong KV, and no more time than was allowed."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from dataclasses import replace
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
        server.faults.delays["Retrieve"] = 3
        began = time.monotonic()
        engine.run(request := Request(text), other := Request(prompt(seeded)), seconds=30)
        # The blocks stay where they are until the server says that it is done with them; others go on.
        assert time.monotonic() - began > 3
        assert request.external_tokens == 149
        assert request.invalid_blocks == 10
        assert engine.counts["failed_load_tokens"] == 149
        assert other.state == "finished"


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


def test_slow_store_holds_blocks_and_not_the_engine(server: FakeServer, socket: Path, seeded: random.Random) -> None:
    server.faults.delays["Store"] = 1
    with Engine(SHAPE, options(socket, store_seconds=5)) as engine:
        engine.wait_connected()
        began = time.monotonic()
        engine.add(request := Request(prompt(seeded, 300)))
        engine.step_until(lambda: request.state == "finished")
        assert engine.save_seconds < 0.5
        assert request.blocks
        engine.run()
        assert time.monotonic() - began > 1
        assert request.blocks == []
        assert engine.counts["stored_tokens"] >= 300


def test_unanswered_store_gives_its_blocks_back(server: FakeServer, socket: Path, seeded: random.Random) -> None:
    server.faults.delays["Store"] = 3600
    with Engine(SHAPE, options(socket, store_seconds=0.3, retry_seconds=60)) as engine:
        engine.wait_connected()
        engine.run(request := Request(prompt(seeded, 300)), seconds=20)
        assert request.blocks == []
        assert engine.counts["store_failures"] >= 1


def test_preempted_blocks_are_written_when_their_saves_are_over(
    server: FakeServer, socket: Path, seeded: random.Random
) -> None:
    server.faults.delays["Store"] = 0.3
    # Room for two of three prompts, so the scheduler preempts; what was saved comes back and is looked at bit by bit.
    with Engine(replace(SHAPE, blocks=24), options(socket, store_seconds=20), prefix_caching=False) as engine:
        engine.wait_connected()
        requests = [Request(prompt(seeded), max_tokens=60) for _ in range(3)]
        engine.run(*requests)
        assert sum(request.num_preemptions for request in requests) > 0
        assert engine.counts.get("failed_load_tokens", 0) == 0
        engine.run(*(Request(request.prompt_token_ids) for request in requests))
        assert engine.counts["loaded_tokens"] > 0


def test_a_pass_is_held_for_one_budget_however_many_requests_ask(
    server: FakeServer, socket: Path, seeded: random.Random
) -> None:
    with Engine(SHAPE, options(socket, lookup_seconds=20, lookup_wait_seconds=0.05)) as engine:
        engine.wait_connected()
        server.faults.delays["LookupAll"] = 0.5
        engine.add(*(Request(prompt(seeded, 100)) for _ in range(50)))
        began = time.monotonic()
        engine.step()
        engine.step()
        # Fifty lookups, of which one was waited for; the others were asked about together.
        assert time.monotonic() - began < 0.45
        engine.run()
        asked = [call for call in server.calls if type(call).__name__ == "LookupAllRequest"]
        # On a busy machine an answer can be so late that a request is asked about again.
        assert sum(len(call.lookups) for call in asked) >= 50
        assert len(asked) <= 5


def test_loads_run_beside_each_other_and_no_more_than_can_start(
    server: FakeServer, socket: Path, seeded: random.Random
) -> None:
    with Engine(replace(SHAPE, blocks=400), options(socket, lookup_seconds=20)) as engine:
        engine.wait_connected()
        texts = [prompt(seeded) for _ in range(12)]
        engine.run(*(Request(text) for text in texts))
        engine.forget_prefixes()
        server.faults.delays["Retrieve"] = 0.5
        requests = [Request(text) for text in texts]
        engine.add(*requests)
        most = 0
        began = time.monotonic()
        while engine.waiting or engine.running:
            engine.step()
            most = max(most, sum(request.state == "loading" for request in requests))
        assert most == 8
        # One after the other they would take six seconds.
        assert time.monotonic() - began < 5
        assert all(request.external_tokens == 149 for request in requests)


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
