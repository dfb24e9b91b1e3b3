"""A server in Python with the faults that a real one does not have on demand: silence, slowness, short deliveries.

It keeps KV in a dictionary. What it does otherwise is as little as the tests need.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from lmcache_jvm import lmcache_pb2 as pb


@dataclass
class Faults:
    """What the server does wrong from now on; times in seconds."""

    # Before an answer to each of these calls.
    delays: dict[str, float]
    # Retrieve delivers at most this many tokens.
    deliver_at_most: int = 1 << 31


class FakeServer:
    """Listens on a socket until it is closed."""

    def __init__(self, socket: Path, chunk_tokens: int = 32) -> None:
        self.faults = Faults({})
        self.calls: list[Any] = []
        self.pins: set[str] = set()
        self._chunk_tokens = chunk_tokens
        self._chunks: dict[tuple[Any, ...], np.ndarray] = {}
        self._caches: dict[int, tuple[pb.RegisterKvCacheRequest, np.ndarray]] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(32))
        handlers = {
            "OpenSession": grpc.unary_stream_rpc_method_handler(
                self._open, pb.OpenSessionRequest.FromString, pb.SessionEvent.SerializeToString
            ),
            **{
                name: grpc.unary_unary_rpc_method_handler(
                    self._slowed(name, answer), request.FromString, lambda response: response.SerializeToString()
                )
                for name, request, answer in (
                    ("RegisterKvCache", pb.RegisterKvCacheRequest, self._register),
                    ("UnregisterKvCache", pb.UnregisterKvCacheRequest, lambda _: pb.UnregisterKvCacheResponse()),
                    ("LookupAll", pb.LookupAllRequest, self._lookup_all),
                    ("ReleasePins", pb.ReleasePinsRequest, self._release),
                    ("Retrieve", pb.RetrieveRequest, self._retrieve),
                    ("Store", pb.StoreRequest, self._store),
                    ("Clear", pb.ClearRequest, self._clear),
                )
            },
        }
        service = grpc.method_handlers_generic_handler("lmcache.v1.KvCacheService", handlers)
        self._server.add_generic_rpc_handlers((service,))
        socket.unlink(missing_ok=True)
        self._server.add_insecure_port(f"unix:{socket}")
        self._server.start()

    def close(self) -> None:
        self._ending.set()
        self._server.stop(0).wait()

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def _slowed(self, name: str, answer: Any) -> Any:
        def call(request: Any, _: grpc.ServicerContext) -> Any:
            self.calls.append(request)
            self._ending.wait(self.faults.delays.get(name, 0))
            return answer(request)

        return call

    def _open(self, request: pb.OpenSessionRequest, context: grpc.ServicerContext) -> Any:
        over = threading.Event()
        context.add_callback(over.set)
        welcome = pb.Welcome(
            session_id=uuid.uuid4().bytes,
            protocol_version=1,
            server_version="fake",
            chunk_tokens=self._chunk_tokens,
            partial_chunks=True,
            server_pid=os.getpid(),
        )
        yield pb.SessionEvent(welcome=welcome)
        while not (over.is_set() or self._ending.is_set()):
            over.wait(0.05)

    def _register(self, request: pb.RegisterKvCacheRequest) -> pb.RegisterKvCacheResponse:
        with self._lock:
            number = len(self._caches) + 1
            memory = np.memmap(f"/dev/shm/{request.regions[0].shared_memory.name}", dtype=np.uint8)
            self._caches[number] = (request, memory)
        return pb.RegisterKvCacheResponse(kv_cache_id=number)

    def _lookup_all(self, request: pb.LookupAllRequest) -> pb.LookupAllResponse:
        return pb.LookupAllResponse(answers=[self._lookup(lookup) for lookup in request.lookups])

    def _lookup(self, request: pb.LookupRequest) -> pb.LookupResponse:
        with self._lock:
            caches = [cache for cache, _ in self._caches.values() if cache.engine_id == request.engine_id]
            found = min(sum(end - first for first, end, _ in self._hits(cache, request)) for cache in caches)
            if found:
                self.pins.add(request.pin_id)
        return pb.LookupResponse(tokens=found)

    def _release(self, request: pb.ReleasePinsRequest) -> pb.ReleasePinsResponse:
        with self._lock:
            self.pins -= set(request.pin_ids)
        return pb.ReleasePinsResponse()

    def _retrieve(self, request: pb.RetrieveRequest) -> pb.RetrieveResponse:
        if time.monotonic_ns() > request.deadline:
            return pb.RetrieveResponse(tokens=request.first_token)
        with self._lock:
            cache, memory = self._caches[request.kv_cache_id]
            arrived = request.first_token
            for first, end, chunk in self._hits(cache, request):
                end = min(end, request.end_token, self.faults.deliver_at_most)
                for token in range(max(first, request.first_token), end):
                    for view, part in zip(
                        self._heads(cache, memory, request.block_ids, token), chunk[token - first], strict=True
                    ):
                        view[:] = part
                    arrived = token + 1
        return pb.RetrieveResponse(tokens=arrived)

    def _store(self, request: pb.StoreRequest) -> pb.StoreResponse:
        stored = present = 0
        if time.monotonic_ns() > request.deadline:
            return pb.StoreResponse()
        with self._lock:
            cache, memory = self._caches[request.kv_cache_id]
            for first, end, key in self._keys(cache, request):
                if key in self._chunks:
                    present += end - first
                    continue
                tokens = [np.stack(self._heads(cache, memory, request.block_ids, token)) for token in range(first, end)]
                self._chunks[key] = np.stack(tokens)
                stored += end - first
        return pb.StoreResponse(stored_tokens=stored, present_tokens=present)

    def _clear(self, request: pb.ClearRequest) -> pb.ClearResponse:
        with self._lock:
            self._chunks.clear()
        return pb.ClearResponse()

    def _hits(self, cache: pb.RegisterKvCacheRequest, request: Any) -> Any:
        for first, end, key in self._keys(cache, request):
            if key not in self._chunks:
                return
            yield first, end, self._chunks[key]

    def _keys(self, cache: pb.RegisterKvCacheRequest, request: Any) -> Any:
        tags = frozenset((dict(cache.tags) | dict(request.tags)).items())
        tokens = len(request.tokens) // 4
        for first in range(0, tokens, self._chunk_tokens):
            end = min(first + self._chunk_tokens, tokens)
            rank = 0 if cache.replicated else cache.rank
            yield first, end, (cache.model, cache.world_size, rank, tags, request.tokens[: 4 * end])

    @staticmethod
    def _heads(cache: pb.RegisterKvCacheRequest, memory: np.ndarray, block_ids: bytes, token: int) -> list[np.ndarray]:
        block = int(np.frombuffer(block_ids, dtype="<u4")[token // cache.block_size])
        slot = token % cache.block_size
        size = 2 * cache.head_size
        starts = [
            layer.offset
            + plane * layer.plane_stride
            + block * layer.block_stride
            + slot * layer.slot_stride
            + head * layer.head_stride
            for layer in cache.layers
            for plane in range(1 if cache.latent else 2)
            for head in range(cache.kv_heads)
        ]
        return [memory[start : start + size] for start in starts]
