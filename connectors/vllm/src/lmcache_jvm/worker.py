"""The side of the connector that lives in each of vLLM's workers: has the server fill and read the rank's blocks.

The engine waits for neither. The server's copies wait, on the GPU, for what the engine has queued there before; and
blocks are given back only when the server cannot touch them any more.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm import log
from lmcache_jvm.layout import CacheSpec, Tensor, describe
from lmcache_jvm.memory import Events
from lmcache_jvm.metrics import Metrics
from lmcache_jvm.prompt import pack
from lmcache_jvm.session import Link, Session
from lmcache_jvm.settings import Settings
from lmcache_jvm.steps import Load, Save, Step
from lmcache_jvm.transfer import Transfers, nanoseconds_from_now

logger = log.logger(__name__)

# As many as the server makes at a time, and as many to follow at once; saves are shorter, and more of them.
_LOADS = 4
_SAVES = 8

# Tells what the server has to wait for before it touches blocks: the number of an event, or 0 once nothing is left
# to wait for.
Fence = Callable[[], int]


class WorkerSide:
    """One rank. Called by one thread of vLLM; loads and saves run in threads of their own."""

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
        self._transfers = Transfers(settings, lambda: self._session)
        self._tensors: Mapping[str, Tensor] = {}
        self._blocks_for_one = 1
        self._fence: Callable[[], Fence] = _no_fence
        self._loading = ThreadPoolExecutor(_LOADS, "lmcache load")
        self._saving = ThreadPoolExecutor(_SAVES, "lmcache save")
        self._lock = threading.Lock()
        # Saves under way of each request, and requests whose blocks vLLM wants back when there are none.
        self._saves: Counter[str] = Counter()
        self._saved = threading.Condition(self._lock)
        self._finishing: set[str] = set()
        self._received: set[str] = set()
        self._failed_blocks: set[int] = set()

    def register(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes the rank's KV cache, and keeps it registered with whichever server there is."""
        description = describe(tensors, self._spec)
        description.MergeFrom(self._identity)
        self._tensors = tensors
        self._blocks_for_one = description.blocks // self._spec.blocks
        on_gpu = next(iter(tensors.values())).device.type == "cuda"
        self._fence = _no_fence
        if on_gpu:
            self._fence, description.events[:] = _gpu_fence()
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
        self._saving.shutdown(wait=False, cancel_futures=True)

    def begin(self, step: Step) -> None:
        """Begins a step: its loads, of which `take_received` tells when they are over, however they went."""
        self.await_saved(step.preempted)
        with self._lock:
            self._finishing.update(step.finished)
        if step.loads:
            # The blocks may still be written to by what the GPU has been given so far.
            fence = self._fence()
            deadline = nanoseconds_from_now(self._settings.retrieve_seconds)
            for load in step.loads:
                self._loading.submit(self._load, load, fence, deadline)

    def await_saved(self, request_ids: Sequence[str]) -> None:
        """Returns when no block of these requests is being saved any more; their deadlines end saves."""
        with self._saved:
            self._saved.wait_for(lambda: not any(self._saves[request_id] for request_id in request_ids))

    def take_sent(self) -> set[str]:
        """The requests that are over and of which nothing is being saved any more, since the last call."""
        with self._lock:
            sent = {request_id for request_id in self._finishing if not self._saves[request_id]}
            self._finishing -= sent
            for request_id in sent:
                del self._saves[request_id]
        return sent

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

    def save(self, step: Step) -> None:
        """Begins the step's saves, of what the GPU has been given so far."""
        if not step.saves or self._link() is None:
            return
        fence = self._fence()
        deadline = nanoseconds_from_now(self._settings.store_seconds)
        with self._lock:
            self._saves.update(save.request_id for save in step.saves)
        for save in step.saves:
            self._saving.submit(self._save, save, fence, deadline)

    def _link(self) -> Link | None:
        session = self._session
        return session.link() if session is not None else None

    def _load(self, load: Load, fence: Fence, deadline: int) -> None:
        arrived = load.first
        try:
            arrived = self._retrieve(load, fence, deadline)
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

    def _retrieve(self, load: Load, fence: Fence, deadline: int) -> int:
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
            event=fence(),
        )
        response = self._transfers.make(link, link.client.retrieve, request)
        if response is None:
            self._transfers.await_gone(link)
        return response.tokens if response else load.first

    def _save(self, save: Save, fence: Fence, deadline: int) -> None:
        try:
            self._store(save, fence, deadline)
        except Exception:
            logger.exception("Saving %s failed", save.request_id)
        finally:
            with self._saved:
                self._saves[save.request_id] -= 1
                self._saved.notify_all()

    def _store(self, save: Save, fence: Fence, deadline: int) -> None:
        # After one that failed there may be no link any more, and no time.
        link = self._link()
        if link is None or time.monotonic_ns() >= deadline:
            self._metrics.add("store_failures")
            return
        request = pb.StoreRequest(
            session_id=link.session_id,
            kv_cache_id=link.kv_cache_id,
            tokens=save.tokens,
            tags=save.tags,
            block_ids=self._pack_blocks(save.block_ids),
            deadline=deadline,
            event=fence(),
        )
        response = self._transfers.make(link, link.client.store, request, (deadline - time.monotonic_ns()) / 1e9)
        if response:
            self._metrics.add("stored_tokens", response.stored_tokens)
            self._metrics.add("declined_tokens", response.declined_tokens)
            return
        self._metrics.add("store_failures")
        if response is None:
            # What is read after the deadline is not kept; until then the blocks have to stay as they are.
            self._transfers.await_gone(link, deadline)

    def _pack_blocks(self, block_ids: Sequence[int]) -> bytes:
        """vLLM's blocks, as the blocks of the tensors, of which several may make one."""
        parts = self._blocks_for_one
        return pack(block_ids if parts == 1 else (parts * block + part for block in block_ids for part in range(parts)))


def _no_fence() -> Fence:
    return lambda: 0


def _gpu_fence() -> tuple[Callable[[], Fence], list[bytes]]:
    """What marks the end of all that the current stream has been given so far, and the events that it does so by."""
    try:
        events = Events()
    except RuntimeError as error:
        logger.warning("The GPU's events cannot be exported (%s); the host waits for the GPU instead.", error)
        return _host_fence, []

    def fence() -> Fence:
        number = events.record()
        return lambda: number

    return fence, events.handles


def _host_fence() -> Fence:
    import torch

    event = torch.cuda.Event()
    event.record()

    def wait() -> int:
        event.synchronize()
        return 0

    return wait
