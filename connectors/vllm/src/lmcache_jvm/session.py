"""A connection to the server that comes back by itself."""

from __future__ import annotations

import copy
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm import log
from lmcache_jvm.client import PROTOCOL_VERSION, Client, describe, reason
from lmcache_jvm.launcher import NoServer, ensure_server
from lmcache_jvm.metrics import Metrics
from lmcache_jvm.settings import Settings

logger = log.logger(__name__)

# Between looks for a server that somebody else starts.
_POLL_SECONDS = 0.5
# Between servers that we start, so that one that keeps falling does not keep the machine busy.
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 30.0
_HANDSHAKE_SECONDS = 10.0
# What says that the server no longer knows us: after a restart, or when it took our connection for dead.
_FORGOTTEN = {"UNKNOWN_SESSION", "UNKNOWN_KV_CACHE"}
# What says that the engine's workers are not all connected yet, or again.
_STARTING = {"UNKNOWN_ENGINE", "RANKS_MISSING"}


Registration = pb.RegisterKvCacheRequest | pb.RegisterRowsRequest


@dataclass(frozen=True)
class Link:
    """A session that is open: what calls need."""

    client: Client
    session_id: bytes
    welcome: pb.Welcome
    # The registration of this session, a KV cache or rows, or 0.
    kv_cache_id: int


class Session:
    """Keeps a session open, in a thread of its own: starts a server if need be, connects, registers, and does so again
    whenever the connection is lost. Callers never wait for any of that. Thread-safe.
    """

    def __init__(
        self, settings: Settings, name: str, metrics: Metrics, registration: Registration | None = None
    ) -> None:
        self._settings = settings
        self._name = f"{name}, pid {os.getpid()}"
        self._metrics = metrics
        self._registration = registration
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._link: Link | None = None
        self._silent_until = 0.0
        self._complained = False
        # A server that said goodbye was stopped by somebody, who will start it again; one that fell is started by us.
        self._may_start = settings.start_server
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lmcache {name}", daemon=True)
        self._thread.start()

    def link(self) -> Link | None:
        """The open session, or None while there is none, or while the server is left alone because it was too slow."""
        with self._lock:
            return self._link if time.monotonic() >= self._silent_until else None

    def latest(self) -> Link | None:
        """The open session, also while the server is left alone."""
        with self._lock:
            return self._link

    def late(self, link: Link) -> None:
        """Tells that a call has not been answered in time; it still may be."""
        with self._lock:
            if link is not self._link:
                return
            self._silent_until = time.monotonic() + self._settings.retry_seconds
        self._complain(f"did not answer in time and is left alone for {self._settings.retry_seconds:g} s")

    def failed(self, link: Link, error: grpc.RpcError) -> None:
        """Tells that a call failed; what follows from it is decided here."""
        code = error.code() if isinstance(error, grpc.Call) else None
        with self._lock:
            if link is not self._link:
                return
            lost = reason(error) in _FORGOTTEN or code == grpc.StatusCode.UNAVAILABLE
            if lost:
                self._link = None
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                self._silent_until = time.monotonic() + self._settings.retry_seconds
        if lost:
            # Ends the stream of events; the thread does the rest.
            link.client.close()
        elif code == grpc.StatusCode.DEADLINE_EXCEEDED:
            self._complain(f"did not answer in time and is left alone for {self._settings.retry_seconds:g} s")
        elif reason(error) not in _STARTING and code != grpc.StatusCode.CANCELLED:
            self._complain(f"refused a call ({describe(error)})")

    def close(self) -> None:
        """Ends the session; the server lets go of what it held. Waits for that, but not long."""
        self._closing.set()
        with self._lock:
            client = self._client
        if client is not None:
            client.close()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            started = time.monotonic()
            try:
                ensure_server(self._settings, self._may_start)
                with self._open() as (link, events):
                    self._follow(link, events)
            except NoServer as error:
                self._complain(f"is not there: {error}")
            except grpc.RpcError as error:
                if not self._closing.is_set():
                    self._complain(f"cannot be used ({describe(error)})")
            except OSError as error:
                self._complain(f"cannot be reached: {error}")
            except ValueError as error:
                # What gRPC raises for a call on a channel that failed() or close() closed.
                logger.debug("closed: %s", error)
            if time.monotonic() - started > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._closing.wait(pause if self._may_start else _POLL_SECONDS)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    @contextmanager
    def _open(self) -> Iterator[tuple[Link, Iterator[pb.SessionEvent]]]:
        client = Client(self._settings.socket)
        with self._lock:
            self._client = client
        try:
            if self._closing.is_set():
                raise ValueError("closed before it was open")
            request = pb.OpenSessionRequest(protocol_version=PROTOCOL_VERSION, client=self._name)
            events = client.open_session(request)
            # A stream has no time limit of its own for its first event.
            timer = threading.Timer(_HANDSHAKE_SECONDS, events.cancel)
            timer.start()
            try:
                first = next(events, None)
                if first is None:
                    raise ConnectionError("it said nothing")
                welcome = first.welcome
                link = Link(client, welcome.session_id, welcome, self._register(client, welcome.session_id))
            finally:
                timer.cancel()
            yield link, events
        finally:
            client.close()

    def _register(self, client: Client, session_id: bytes) -> int:
        if self._registration is None:
            return 0
        request = copy.deepcopy(self._registration)
        request.session_id = session_id
        if isinstance(request, pb.RegisterRowsRequest):
            return client.register_rows(request, timeout=_HANDSHAKE_SECONDS).rows_id
        return client.register(request, timeout=_HANDSHAKE_SECONDS).kv_cache_id

    def _follow(self, link: Link, events: Iterator[pb.SessionEvent]) -> None:
        with self._lock:
            self._link = link
            self._silent_until = 0.0
            self._complained = False
            self._may_start = self._settings.start_server
        logger.info(
            "Connected to cache server %s, pid %d, on %s",
            link.welcome.server_version,
            link.welcome.server_pid,
            self._settings.socket,
        )
        try:
            for event in events:
                if event.HasField("draining"):
                    with self._lock:
                        self._link = None
                        self._may_start = False
        finally:
            with self._lock:
                self._link = None
            if not self._closing.is_set():
                self._metrics.add("disconnections")

    def _complain(self, what: str) -> None:
        """One warning for a time of trouble; the next one not before a connection worked again."""
        with self._lock:
            level = logging.DEBUG if self._complained else logging.WARNING
            self._complained = True
        logger.log(level, "The cache server on %s %s. Requests are computed without it.", self._settings.socket, what)
