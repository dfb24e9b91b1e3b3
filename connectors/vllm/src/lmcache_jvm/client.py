"""The calls of the cache server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from lmcache_jvm import lmcache_pb2 as pb

PROTOCOL_VERSION = 1

_SERVICE = "/lmcache.v1.KvCacheService/"
_OPTIONS = [
    # Sub-channels that are shared keep the back-off of a server that is long back.
    ("grpc.use_local_subchannel_pool", 1),
    # A million tokens are 4 MB, gRPC's own limit.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]

Answer = TypeVar("Answer", bound=Message)


class Client:
    """One connection to a server. Thread-safe."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=_OPTIONS)
        self.open_session = self._channel.unary_stream(
            _SERVICE + "OpenSession",
            request_serializer=pb.OpenSessionRequest.SerializeToString,
            response_deserializer=pb.SessionEvent.FromString,
        )
        self.register = self._call("RegisterKvCache", pb.RegisterKvCacheRequest, pb.RegisterKvCacheResponse)
        self.unregister = self._call("UnregisterKvCache", pb.UnregisterKvCacheRequest, pb.UnregisterKvCacheResponse)
        self.lookup = self._call("Lookup", pb.LookupRequest, pb.LookupResponse)
        self.lookup_all = self._call("LookupAll", pb.LookupAllRequest, pb.LookupAllResponse)
        self.release_pins = self._call("ReleasePins", pb.ReleasePinsRequest, pb.ReleasePinsResponse)
        self.retrieve = self._call("Retrieve", pb.RetrieveRequest, pb.RetrieveResponse)
        self.store = self._call("Store", pb.StoreRequest, pb.StoreResponse)
        self.register_rows = self._call("RegisterRows", pb.RegisterRowsRequest, pb.RegisterRowsResponse)
        self.find_rows = self._call("FindRows", pb.FindRowsRequest, pb.FindRowsResponse)
        self.load_rows = self._call("LoadRows", pb.RowsRequest, pb.LoadRowsResponse)
        self.store_rows = self._call("StoreRows", pb.RowsRequest, pb.StoreRowsResponse)
        self.clear = self._call("Clear", pb.ClearRequest, pb.ClearResponse)
        self.stats = self._call("Stats", pb.StatsRequest, pb.StatsResponse)

    def _call(
        self, name: str, request: type[Message], response: type[Answer]
    ) -> grpc.UnaryUnaryMultiCallable[Message, Answer]:
        return self._channel.unary_unary(
            _SERVICE + name, request_serializer=request.SerializeToString, response_deserializer=response.FromString
        )

    def close(self) -> None:
        """Ends the connection, and with it the session and what it holds."""
        self._channel.close()


def reason(error: grpc.RpcError) -> str:
    """The name of the Reason that the server gave, or "" for an error that is not the server's."""
    trailers: Any = error.trailing_metadata() if isinstance(error, grpc.Call) else ()
    return next((str(value) for name, value in trailers or () if name == "lmcache-reason"), "")


def describe(error: grpc.RpcError) -> str:
    """One line for a log."""
    if not isinstance(error, grpc.Call):
        return str(error)
    return f"{reason(error) or error.code().name}: {error.details()}"
