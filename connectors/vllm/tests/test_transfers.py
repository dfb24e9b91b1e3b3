"""What vLLM does, against a real server: the right KV arrives, and as much of it as there is."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from engine import Engine, Request
from paged_cache import KINDS, Shape
from real_server import CHUNK_TOKENS, RealServer

SHAPE = Shape("packed NHD")


def shape_of(kind: str) -> Shape:
    return Shape(kind, heads=1, head_size=24) if kind.startswith("mla") else Shape(kind)


def prompt(seeded: random.Random, tokens: int) -> list[int]:
    return [seeded.randrange(128_000) for _ in range(tokens)]


def warm(server: RealServer, *requests: Request, **how: object) -> None:
    """Another engine computes these requests before."""
    with Engine(SHAPE, server.options, **how) as engine:
        engine.wait_connected()
        engine.run(*requests)
        assert all(request.external_tokens == 0 for request in requests)


@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_comes_back_bit_for_bit(server: RealServer, seeded: random.Random, model: str, kind: str) -> None:
    text = prompt(seeded, 200)
    for expected in (0, 199):
        with Engine(shape_of(kind), server.options, model=model) as engine:
            engine.wait_connected()
            request = Request(text)
            engine.run(request)
            assert request.external_tokens == expected
            assert engine.counts.get("failed_load_tokens", 0) == 0


@pytest.mark.parametrize("block_size, kernel_block_size", [(8, None), (24, None), (128, None), (64, 16)])
def test_blocks_of_any_size(
    server: RealServer, seeded: random.Random, model: str, block_size: int, kernel_block_size: int | None
) -> None:
    shape = replace(SHAPE, block_size=block_size, kernel_block_size=kernel_block_size)
    text = prompt(seeded, 300)
    for expected in (0, 299):
        with Engine(shape, server.options, model=model) as engine:
            engine.wait_connected()
            request = Request(text)
            engine.run(request)
            assert request.external_tokens == expected


def test_one_shape_reads_what_another_wrote(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 100)
    kinds = [kind for kind in KINDS if not kind.startswith("mla")]
    for number, kind in enumerate(kinds):
        with Engine(shape_of(kind), server.options, model=model) as engine:
            engine.wait_connected()
            request = Request(text)
            engine.run(request)
            assert request.external_tokens == (99 if number else 0), kind


def test_full_hit_leaves_the_last_token_to_compute(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 3 * CHUNK_TOKENS)
    warm(server, Request(text), model=model)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        request = Request(text)
        engine.run(request)
        assert request.external_tokens == len(text) - 1


def test_only_what_lies_beyond_the_engines_own_hits_is_loaded(
    server: RealServer, seeded: random.Random, model: str
) -> None:
    text = prompt(seeded, 8 * CHUNK_TOKENS)
    warm(server, Request(text), model=model)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        engine.run(Request(text[: 3 * CHUNK_TOKENS + 17]))
        loaded = engine.counts["loaded_tokens"]
        request = Request(text)
        engine.run(request)
        assert request.local_tokens == 7 * SHAPE.block_size
        assert request.external_tokens == len(text) - 1 - request.local_tokens
        assert engine.counts["loaded_tokens"] == loaded + request.external_tokens


def test_prompt_in_pieces_is_saved_in_chunks(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 10 * CHUNK_TOKENS + 5)
    # Pieces that end where no chunk does.
    with Engine(SHAPE, server.options, model=model, step_tokens=50) as engine:
        engine.wait_connected()
        engine.run(Request(text))
        # A chunk that is stored again before the server is done with it counts twice.
        assert engine.counts["stored_tokens"] >= len(text)
        engine.forget_prefixes()
        half = Request(text[: 5 * CHUNK_TOKENS] + prompt(seeded, 40))
        engine.run(half)
        assert half.external_tokens == 5 * CHUNK_TOKENS


def test_prompts_that_share_a_prefix(server: RealServer, seeded: random.Random, model: str) -> None:
    shared = prompt(seeded, 4 * CHUNK_TOKENS)
    first, second = (Request(shared + prompt(seeded, 50)) for _ in range(2))
    with Engine(SHAPE, server.options, model=model, step_tokens=256) as engine:
        engine.wait_connected()
        # In one step, then one after the other.
        engine.run(first, second)
        engine.forget_prefixes()
        engine.run(third := Request(shared + prompt(seeded, 50)))
        assert third.external_tokens == len(shared)


def test_preempted_requests_come_back_with_what_was_saved(
    server: RealServer, seeded: random.Random, model: str
) -> None:
    # Room for two of three prompts, so the scheduler preempts.
    shape = replace(SHAPE, blocks=24)
    texts = [prompt(seeded, 150) for _ in range(3)]
    with Engine(shape, server.options, model=model, prefix_caching=False) as engine:
        engine.wait_connected()
        requests = [Request(text, max_tokens=60) for text in texts]
        engine.run(*requests)
        assert sum(request.num_preemptions for request in requests) > 0
        assert all(len(request.outputs) == 60 for request in requests)
        assert engine.counts["loaded_tokens"] > 0


def test_preempted_before_its_load_was_used(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 150)
    warm(server, Request(text), model=model)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        request = Request(text, max_tokens=5)
        engine.add(request)
        for _ in range(3):
            engine.step_until(lambda: request.state == "running")
            engine.preempt(request)
            engine.forget_prefixes()
        engine.run()
        # Once it has said something, all of the prompt is worth loading.
        assert engine.counts["loaded_tokens"] == 149 + 3 * 150


def test_blocks_are_evicted_under_many_requests(server: RealServer, seeded: random.Random, model: str) -> None:
    shape = replace(SHAPE, blocks=40)
    prefixes = [prompt(seeded, 64) for _ in range(3)]
    with Engine(shape, server.options, model=model) as engine:
        engine.wait_connected()
        for _ in range(15):
            length = seeded.randrange(1, 250)
            requests = [
                Request(seeded.choice(prefixes) + prompt(seeded, length)) for _ in range(seeded.randrange(1, 4))
            ]
            engine.run(*requests)
        assert engine.counts["loaded_tokens"] > 0
        assert engine.counts.get("failed_load_tokens", 0) == 0


# 200 tokens are 7 chunks. Latent KV is the same in both ranks and kept once.
@pytest.mark.parametrize("kind, chunks", [("packed HND", 2 * 7), ("mla", 7)])
def test_ranks(own_server: RealServer, seeded: random.Random, model: str, kind: str, chunks: int) -> None:
    text = prompt(seeded, 200)
    for expected in (0, 199):
        with Engine(shape_of(kind), own_server.options, ranks=2, model=model) as engine:
            engine.wait_connected()
            request = Request(text)
            engine.run(request)
            assert request.external_tokens == expected
            assert engine.counts.get("loaded_tokens", 0) == 2 * expected
    own_server.await_files(chunks)
    assert own_server.stats().tiers[-1].chunks == chunks


def test_aborted_while_it_loads(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 150)
    warm(server, Request(text), model=model)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        request = Request(text)
        engine.add(request)
        engine.step_until(lambda: request.state == "loading")
        engine.abort(request)
        engine.run(Request(prompt(seeded, 300)))
    server.await_released()


def adapter(folder: Path) -> SimpleNamespace:
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return SimpleNamespace(lora_name="adapter", lora_path=str(folder))


@pytest.mark.parametrize(
    "difference",
    [
        {"cache_salt": "tenant 2"},
        {"kv_transfer_params": {"lmcache.tag.user": "2"}},
        {"lora_request": "other adapter"},
    ],
    ids=["salt", "tag", "lora"],
)
def test_requests_that_must_not_share(
    server: RealServer, seeded: random.Random, model: str, difference: dict[str, object], tmp_path: Path
) -> None:
    text = prompt(seeded, 100)
    if "lora_request" in difference:
        difference = {"lora_request": adapter(tmp_path / "other")}
    same = {
        "cache_salt": "tenant",
        "kv_transfer_params": {"lmcache.tag.user": "1"},
        "lora_request": adapter(tmp_path / "adapter"),
    }
    warm(server, Request(text, **same), model=model)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        engine.run(other := Request(text, **(same | difference)))
        engine.forget_prefixes()
        engine.run(equal := Request(text, **same))
        assert other.external_tokens == 0
        assert equal.external_tokens == 99


def image(identifier: str, offset: int, length: int) -> SimpleNamespace:
    return SimpleNamespace(identifier=identifier, mm_position=SimpleNamespace(offset=offset, length=length))


# Also an image of two placeholders, and one that begins just before the end of a chunk.
@pytest.mark.parametrize("offset, length", [(40, 50), (40, 2), (2 * CHUNK_TOKENS - 1, 50)])
def test_images_with_the_same_placeholders_do_not_share(
    server: RealServer, seeded: random.Random, model: str, offset: int, length: int
) -> None:
    text = prompt(seeded, 150)
    text[offset : offset + length] = [7] * length
    cat, dog = [image("cat", offset, length)], [image("dog", offset, length)]
    warm(server, Request(text, mm_features=cat), model=model)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        engine.run(other := Request(text, mm_features=dog))
        engine.forget_prefixes()
        engine.run(same := Request(text, mm_features=cat))
        # The text before the image is shared where it can be told.
        assert other.external_tokens == (CHUNK_TOKENS if length == 50 and offset == 40 else 0)
        assert same.external_tokens == 149


def test_prompt_embeddings_are_left_alone(server: RealServer, seeded: random.Random, model: str) -> None:
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        for _ in range(2):
            engine.run(request := Request(prompt(seeded, 100), prompt_embeds=object()))
            assert request.external_tokens == 0
        assert engine.counts == {}


def test_request_that_must_not_read_a_cache_computes_all_and_is_saved(
    server: RealServer, seeded: random.Random, model: str
) -> None:
    text = prompt(seeded, 100)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        engine.run(Request(text))
        engine.forget_prefixes()
        engine.run(logprobs := Request(text, skip_reading_prefix_cache=True))
        assert logprobs.external_tokens == 0
        engine.run(Request(other := prompt(seeded, 100), skip_reading_prefix_cache=True))
        engine.forget_prefixes()
        engine.run(reader := Request(other))
        assert reader.external_tokens == 99


def test_media_known_to_one_process_alone_are_neither_saved_nor_loaded(
    server: RealServer, seeded: random.Random, model: str
) -> None:
    text = prompt(seeded, 150)
    # vLLM counts them where nothing else needs to know them; after a restart another image has the name.
    counted = [SimpleNamespace(**vars(image("renderer0-mm-1-image-0", 40, 50)), modality="image")]
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        for _ in range(2):
            engine.run(request := Request(text, mm_features=counted))
            engine.forget_prefixes()
            assert request.external_tokens == 0
        assert engine.counts == {}


def test_skip_save(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 100)
    for _ in range(2):
        warm(server, Request(text, kv_transfer_params={"lmcache.skip_save": True}), model=model)


def test_consumer_saves_nothing_and_producer_loads_nothing(
    server: RealServer, seeded: random.Random, model: str
) -> None:
    text = prompt(seeded, 100)
    for _ in range(2):
        warm(server, Request(text), model=model, role="kv_consumer")
    for _ in range(2):
        warm(server, Request(text), model=model, role="kv_producer")
    with Engine(SHAPE, server.options, model=model, role="kv_consumer") as engine:
        engine.wait_connected()
        engine.run(request := Request(text))
        assert request.external_tokens == 99


def test_reset_empties_the_cache(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 100)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        engine.run(Request(text))
        assert engine.scheduler.reset_cache() is True
        engine.forget_prefixes()
        engine.run(request := Request(text))
        assert request.external_tokens == 0


def test_sleeping_engine_has_nothing_mapped(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 100)
    with Engine(SHAPE, server.options, model=model) as engine:
        engine.wait_connected()
        engine.run(Request(text))
        engine.workers[0].unregister_kv_caches()
        assert server.mapped_shared_memory() == []
        engine.workers[0].restore_kv_caches()
        engine.wait_connected()
        engine.forget_prefixes()
        engine.run(request := Request(text))
        assert request.external_tokens == 99


def test_nothing_is_left_when_engines_close(server: RealServer, seeded: random.Random, model: str) -> None:
    text = prompt(seeded, 100)
    for _ in range(2):
        with Engine(SHAPE, server.options, ranks=2, model=model) as engine:
            engine.wait_connected()
            engine.run(Request(text), Request(text[:70]))
    server.await_released()
