"""What the tier is tried in, each in a process of its own: `scenarios.py SOURCE SOCKET SCENARIO`.

The process has no other vLLM than that of the source.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "src")]

import real_vllm  # noqa: E402

real_vllm.install(Path(sys.argv[1]))

from engine import Engine, key, request  # noqa: E402

from lmcache_jvm import lmcache_pb2 as pb  # noqa: E402
from lmcache_jvm.client import Client  # noqa: E402

OPTIONS = {"socket": sys.argv[2], "start_server": False, "lookup_seconds": 20, "store_seconds": 20}


def store() -> None:
    """Blocks of a full group, and of a sliding one that keeps the last few alone."""
    with_tier = Engine(OPTIONS)
    with_tier.await_server()
    context = with_tier.begin(request("a"))
    with_tier.store(context, {key(n): n for n in range(20)} | {key(n, 1): 100 + n for n in range(16, 20)})
    with_tier.end(context)
    with_tier.close()


def load() -> None:
    """Another process has all that the first one stored, and nothing else."""
    with_tier = Engine(OPTIONS)
    with_tier.await_server()
    context = with_tier.begin(request("b"))
    found = with_tier.lookup(context, [key(n) for n in range(24)])
    assert found == [True] * 20 + [False] * 4, found
    sliding = with_tier.lookup(context, [key(n, 1) for n in range(20)])
    assert sliding == [False] * 16 + [True] * 4, sliding
    with_tier.require(context, {key(n): n for n in range(20)} | {key(n, 1): 100 + n for n in range(16, 20)})
    with_tier.end(context)
    with_tier.close()


def events() -> None:
    """Where vLLM publishes events, it is told which blocks were stored."""
    with_tier = Engine(OPTIONS, model="events", events=True)
    with_tier.await_server()
    context = with_tier.begin(request("a"))
    with_tier.store(context, {key(n): n for n in range(3)})
    of_tier = [event for tier in with_tier.manager.secondary_tiers for event in tier.take_events()]
    assert [event.keys for event in of_tier] == [[key(n) for n in range(3)]], of_tier
    assert not any(event.removed for event in of_tier)
    assert not list(with_tier.manager.secondary_tiers[0].take_events())
    with_tier.close()


def apart() -> None:
    """Another model, another layout of the bytes: nothing is found."""
    for different in ({"model": "other"}, {"layout": "other"}, {"row_bytes": 8192}):
        with_tier = Engine(OPTIONS, **different)
        with_tier.await_server()
        assert with_tier.lookup(with_tier.begin(request("c")), [key(0)]) == [False], different
        with_tier.close()


def names() -> None:
    """What a request's KV depends on besides vLLM's hash is in its names; what has no name is not cached."""
    with_tier = Engine(OPTIONS, model="names")
    with_tier.await_server()
    adapter = Path(sys.argv[2]).with_name("adapter")
    adapter.mkdir(exist_ok=True)
    (adapter / "adapter_config.json").write_text("{}")
    lora = SimpleNamespace(lora_name="l", lora_path=str(adapter))
    counted = SimpleNamespace(identifier="r-image-0", modality="image", mm_position=SimpleNamespace(offset=0, length=2))
    for number, (of, cached) in enumerate(
        [
            (request("plain"), True),
            (request("lora", lora_request=lora), True),
            (request("gone", lora_request=SimpleNamespace(lora_name="l", lora_path="/nowhere")), False),
            (request("counted", mm_features=[counted]), False),
            (request("embeds", prompt_embeds=object()), False),
            (request("quiet", kv_transfer_params={"lmcache.skip_save": True}), False),
        ]
    ):
        context = with_tier.begin(of)
        with_tier.store(context, {key(1000 + number): number})
        with_tier.end(context)
        of.kv_transfer_params = None
        assert found_anew(of, key(1000 + number)) == cached, of.request_id
        if of.request_id == "lora":
            assert not found_anew(request("without"), key(1000 + number))
            (adapter / "adapter_config.json").write_text('{"r": 8}')
            assert not found_anew(of, key(1000 + number)), "the adapter has changed"
    with_tier.close()


def found_anew(of: SimpleNamespace, wanted: bytes) -> bool:
    """Whether an engine that was just started finds it."""
    with_tier = Engine(OPTIONS, model="names")
    with_tier.await_server()
    found = with_tier.lookup(with_tier.begin(of), [wanted])
    with_tier.close()
    return found[0]


def alone() -> None:
    """Without a server every block is a miss, at once, and no store keeps a row."""
    with_tier = Engine(OPTIONS)
    began = time.monotonic()
    context = with_tier.begin(request("a"))
    assert with_tier.lookup(context, [key(n) for n in range(50)]) == [False] * 50
    for start in range(0, 60, 10):
        with_tier.store(context, {key(n): n for n in range(start, start + 10)})
    with_tier.end(context)
    assert time.monotonic() - began < 10
    with_tier.close()


def vanished() -> None:
    """What was found and is gone by the time it is loaded becomes a miss, and no request goes around for ever."""
    with_tier = Engine(OPTIONS, model="vanished")
    with_tier.await_server()
    context = with_tier.begin(request("a"))
    with_tier.store(context, {key(n): n for n in range(8)})
    with_tier.close()
    again = Engine(OPTIONS, model="vanished")
    again.await_server()
    rows = again.offload.rows
    assert rows is not None
    context = again.begin(request("b"))
    wanted = [key(n) for n in range(8)]
    while any(rows.find("b", again.offload.name(name, "b") or b"") is None for name in wanted):
        rows.ask()
        time.sleep(0.002)
    clear()
    assert again.lookup(context, wanted) == [False] * 8
    again.close()


def clear() -> None:
    client = Client(Path(sys.argv[2]))
    events = client.open_session(pb.OpenSessionRequest(protocol_version=1, client="test"))
    client.clear(pb.ClearRequest(session_id=next(events).welcome.session_id), timeout=20)
    events.cancel()
    client.close()


def endless() -> None:
    """Stores and loads, and looks at every byte, until it is killed; says so after each round."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    numbers = random.Random(seed)
    with_tier = Engine(
        OPTIONS | {"lookup_seconds": 2, "retrieve_seconds": 2, "store_seconds": 2}, rows=16, model="endless"
    )
    with_tier.await_server()
    for turn in range(1 << 30):
        context = with_tier.begin(request(f"r{turn}"))
        wanted = {key(n): n for n in numbers.sample(range(40), 6)}
        found = with_tier.lookup(context, wanted)
        blocks = [block for block, hit in zip(wanted.items(), found, strict=True) if hit]
        with_tier.require(context, dict(blocks))
        with_tier.store(context, dict(block for block in wanted.items() if block not in blocks))
        with_tier.end(context)
        assert with_tier.longest < 1, f"the scheduler was held for {with_tier.longest} s"
        print(f"round {turn}, {len(blocks)} found", flush=True)


if __name__ == "__main__":
    globals()[sys.argv[3]]()
