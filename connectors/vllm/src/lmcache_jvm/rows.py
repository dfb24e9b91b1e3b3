"""Rows of an engine's shared memory in the cache server: lookups, loads and stores that nobody waits for.

The caller is vLLM's scheduler, whose every microsecond counts: a call puts something into a queue, or takes an answer
out of one. Threads do the rest, and the server moves the bytes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import grpc

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm import log
from lmcache_jvm.metrics import Metrics
from lmcache_jvm.prompt import pack
from lmcache_jvm.session import Link, Session
from lmcache_jvm.settings import Settings
from lmcache_jvm.transfer import Transfers, nanoseconds_from_now

logger = log.logger(__name__)

# As many as keep a host's memory busy; those that wait hold nothing but rows.
_LOADS = 4
_STORES = 4
# One thread asks, for all requests of a step in one call.
_NAMES = 4096


@dataclass
class _Known:
    """What is known of a name, and the requests that asked for it."""

    found: bool | None = None
    requests: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Done:
    """A job that is over. What it did not load is as it was, or will be overwritten."""

    job_id: int
    success: bool
    # The places in the job's list that were loaded.
    loaded: tuple[int, ...] = ()
    rows: int = 0
    seconds: float = 0.0


class Rows:
    """One engine's rows. Called by one thread at a time; nothing but `drain` waits."""

    def __init__(self, settings: Settings, name: str, registration: pb.RegisterRowsRequest, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._session: Session | None = Session(settings, name, metrics, registration)
        self._transfers = Transfers(settings, lambda: self._session)
        self._row_bytes = registration.row_bytes
        # Rows that are being stored cannot be used for anything else: half of them at most.
        self._storable = max(1, registration.rows // 2)
        self._storing = 0
        self._known: dict[bytes, _Known] = {}
        self._asked: dict[str, set[bytes]] = {}
        self._unasked: list[bytes] = []
        # What threads hand to the caller: both sides of a deque may be used at the same time.
        self._answers: deque[tuple[Sequence[bytes], Sequence[bool]]] = deque()
        self._done: deque[Done] = deque()
        self._asking = ThreadPoolExecutor(1, "lmcache find")
        self._loads = ThreadPoolExecutor(_LOADS, "lmcache load")
        self._stores = ThreadPoolExecutor(_STORES, "lmcache store")
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._underway = 0

    def find(self, request_id: str, name: bytes) -> bool | None:
        """Whether the server has it; None for "ask again", after `ask`."""
        if self._answers:
            self._take_answers()
        known = self._known.get(name)
        if known is None:
            if self._link() is None:
                return False
            known = self._known[name] = _Known()
            self._unasked.append(name)
        known.requests.add(request_id)
        self._asked.setdefault(request_id, set()).add(name)
        return known.found

    def ask(self) -> None:
        """Sends what `find` was asked for since the last call."""
        for start in range(0, len(self._unasked), _NAMES):
            self._asking.submit(self._ask, self._unasked[start : start + _NAMES])
        self._unasked = []

    def forget(self, request_id: str) -> None:
        """The request asks for nothing any more."""
        for name in self._asked.pop(request_id, ()):
            known = self._known[name]
            known.requests.discard(request_id)
            if not known.requests:
                del self._known[name]

    def load(self, job_id: int, names: Sequence[bytes], rows: Sequence[int]) -> None:
        """Loads into these rows; `done` tells."""
        self._begin()
        self._loads.submit(self._run, self._load, job_id, names, rows)

    def store(self, job_id: int, names: Sequence[bytes], rows: Sequence[int]) -> None:
        """Stores these rows, or not, where too many are being stored; `done` tells."""
        with self._lock:
            room = self._storing + len(names) <= self._storable
            self._storing += len(names) if room else 0
        if not room or self._link() is None:
            if room:
                self._stored(len(names))
            self._metrics.add("declined_rows", len(names))
            self._done.append(Done(job_id, False, rows=len(names)))
            return
        self._begin()
        self._stores.submit(self._run, self._store, job_id, names, rows)

    def done(self) -> list[Done]:
        """The jobs that ended since the last call."""
        return [self._done.popleft() for _ in range(len(self._done))]

    def missing(self, names: Sequence[bytes]) -> None:
        """These are not there, whatever the server said: asked for again they are misses."""
        for name in names:
            if known := self._known.get(name):
                known.found = False

    def present(self, names: Sequence[bytes]) -> None:
        """These are there now."""
        for name in names:
            if known := self._known.get(name):
                known.found = True

    def drain(self) -> None:
        """Returns when no row is being read or written any more; the deadlines of the jobs end them."""
        with self._idle:
            self._idle.wait_for(lambda: self._underway == 0)

    def close(self) -> None:
        """Ends everything. Jobs under way end by their deadlines."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
        for pool in (self._asking, self._loads, self._stores):
            pool.shutdown(wait=False, cancel_futures=True)

    def _link(self) -> Link | None:
        session = self._session
        return session.link() if session is not None else None

    def _take_answers(self) -> None:
        while self._answers:
            for name, found in zip(*self._answers.popleft(), strict=True):
                known = self._known.get(name)
                if known is not None and known.found is None:
                    known.found = found

    def _ask(self, names: list[bytes]) -> None:
        found: Sequence[bool] = [False] * len(names)
        try:
            link = self._link()
            if link is not None:
                self._metrics.add("lookups")
                request = pb.FindRowsRequest(session_id=link.session_id, rows_id=link.kv_cache_id, names=names)
                try:
                    found = link.client.find_rows(request, timeout=self._settings.lookup_seconds).found
                except grpc.RpcError as error:
                    self._metrics.add("lookup_failures")
                    if (session := self._session) is not None:
                        session.failed(link, error)
        except Exception:
            # Whatever it is, nobody must wait for an answer for ever.
            logger.exception("A lookup failed")
        finally:
            self._answers.append((names, found))

    def _begin(self) -> None:
        with self._lock:
            self._underway += 1

    def _run(self, work: Callable[[int, Sequence[bytes], Sequence[int]], Done], *job: Any) -> None:
        job_id, names, rows = job
        began = time.monotonic()
        done = Done(job_id, False, rows=len(names))
        try:
            done = work(job_id, names, rows)
        except Exception:
            logger.exception("A transfer failed")
        finally:
            self._done.append(replace(done, seconds=time.monotonic() - began))
            with self._idle:
                self._underway -= 1
                self._idle.notify_all()

    def _load(self, job_id: int, names: Sequence[bytes], rows: Sequence[int]) -> Done:
        loaded: tuple[int, ...] = ()
        link = self._link()
        if link is not None:
            request = self._request(link, names, rows, self._settings.retrieve_seconds)
            response = self._transfers.make(link, link.client.load_rows, request)
            if response:
                loaded = tuple(place for place, whole in enumerate(response.loaded) if whole)
            elif response is None:
                self._transfers.await_gone(link)
        self._metrics.add("loaded_rows", len(loaded))
        self._metrics.add("failed_load_rows", len(names) - len(loaded))
        return Done(job_id, len(loaded) == len(names), loaded, len(names))

    def _store(self, job_id: int, names: Sequence[bytes], rows: Sequence[int]) -> Done:
        try:
            link = self._link()
            if link is None:
                return Done(job_id, False, rows=len(names))
            seconds = self._settings.store_seconds
            request = self._request(link, names, rows, seconds)
            response = self._transfers.make(link, link.client.store_rows, request, seconds)
            if response:
                self._metrics.add("stored_rows", response.stored)
                self._metrics.add("declined_rows", response.declined)
                return Done(job_id, response.declined == 0, rows=len(names))
            self._metrics.add("store_failures")
            if response is None:
                # What is read after the deadline is not kept; until then the rows have to stay as they are.
                self._transfers.await_gone(link, request.deadline)
            return Done(job_id, False, rows=len(names))
        finally:
            self._stored(len(names))

    def _stored(self, rows: int) -> None:
        with self._lock:
            self._storing -= rows

    def _request(self, link: Link, names: Sequence[bytes], rows: Sequence[int], seconds: float) -> pb.RowsRequest:
        return pb.RowsRequest(
            session_id=link.session_id,
            rows_id=link.kv_cache_id,
            names=names,
            row_ids=pack(rows),
            deadline=nanoseconds_from_now(seconds),
        )
