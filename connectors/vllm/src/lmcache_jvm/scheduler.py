"""The side of the connector that lives beside vLLM's scheduler: decides when to ask the server for what.

Loads are asynchronous: a request waits until all ranks have its tokens, while the engine goes on with others. Saves are
not: the engine is held until the server has read the blocks, which may then be freed, reused or preempted at will.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

import grpc

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.metrics import Metrics
from lmcache_jvm.prompt import Prompt, read
from lmcache_jvm.session import Link, Session
from lmcache_jvm.settings import Settings
from lmcache_jvm.steps import Load, Save, Step


@dataclass
class _Lookup:
    """An answer that is awaited."""

    link: Link
    future: Any
    asked: float


@dataclass
class _Tracked:
    """What is known of a request between its first lookup and its end."""

    prompt: Prompt | None
    # vLLM counts preemptions; each begins a new life of the request, with one lookup and at most one load.
    life: int
    lookup: _Lookup | None = None
    # Tokens that the server has, once it has answered.
    found: int | None = None
    # Tokens that vLLM had itself when it last asked, and whether it was given a load in this life.
    local: int = 0
    loaded: bool = False
    pinned: bool = False
    # Tokens that need no saving, being saved already or found.
    saved: int = 0
    block_ids: list[int] = field(default_factory=list)


class SchedulerSide:
    """Not thread-safe: vLLM's scheduler is one thread."""

    def __init__(
        self, settings: Settings, engine_id: str, session: Session, metrics: Metrics, loads: bool, saves: bool
    ) -> None:
        self._settings = settings
        self._engine_id = engine_id
        self._session = session
        self._metrics = metrics
        self._may_load = loads
        self._may_save = saves
        self._requests: dict[str, _Tracked] = {}
        self._loads: list[Load] = []
        self._unpin: list[str] = []

    def matched_tokens(self, request: Any, computed: int) -> int | None:
        """How many tokens beyond the computed ones can be loaded, or None for "ask again"."""
        tracked = self._track(request)
        tracked.local = computed
        if tracked.prompt is None or tracked.prompt.skip_load or not self._may_load or tracked.loaded:
            # A request that comes back in the same life had a load that failed: no second try.
            return 0
        if tracked.found is None and not self._look_up(request.request_id, tracked, computed):
            return None
        # vLLM computes the last token itself, for its logits.
        usable = min(tracked.found or 0, request.num_tokens - 1)
        return max(0, int(usable) - computed)

    def allocated(self, request: Any, block_ids: list[int], external: int) -> None:
        """vLLM has blocks for the request, and will wait for this many external tokens, or not if that is 0."""
        tracked = self._track(request)
        if external == 0:
            self._release(request.request_id, tracked)
        elif not tracked.loaded and tracked.prompt is not None:
            tracked.loaded = True
            self._metrics.add("hit_tokens", external)
            end = tracked.local + external
            prompt = tracked.prompt
            load = Load(request.request_id, prompt.tokens, prompt.tags, list(block_ids), tracked.local, end)
            self._loads.append(load)

    def plan(self, output: Any) -> Step:
        """What the workers have to do in the step that vLLM has scheduled."""
        saves = []
        for new in output.scheduled_new_reqs:
            tracked = self._requests.get(new.req_id)
            if tracked is not None:
                tracked.block_ids = list(new.block_ids[0])
                saves += self._save(new.req_id, tracked, new.num_computed_tokens, output)
        cached = output.scheduled_cached_reqs
        for position, request_id in enumerate(cached.req_ids):
            tracked = self._requests.get(request_id)
            if tracked is not None:
                self._follow_blocks(tracked, cached.new_block_ids[position], request_id in cached.resumed_req_ids)
                saves += self._save(request_id, tracked, cached.num_computed_tokens[position], output)
        loads, self._loads = self._loads, []
        self._send_releases()
        return Step(loads, saves)

    def received(self, request_ids: set[str]) -> None:
        """All ranks are done with the loads of these requests."""
        for request_id in request_ids:
            tracked = self._requests.get(request_id)
            if tracked is not None:
                self._release(request_id, tracked)

    def finished(self, request_id: str) -> None:
        """The request is over."""
        tracked = self._requests.pop(request_id, None)
        if tracked is not None:
            self._release(request_id, tracked)
            self._send_releases()

    def clear(self) -> bool:
        """Empties the whole cache; whether that worked."""
        link = self._session.link()
        if link is None:
            return False
        try:
            link.client.clear(pb.ClearRequest(session_id=link.session_id), timeout=self._settings.retrieve_seconds)
        except (grpc.RpcError, ValueError):
            return False
        return True

    def _track(self, request: Any) -> _Tracked:
        life = getattr(request, "num_preemptions", 0)
        tracked = self._requests.get(request.request_id)
        if tracked is None or tracked.life != life:
            if tracked is not None:
                self._release(request.request_id, tracked)
            link = self._session.link()
            prompt = read(request, link.welcome.chunk_tokens) if link is not None else None
            if link is None:
                self._metrics.add("requests_without_server")
            tracked = self._requests[request.request_id] = _Tracked(prompt, life)
        return tracked

    def _look_up(self, request_id: str, tracked: _Tracked, computed: int) -> bool:
        """Asks the server, or looks whether it has answered; False while it has not."""
        assert tracked.prompt is not None
        if len(tracked.prompt) <= computed + 1:
            # vLLM has all of it, and it was offered to the server when vLLM got it.
            tracked.found = 0
            tracked.saved = len(tracked.prompt)
            return True
        if tracked.lookup is None:
            tracked.lookup = self._ask(request_id, tracked.prompt)
            patience = self._settings.lookup_wait_seconds
        else:
            patience = 0.0
        if tracked.lookup is None:
            tracked.found = 0
            return True
        return self._take_answer(tracked, tracked.lookup, patience)

    def _ask(self, request_id: str, prompt: Prompt) -> _Lookup | None:
        link = self._session.link()
        if link is None:
            return None
        request = pb.LookupRequest(
            session_id=link.session_id,
            engine_id=self._engine_id,
            tokens=prompt.tokens,
            tags=prompt.tags,
            pin_id=request_id,
        )
        self._metrics.add("lookups")
        try:
            future = link.client.lookup.future(request, timeout=self._settings.lookup_seconds)
        except ValueError:
            # The connection was closed a moment ago.
            return None
        return _Lookup(link, future, time.monotonic())

    def _take_answer(self, tracked: _Tracked, lookup: _Lookup, patience: float) -> bool:
        try:
            tracked.found = lookup.future.result(timeout=patience).tokens
            tracked.saved = tracked.found
            tracked.pinned = tracked.found > 0
        except grpc.FutureTimeoutError:
            # gRPC ends the call after lookup_seconds; should it not, nobody waits for it.
            if time.monotonic() - lookup.asked <= self._settings.lookup_seconds + 1:
                return False
            lookup.future.cancel()
            tracked.found = 0
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            tracked.found = 0
            self._metrics.add("lookup_failures")
            if isinstance(error, grpc.RpcError):
                self._session.failed(lookup.link, error)
        tracked.lookup = None
        return True

    @staticmethod
    def _follow_blocks(tracked: _Tracked, new: tuple[list[int], ...] | None, resumed: bool) -> None:
        if resumed:
            tracked.block_ids = []
        if new is not None:
            tracked.block_ids += new[0]

    def _save(self, request_id: str, tracked: _Tracked, computed: int, output: Any) -> list[Save]:
        """The save that this step makes worth a call: another chunk of the prompt is complete, or its end."""
        prompt, link = tracked.prompt, self._session.link()
        if prompt is None or prompt.skip_save or not self._may_save or link is None:
            return []
        # Less than was found: a load failed, and what did not arrive is computed and worth saving again.
        tracked.saved = (
            min(tracked.saved, computed) if tracked.loaded and computed < tracked.saved - 1 else tracked.saved
        )
        after = min(computed + output.num_scheduled_tokens[request_id], len(prompt))
        whole = after == len(prompt) and link.welcome.partial_chunks
        ready = after if whole else after - after % link.welcome.chunk_tokens
        if ready <= tracked.saved:
            return []
        tracked.saved = ready
        return [Save(request_id, prompt.tokens[: 4 * ready], prompt.tags, list(tracked.block_ids))]

    def _release(self, request_id: str, tracked: _Tracked) -> None:
        if tracked.lookup is not None:
            # It may have pinned already.
            tracked.lookup.future.cancel()
            self._unpin.append(request_id)
        elif tracked.pinned:
            self._unpin.append(request_id)
        tracked.lookup = None
        tracked.pinned = False

    def _send_releases(self) -> None:
        link = self._session.link()
        if self._unpin and link is not None:
            request = pb.ReleasePinsRequest(session_id=link.session_id, pin_ids=self._unpin)
            # Nobody waits for the answer: a pin that is not given back ends by itself, and with a closed connection.
            with contextlib.suppress(ValueError):
                link.client.release_pins.future(request, timeout=self._settings.lookup_seconds)
        self._unpin.clear()
