"""Calls that move bytes: they have a deadline, and memory is reused only when the server cannot touch it any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

import grpc
from google.protobuf.message import Message

from lmcache_jvm import lmcache_pb2 as pb
from lmcache_jvm import log
from lmcache_jvm.client import reason
from lmcache_jvm.launcher import listens
from lmcache_jvm.session import Link, Session
from lmcache_jvm.settings import Settings

logger = log.logger(__name__)

# How much longer than its deadline an answer is awaited before the server counts as late.
_ANSWER_SECONDS = 0.5
_POLL_SECONDS = 0.2
# After a server has let go of a connection: what it was copying at that moment it copies to the end.
_GRACE_SECONDS = 1.0

Answer = TypeVar("Answer", bound=Message)


def nanoseconds_from_now(seconds: float) -> int:
    """A deadline, on the clock that the server reads, too."""
    return time.monotonic_ns() + int(seconds * 1e9)


class Transfers:
    """Makes such calls. Thread-safe."""

    def __init__(self, settings: Settings, session: Callable[[], Session | None]) -> None:
        self._settings = settings
        self._session = session

    def make(
        self,
        link: Link,
        call: grpc.UnaryUnaryMultiCallable[Message, Answer],
        request: pb.RetrieveRequest | pb.StoreRequest | pb.RowsRequest,
        seconds: float | None = None,
    ) -> Answer | Literal[False] | None:
        """Makes the call, which ends after these seconds, if any; False when the server has refused it, None when it is
        not known what the server does.
        """
        try:
            future = call.future(request, timeout=None if seconds is None else seconds + _ANSWER_SECONDS)
            try:
                return future.result(timeout=max(0.0, (request.deadline - time.monotonic_ns()) / 1e9) + _ANSWER_SECONDS)
            except grpc.FutureTimeoutError:
                if (session := self._session()) is not None:
                    session.late(link)
                return future.result()
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            if not isinstance(error, grpc.RpcError):
                return None
            if (session := self._session()) is not None:
                session.failed(link, error)
            return False if reason(error) else None
        except ValueError as error:
            logger.debug("the connection was closed a moment ago: %s", error)
            return False

    def await_gone(self, link: Link, deadline: int | None = None) -> None:
        """Waits until a server that did not answer has let go of the memory: when it is dead, or has seen the
        connection end, which a new one shows; or until the deadline, if there is one.
        """
        while (session := self._session()) is not None and (deadline is None or time.monotonic_ns() < deadline):
            if not listens(self._settings.socket):
                return
            now = session.latest()
            if now is not None and now is not link:
                if now.welcome.server_pid == link.welcome.server_pid:
                    time.sleep(_GRACE_SECONDS)
                return
            time.sleep(_POLL_SECONDS)
