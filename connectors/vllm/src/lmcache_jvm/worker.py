"""The side of the connector that lives in each of vLLM's workers: has the server fill and read the rank's blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm import log
from lmcache_jvm.client import reason
from lmcache_jvm.launcher import listens
from lmcache_jvm.layout import CacheSpec, Tensor, describe
from lmcache_jvm.metrics import Metrics
from lmcache_jvm.prompt import pack
from lmcache_jvm.session import Link, Session
from lmcache_jvm.settings import Settings
from lmcache_jvm.steps import Load, Save

logger = log.logger(__name__)

# How much longer than its deadline an answer is awaited.
_ANSWER_SECONDS = 0.5
_POLL_SECONDS = 0.2

Answer = TypeVar("Answer", pb.RetrieveResponse, pb.StoreResponse)


class WorkerSide:
    """One rank. Called by one thread of vLLM; loads run in a thread of their own, one after the other: the server makes
    two transfers of a rank at a time, and a save must not wait for loads.
    """

    def __init__(
        self, settings: Settings, name: str, spec: CacheSpec, identity: pb.RegisterKvCacheRequest, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._name = name
        self._spec = spec
        # Which engine, model and rank this is; what `describe` finds out is added to it.
        self._identity = identity
        self._metrics = metrics
        self._session: Session | None = None
        self._tensors: Mapping[str, Tensor] = {}
        self._blocks_for_one = 1
        self._fence: Callable[[], Callable[[], None]] = _no_fence
        self._loading = ThreadPoolExecutor(1, "lmcache load")
        self._lock = threading.Lock()
        self._received: set[str] = set()
        self._failed_blocks: set[int] = set()

    def register(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes the rank's KV cache, and keeps it registered with whichever server there is."""
        description = describe(tensors, self._spec)
        description.MergeFrom(self._identity)
        self._tensors = tensors
        self._blocks_for_one = description.blocks // self._spec.blocks
        on_gpu = next(iter(tensors.values())).device.type == "cuda"
        self._fence = _gpu_fence if on_gpu else _no_fence
        self._session = Session(self._settings, self._name, self._metrics, description)

    def unregister(self) -> None:
        """Has the server let go of the KV cache, before its memory is freed."""
        session, self._session = self._session, None
        if session is None:
            return
        link = session.link()
        if link is not None:
            request = pb.UnregisterKvCacheRequest(session_id=link.session_id, kv_cache_id=link.kv_cache_id)
            try:
                link.client.unregister(request, timeout=self._settings.retrieve_seconds)
            except (grpc.RpcError, ValueError) as error:
                logger.debug("not unregistered: %s", error)
        session.close()

    def restore(self) -> None:
        """Registers the KV cache again, whose memory may be another one now."""
        if self._session is None and self._tensors:
            self.register(self._tensors)

    def close(self) -> None:
        """Ends everything. Loads under way end by their deadlines."""
        self.unregister()
        self._loading.shutdown(wait=False, cancel_futures=True)

    def start_loads(self, loads: Sequence[Load]) -> None:
        """Begins loads; `take_received` tells when they are over, however they went."""
        if loads:
            # The blocks may still be written to by what the GPU has been given so far.
            wait = self._fence()
            deadline = _nanoseconds_from_now(self._settings.retrieve_seconds)
            for load in loads:
                self._loading.submit(self._load, load, wait, deadline)

    def take_received(self) -> set[str]:
        """The requests whose loads ended since the last call."""
        with self._lock:
            received, self._received = self._received, set()
        return received

    def take_failed_blocks(self) -> set[int]:
        """The blocks that did not get what was promised, since the last call."""
        with self._lock:
            failed, self._failed_blocks = self._failed_blocks, set()
        return failed

    def save(self, saves: Sequence[Save]) -> None:
        """Returns when the server has read the blocks, or has lost the right to."""
        if not saves or self._link() is None:
            return
        self._fence()()
        deadline = _nanoseconds_from_now(self._settings.store_seconds)
        for save in saves:
            # After one that failed there may be no link any more, and no time.
            link = self._link()
            if link is not None and time.monotonic_ns() < deadline:
                self._save(link, save, deadline)
            else:
                self._metrics.add("store_failures")

    def _link(self) -> Link | None:
        session = self._session
        return session.link() if session is not None else None

    def _load(self, load: Load, wait: Callable[[], None], deadline: int) -> None:
        arrived = load.first
        try:
            wait()
            arrived = self._retrieve(load, deadline)
        except Exception:
            # Whatever it is, the request must not wait for ever.
            logger.exception("Loading %s failed", load.request_id)
        size = self._spec.block_size
        failed = load.block_ids[arrived // size : -(-load.end // size)] if arrived < load.end else []
        self._metrics.add("loaded_tokens", arrived - load.first)
        self._metrics.add("failed_load_tokens", load.end - arrived)
        with self._lock:
            self._failed_blocks.update(failed)
            self._received.add(load.request_id)

    def _retrieve(self, load: Load, deadline: int) -> int:
        """Up to which token the KV has arrived."""
        link = self._link()
        if link is None or time.monotonic_ns() >= deadline:
            return load.first
        request = pb.RetrieveRequest(
            session_id=link.session_id,
            kv_cache_id=link.kv_cache_id,
            tokens=load.tokens,
            tags=load.tags,
            block_ids=self._pack_blocks(load.block_ids),
            first_token=load.first,
            end_token=load.end,
            deadline=deadline,
        )
        response = self._transfer(link, link.client.retrieve, request)
        return response.tokens if response is not None else load.first

    def _save(self, link: Link, save: Save, deadline: int) -> None:
        request = pb.StoreRequest(
            session_id=link.session_id,
            kv_cache_id=link.kv_cache_id,
            tokens=save.tokens,
            tags=save.tags,
            block_ids=self._pack_blocks(save.block_ids),
            deadline=deadline,
        )
        response = self._transfer(link, link.client.store, request)
        if response is None:
            self._metrics.add("store_failures")
        else:
            self._metrics.add("stored_tokens", response.stored_tokens)
            self._metrics.add("declined_tokens", response.declined_tokens)

    def _transfer(
        self,
        link: Link,
        call: grpc.UnaryUnaryMultiCallable[Message, Answer],
        request: pb.RetrieveRequest | pb.StoreRequest,
    ) -> Answer | None:
        """Makes the call; after it, answered or not, the server does not touch the blocks any more."""
        seconds = max(0.0, (request.deadline - time.monotonic_ns()) / 1e9)
        try:
            return call(request, timeout=seconds + _ANSWER_SECONDS)
        except grpc.RpcError as error:
            if (session := self._session) is not None:
                session.failed(link, error)
            if reason(error):
                return None
        except ValueError as error:
            logger.debug("the connection was closed a moment ago: %s", error)
        self._await_quiet(link, request.deadline)
        return None

    def _await_quiet(self, link: Link, deadline: int) -> None:
        """Waits until a server that did not answer is dead, or until the deadline: then it leaves the blocks alone."""
        while time.monotonic_ns() < deadline:
            time.sleep(_POLL_SECONDS)
            now = self._link()
            if now is not None and now.welcome.server_pid != link.welcome.server_pid:
                return
            if not listens(self._settings.socket):
                return

    def _pack_blocks(self, block_ids: Sequence[int]) -> bytes:
        """vLLM's blocks, as the blocks of the tensors, of which several may make one."""
        parts = self._blocks_for_one
        return pack(block_ids if parts == 1 else (parts * block + part for block in block_ids for part in range(parts)))


def _nanoseconds_from_now(seconds: float) -> int:
    return time.monotonic_ns() + int(seconds * 1e9)


def _no_fence() -> Callable[[], None]:
    return lambda: None


def _gpu_fence() -> Callable[[], None]:
    """What waits for all that the current stream has been given so far."""
    import torch

    event = torch.cuda.Event()
    event.record()
    return event.synchronize  # type: ignore[no-any-return]
