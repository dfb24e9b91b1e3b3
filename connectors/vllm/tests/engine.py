"""A small engine that treats the connector as vLLM does: same calls, same order, same moments.

It has vLLM's scheduler in small (chunked prefill, prefix caching with eviction, preemption, waiting for asynchronous
loads, recomputing of what failed to load) and workers whose "forward pass" writes numbers that depend on all tokens
before. Before it does, each worker looks whether what attention would read is what computing would have given: so a
wrong byte of the cache ends the test in the step in which it would have mattered.
"""

from __future__ import annotations

import hashlib
import itertools
import pickle
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from paged_cache import PagedCache, Shape, kv_cache_config
from vllm.distributed.kv_transfer.kv_connector.v1.base import KVConnectorRole

from lmcache_jvm.vllm import LMCacheConnectorV1

_NAMES = itertools.count()
_MASK = (1 << 64) - 1


@dataclass(eq=False)
class Request:
    """What the connector reads of vLLM's Request, and what this engine notes."""

    prompt_token_ids: list[int] | None = field(repr=False)
    max_tokens: int = 2
    cache_salt: str | None = None
    lora_request: Any = None
    mm_features: list[Any] = field(default_factory=list)
    kv_transfer_params: dict[str, Any] | None = None
    prompt_embeds: Any = None
    skip_reading_prefix_cache: bool = False
    request_id: str = field(default_factory=lambda: f"request-{next(_NAMES)}")
    num_preemptions: int = 0

    outputs: list[int] = field(default_factory=list)
    computed: int = 0
    blocks: list[int] = field(default_factory=list)
    state: str = "waiting"
    # Where its tokens came from, by the first life: vLLM's own cache, the connector; failed loads.
    local_tokens: int = 0
    external_tokens: int = 0
    invalid_blocks: int = 0

    @property
    def all_token_ids(self) -> list[int]:
        return (self.prompt_token_ids or []) + self.outputs

    @property
    def num_tokens(self) -> int:
        return len(self.all_token_ids)

    def chain(self) -> list[int]:
        """A number for each token that depends on it, on all before it, and on what else makes KV."""
        inputs: list[Any] = list(self.all_token_ids)
        for feature in self.mm_features:
            start = feature.mm_position.offset
            for position in range(start, start + feature.mm_position.length):
                inputs[position] = f"{feature.identifier} {position - start}"
        seed = f"{self.cache_salt} {self.lora_request and vars(self.lora_request)}"
        state = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little")
        chain = []
        for token in inputs:
            number = (
                token
                if isinstance(token, int)
                else int.from_bytes(hashlib.sha256(token.encode()).digest()[:8], "little")
            )
            state = ((state ^ number) * 0x9E3779B97F4A7C15 + 1) & _MASK
            chain.append(state)
        return chain


class Numbers:
    """A model whose KV is made of the request's chain, so that any wrong bit shows."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def check(self, cache: Any, request: Request, computed: int, rank: int) -> None:
        """Looks whether what attention would read now is what was computed."""
        got, expected = cache.read(request.blocks, 0, computed), self._values(request, 0, computed, rank)
        if not np.array_equal(got, expected):
            token = int(np.argmax((got != expected).reshape(computed, -1).any(axis=1)))
            raise AssertionError(f"wrong KV in rank {rank} at token {token} of {request}")

    def compute(self, cache: Any, request: Request, first: int, end: int, rank: int) -> None:
        """Writes the KV of tokens."""
        cache.write(request.blocks, first, self._values(request, first, end, rank))

    def forget(self, cache: Any, block_ids: list[int]) -> None:
        """New blocks have nothing in them that is worth anything."""
        cache.scribble(block_ids)

    def sample(self, request: Request) -> int:
        """The next token."""
        return request.chain()[-1] % 1000

    def _values(self, request: Request, first: int, end: int, rank: int) -> np.ndarray:
        """`[token, layer, plane, head, element]`"""
        shape = self._shape
        sizes = (shape.layers, shape.planes, shape.heads, shape.head_size)
        tokens = np.array(request.chain()[first:end], dtype=np.uint64)[:, None]
        places = np.arange(int(np.prod(sizes)), dtype=np.uint64) + np.uint64(0 if shape.latent else rank << 32)
        with np.errstate(over="ignore"):
            mixed = (tokens ^ (places * np.uint64(0xBF58476D1CE4E5B9))) * np.uint64(0x94D049BB133111EB)
        return (mixed >> np.uint64(32)).astype(shape.bits).reshape(len(tokens), *sizes)


class BlockPool:
    """Blocks with reference counts; those that nobody uses keep their content until they are needed."""

    def __init__(self, blocks: int) -> None:
        self._users = [0] * blocks
        self._free: OrderedDict[int, None] = OrderedDict((block, None) for block in range(blocks))
        self._block_of: dict[int, int] = {}
        self._key_of: dict[int, int] = {}

    def find(self, key: int) -> int | None:
        return self._block_of.get(key)

    def use(self, block: int) -> None:
        self._users[block] += 1
        self._free.pop(block, None)

    def take(self, count: int) -> list[int] | None:
        if count > len(self._free):
            return None
        taken = [self._free.popitem(last=False)[0] for _ in range(count)]
        for block in taken:
            self._users[block] = 1
            self._block_of.pop(self._key_of.pop(block, -1), None)
        return taken

    def release(self, blocks: list[int]) -> None:
        for block in reversed(blocks):
            self._users[block] -= 1
            if self._users[block] == 0:
                self._free[block] = None

    def name(self, block: int, key: int) -> None:
        if key not in self._block_of and block not in self._key_of:
            self._block_of[key] = block
            self._key_of[block] = key

    def forget(self) -> None:
        """Empties the prefix cache."""
        self._block_of.clear()
        self._key_of.clear()


class Engine:
    """One engine with its scheduler and its ranks, all in this process."""

    def __init__(
        self,
        shape: Shape,
        options: dict[str, Any],
        *,
        ranks: int = 1,
        role: str = "kv_both",
        step_tokens: int = 64,
        prefix_caching: bool = True,
        model: str | None = None,
        computes: Any = None,
        make_cache: Callable[[Shape, int], Any] = PagedCache,
    ) -> None:
        self.shape = shape
        self.step_tokens = step_tokens
        self._prefix_caching = prefix_caching
        self.transfer = SimpleNamespace(
            kv_connector_extra_config={f"lmcache_jvm.{name}": value for name, value in options.items()},
            kv_role=role,
            engine_id=str(uuid.uuid4()),
            kv_load_failure_policy="fail",
        )
        self._model_name = model or f"model of {shape}"
        self.model = computes or Numbers(shape)
        self.save_seconds = 0.0
        self._ranks = ranks
        self.pool = BlockPool(shape.blocks)
        self.running: list[Request] = []
        self.waiting: list[Request] = []
        self._preempted: set[str] = set()
        self._passes_requests = False
        self._aborted: dict[str, Request] = {}
        # Blocks of requests that are over, until all ranks have sent them; ranks that have.
        self._kept: dict[str, Request] = {}
        self._sent_by: dict[str, int] = {}
        # Blocks that have a new user, whose content is worth nothing from the next step on.
        self._taken: list[int] = []
        # Ranks that are done with a load, and blocks that some rank did not get.
        self._loaded_by: dict[str, int] = {}
        self._invalid: set[int] = set()
        self.caches = [make_cache(shape, rank) for rank in range(ranks)]
        self.workers = [self._connector(KVConnectorRole.WORKER, rank) for rank in range(ranks)]
        for worker, cache in zip(self.workers, self.caches, strict=True):
            with cache.active():
                worker.register_kv_caches(cache.tensors)
        self.scheduler = self._connector(KVConnectorRole.SCHEDULER, 0)
        self.counts: dict[str, int] = {}

    def _connector(self, role: KVConnectorRole, rank: int) -> LMCacheConnectorV1:
        config = SimpleNamespace(
            kv_transfer_config=self.transfer,
            model_config=SimpleNamespace(model=self._model_name),
            cache_config=SimpleNamespace(cache_dtype="auto"),
            parallel_config=SimpleNamespace(rank=rank, world_size=self._ranks, pipeline_parallel_size=1),
        )
        return LMCacheConnectorV1(config, role, kv_cache_config(self.shape))

    def wait_connected(self, gone: int = 0) -> None:
        """Returns when all parts have a session, of another server than the one gone; vLLM never waits for that."""
        sessions = [self.scheduler._session] + [worker._worker._session for worker in self.workers]
        deadline = time.monotonic() + 60
        for session in sessions:
            while (link := session.link()) is None or link.welcome.server_pid == gone:
                assert time.monotonic() < deadline, "no connection to the server"
                time.sleep(0.01)

    def close(self) -> None:
        for part in [*self.workers, self.scheduler]:
            part.shutdown()
        for cache in self.caches:
            cache.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    # Requests.

    def add(self, *requests: Request) -> None:
        self.waiting += requests

    def run(self, *requests: Request, seconds: float = 60) -> None:
        """Adds requests, and steps until nothing is left to do."""
        self.add(*requests)
        self.step_until(lambda: not (self.waiting or self.running or self._aborted or self._kept), seconds)

    def step_until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"requests hang: {self.waiting + self.running}"
            self.step()

    def abort(self, request: Request) -> None:
        """The client went away. Blocks that a load still writes to are kept until it is over."""
        (self.running if request in self.running else self.waiting).remove(request)
        delayed, _ = self.scheduler.request_finished(request, list(request.blocks))
        if request.state == "loading":
            self._aborted[request.request_id] = request
        else:
            self._end(request, delayed)

    def preempt(self, request: Request) -> None:
        """Takes the blocks of a running request away; it starts again later."""
        self.running.remove(request)
        self._free(request)
        request.computed = 0
        request.num_preemptions += 1
        request.state = "preempted"
        self._preempted.add(request.request_id)
        self.waiting.insert(0, request)

    def forget_prefixes(self) -> None:
        self.pool.forget()

    # A step.

    def step(self) -> None:
        output = self._schedule()
        output.preempted_req_ids, self._preempted = self._preempted, set()
        output.taken_blocks, self._taken = self._taken, []
        output.kv_connector_metadata = self.scheduler.build_connector_meta(output)
        message = pickle.dumps(output.kv_connector_metadata)
        results = [self._execute(rank, pickle.loads(message), output) for rank in range(self._ranks)]
        self._update(output, results)
        self._count(self.scheduler.get_kv_connector_stats())
        if not output.requests:
            # vLLM would spin; here the server may need the core.
            time.sleep(0.001)

    def _schedule(self) -> Any:
        self._budget = self.step_tokens
        output = SimpleNamespace(
            scheduled_new_reqs=[],
            scheduled_cached_reqs=SimpleNamespace(
                req_ids=[], resumed_req_ids=set(), new_block_ids=[], num_computed_tokens=[]
            ),
            num_scheduled_tokens={},
            requests=[],
        )
        for request in list(self.running):
            if request in self.running:
                self._schedule_running(request, output)
        # Who holds blocks is first, as in vLLM: everybody else may be waiting for them.
        for request in sorted(self.waiting, key=lambda request: not request.blocks):
            if self._budget == 0 or not self._schedule_waiting(request, output):
                break
        return output

    def _schedule_running(self, request: Request, output: Any) -> None:
        tokens = min(self._budget, request.num_tokens - request.computed)
        if tokens == 0:
            return
        new = self._allocate(request, request.computed + tokens)
        while new is None:
            victim = self.running[-1]
            self.preempt(victim)
            if victim is request:
                return
            new = self._allocate(request, request.computed + tokens)
        self._note(request, tokens, new, output)

    def _schedule_waiting(self, request: Request, output: Any) -> bool:
        """False when no further request may be scheduled."""
        if request.state == "loading":
            return True
        external, loading, local = 0, False, 0
        found: list[int] = []
        if request.computed == 0:
            found = self._local_hit(request)
            local = len(found) * self.shape.block_size
            external, loading = self.scheduler.get_num_new_matched_tokens(request, local)
            if external is None:
                return True
            assert not (loading and external == 0)
            assert local + external < request.num_tokens, "vLLM computes the last token itself"
        computed = request.computed or local + external
        tokens = 0 if loading else min(self._budget, request.num_tokens - computed)
        for block in found:
            self.pool.use(block)
        request.blocks += found
        # What loads holds blocks without running: it gets all that it needs to run, or the engine could be stuck.
        if self._allocate(request, request.num_tokens if loading else computed + tokens) is None:
            self.pool.release(found)
            del request.blocks[len(request.blocks) - len(found) :]
            return False
        blocks = SimpleNamespace(get_block_ids=lambda: (list(request.blocks),))
        self.scheduler.update_state_after_alloc(request, blocks, external)
        if request.computed == 0 and request.num_preemptions == 0 and request.external_tokens == 0:
            request.local_tokens, request.external_tokens = local, external
        request.computed = computed
        if loading:
            request.state = "loading"
            return True
        self.waiting.remove(request)
        self.running.append(request)
        self._note(request, tokens, request.blocks, output, new=request.state == "waiting")
        request.state = "running"
        return True

    def _note(self, request: Request, tokens: int, blocks: list[int], output: Any, new: bool | None = None) -> None:
        self._budget -= tokens
        output.num_scheduled_tokens[request.request_id] = tokens
        output.requests.append((request, request.computed, tokens))
        if new:
            output.scheduled_new_reqs.append(
                SimpleNamespace(
                    req_id=request.request_id,
                    prompt_token_ids=request.prompt_token_ids,
                    block_ids=(list(blocks),),
                    num_computed_tokens=request.computed,
                )
            )
            return
        cached = output.scheduled_cached_reqs
        cached.req_ids.append(request.request_id)
        cached.new_block_ids.append((list(blocks),) if blocks else None)
        cached.num_computed_tokens.append(request.computed)
        if new is False:
            cached.resumed_req_ids.add(request.request_id)

    def _local_hit(self, request: Request) -> list[int]:
        if not self._prefix_caching:
            return []
        size = self.shape.block_size
        chain, found = request.chain(), []
        # vLLM's own hits leave a token to compute, too.
        for end in range(size, request.num_tokens, size):
            block = self.pool.find(chain[end - 1])
            if block is None:
                break
            found.append(block)
        return found

    def _allocate(self, request: Request, tokens: int) -> list[int] | None:
        missing = -(-tokens // self.shape.block_size) - len(request.blocks)
        new = self.pool.take(max(0, missing))
        if new is not None:
            self._taken += new
            request.blocks += new
        return new

    def _free(self, request: Request) -> None:
        self.pool.release(request.blocks)
        request.blocks = []

    # The workers.

    def _execute(self, rank: int, metadata: Any, output: Any) -> Any:
        worker, cache = self.workers[rank], self.caches[rank]
        with cache.active():
            if output.preempted_req_ids:
                # vLLM 0.18 passes the requests.
                self._passes_requests = not self._passes_requests
                worker.handle_preemptions(output.preempted_req_ids if self._passes_requests else metadata)
            worker.bind_connector_metadata(metadata)
            self.model.forget(cache, output.taken_blocks)
            # All requests read what others computed earlier before any writes, as in a real forward pass.
            for request, computed, _ in output.requests:
                self.model.check(cache, request, computed, rank)
            for request, computed, tokens in output.requests:
                self.model.compute(cache, request, computed, computed + tokens, rank)
            for name, tensor in cache.tensors.items():
                worker.wait_for_layer_load(name)
                worker.save_kv_layer(name, tensor, None)
            began = time.monotonic()
            worker.start_load_kv(None)
            worker.wait_for_save()
            self.save_seconds += time.monotonic() - began
        sent, received = worker.get_finished(set())
        invalid = worker.get_block_ids_with_load_errors()
        self._count(worker.get_kv_connector_stats())
        worker.clear_connector_metadata()
        return SimpleNamespace(
            finished_sending=sent or set(), finished_recving=received or set(), invalid_block_ids=invalid
        )

    # What came of it.

    def _update(self, output: Any, results: list[Any]) -> None:
        for result in results:
            for request_id in result.finished_sending:
                assert request_id in self._kept, "vLLM would fail"
                self._sent_by[request_id] = self._sent_by.get(request_id, 0) + 1
                if self._sent_by[request_id] == self._ranks:
                    del self._sent_by[request_id]
                    self._free(self._kept.pop(request_id))
            for request_id in result.finished_recving:
                self._loaded_by[request_id] = self._loaded_by.get(request_id, 0) + 1
        received = {request_id for request_id, ranks in self._loaded_by.items() if ranks == self._ranks}
        for request_id in received:
            del self._loaded_by[request_id]
        self._invalid |= set().union(*(result.invalid_block_ids for result in results))
        self.scheduler.update_connector_output(SimpleNamespace(finished_recving=received))
        for request in [request for request in self.waiting if request.request_id in received]:
            self._end_load(request)
        for request_id in received & self._aborted.keys():
            self._free(self._aborted.pop(request_id))
        if not any(request.state == "loading" for request in self.waiting):
            self._invalid.clear()
        for request, _, tokens in output.requests:
            request.computed += tokens
            self._name_blocks(request)
            if request in self.running and request.computed == request.num_tokens:
                self._sample(request)

    def _end_load(self, request: Request) -> None:
        invalid = [index for index, block in enumerate(request.blocks) if block in self._invalid]
        if invalid:
            assert self.transfer.kv_load_failure_policy == "recompute", "vLLM would fail the request"
            request.invalid_blocks = len(invalid)
            request.computed = min(request.computed, invalid[0] * self.shape.block_size)
        if request.computed == 0:
            self._free(request)
        request.state = "preempted" if request.num_preemptions else "waiting"
        self._name_blocks(request)

    def _name_blocks(self, request: Request) -> None:
        if not self._prefix_caching:
            return
        chain, size = request.chain(), self.shape.block_size
        for index in range(min(request.computed // size, len(request.blocks))):
            self.pool.name(request.blocks[index], chain[(index + 1) * size - 1])

    def _sample(self, request: Request) -> None:
        if len(request.outputs) < request.max_tokens:
            request.outputs.append(self.model.sample(request))
            return
        self.running.remove(request)
        request.state = "finished"
        delayed, _ = self.scheduler.request_finished(request, list(request.blocks))
        self._end(request, delayed)

    def _end(self, request: Request, delayed: bool) -> None:
        if delayed:
            self._kept[request.request_id] = request
        else:
            self._free(request)

    def _count(self, stats: Any) -> None:
        for name, amount in (stats.data if stats is not None else {}).items():
            self.counts[name] = self.counts.get(name, 0) + amount
