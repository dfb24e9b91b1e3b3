"""The side of the connector that lives beside vLLM's scheduler: decides when to ask the server for what.

Loads are asynchronous: a request waits until all ranks have its tokens, while the engine goes on with others. So are
saves: vLLM keeps the blocks of a request that is over until all ranks have saved them, and writes to those of a
preempted
one when they have.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import grpc

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm.metrics import Metrics
from lmcache_jvm.prompt import Prompt, read
from lmcache_jvm.session import Link, Session
from lmcache_jvm.settings import Settings
from lmcache_jvm.steps import Load, Save, Step

# More loads than that would wait for each other; the requests wait instead, and are computed if it takes long.
_LOADS = 8
# Lookups of one pass go in one call, unless their prompts are long: then several calls are answered side by side.
_CALL_BYTES = 2 << 20


@dataclass
class _Lookup:
    """An answer that is awaited: one of those of a call."""

    link: Link
    future: Any
    place: int
    asked: float


@dataclass
class _Tracked:
    """What is known of a request between its first lookup and its end."""

    prompt: Prompt | None
    # vLLM counts preemptions; each begins a new life of the request, with one lookup and at most one load.
    life: int
    lookup: _Lookup | None = None
    # When it was first asked about.
    since: float = field(default_factory=time.monotonic)
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
        # Requests whose loads are not over.
        self._loading: set[str] = set()
        # Requests of which something may be being saved, and those of them that ended since the last step.
        self._saved: set[str] = set()
        self._finished: list[str] = []
        # Lookups that this pass had no time for, and how long it may still wait for answers.
        self._unasked: list[str] = []
        self._patience = settings.lookup_wait_seconds
        # Calls that end add to it, too, in threads of their own.
        self._unpin: deque[str] = deque()

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
        external = max(0, int(min(tracked.found or 0, request.num_tokens - 1)) - computed)
        if external and len(self._loading) >= _LOADS:
            # Another pass may find room; a load that could not start in time is none.
            return None if time.monotonic() - tracked.since < self._settings.lookup_seconds else 0
        return external

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
            self._loading.add(request.request_id)

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
        finished, self._finished = self._finished, []
        preempted = output.preempted_req_ids
        self._send_lookups()
        self._send_releases()
        self._patience = self._settings.lookup_wait_seconds
        self._saved.update(save.request_id for save in saves)
        lost = [request_id for request_id in preempted or () if request_id in self._saved]
        return Step(loads, saves, lost, finished)

    def received(self, request_ids: set[str]) -> None:
        """All ranks are done with the loads of these requests."""
        self._loading -= request_ids
        for request_id in request_ids:
            tracked = self._requests.get(request_id)
            if tracked is not None:
                self._release(request_id, tracked)

    def finished(self, request_id: str) -> bool:
        """The request is over; whether its blocks have to be kept until the workers say that they were sent."""
        tracked = self._requests.pop(request_id, None)
        if tracked is not None:
            self._release(request_id, tracked)
            self._send_releases()
        if request_id not in self._saved:
            return False
        self._saved.remove(request_id)
        self._finished.append(request_id)
        return True

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
            # vLLM has all of it. It is offered to the server again: some of it may have been declined.
            tracked.found = 0
            return True
        if tracked.lookup is None and request_id not in self._unasked:
            if self._patience <= 0:
                # All that this pass has no time for are asked about together at its end.
                self._unasked.append(request_id)
                return False
            self._ask([request_id])
        if request_id in self._unasked:
            return False
        if tracked.lookup is None:
            tracked.found = 0
            return True
        began = time.monotonic()
        answered = self._take_answer(tracked, tracked.lookup, max(0.0, self._patience))
        # Once an answer is late, nobody waits for the others.
        self._patience = self._patience - (time.monotonic() - began) if answered else 0.0
        return answered

    def _send_lookups(self) -> None:
        """Asks about all that had to wait for the end of the pass."""
        unasked, self._unasked = self._unasked, []
        call: list[str] = []
        size = 0
        for request_id in unasked:
            tracked = self._requests.get(request_id)
            if tracked is None or tracked.prompt is None:
                continue
            if call and size + len(tracked.prompt.tokens) > _CALL_BYTES:
                self._ask(call)
                call, size = [], 0
            call.append(request_id)
            size += len(tracked.prompt.tokens)
        if call:
            self._ask(call)

    def _ask(self, request_ids: list[str]) -> None:
        """One call about these requests; without a server they are misses."""
        asked = [self._requests[request_id] for request_id in request_ids]
        link = self._session.link()
        future = None
        if link is not None:
            lookups = [
                pb.LookupRequest(
                    session_id=link.session_id,
                    engine_id=self._engine_id,
                    tokens=tracked.prompt.tokens,
                    tags=tracked.prompt.tags,
                    pin_id=request_id,
                )
                for request_id, tracked in zip(request_ids, asked, strict=True)
                if tracked.prompt is not None
            ]
            self._metrics.add("lookups", len(lookups))
            # The connection may have been closed a moment ago.
            with contextlib.suppress(ValueError):
                future = link.client.lookup_all.future(
                    pb.LookupAllRequest(lookups=lookups), timeout=self._settings.lookup_seconds
                )
        for place, tracked in enumerate(asked):
            if link is None or future is None:
                tracked.found = 0
            else:
                tracked.lookup = _Lookup(link, future, place, time.monotonic())

    def _take_answer(self, tracked: _Tracked, lookup: _Lookup, patience: float) -> bool:
        try:
            tracked.found = lookup.future.result(timeout=patience).answers[lookup.place].tokens
            tracked.saved = tracked.found
            tracked.pinned = tracked.found > 0
        except grpc.FutureTimeoutError:
            # gRPC ends the call after lookup_seconds; should it not, nobody waits for it.
            if time.monotonic() - lookup.asked <= self._settings.lookup_seconds + 1:
                return False
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
            # It may have pinned already, or will, and the answers beside it are awaited by others.
            tracked.lookup.future.add_done_callback(lambda _: self._unpin.append(request_id))
        elif tracked.pinned:
            self._unpin.append(request_id)
        tracked.lookup = None
        tracked.pinned = False

    def _send_releases(self) -> None:
        link = self._session.link()
        unpin = [self._unpin.popleft() for _ in range(len(self._unpin))]
        if unpin and link is not None:
            request = pb.ReleasePinsRequest(session_id=link.session_id, pin_ids=unpin)
            # Nobody waits for the answer: a pin that is not given back ends by itself, and with a closed connection.
            with contextlib.suppress(ValueError):
                link.client.release_pins.future(request, timeout=self._settings.lookup_seconds)
