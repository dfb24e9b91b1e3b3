from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    VERSION_MISMATCH: _ClassVar[Reason]
    UNKNOWN_SESSION: _ClassVar[Reason]
    UNKNOWN_KV_CACHE: _ClassVar[Reason]
    UNKNOWN_ENGINE: _ClassVar[Reason]
    RANKS_MISSING: _ClassVar[Reason]
    BAD_ARGUMENT: _ClassVar[Reason]
    BAD_LAYOUT: _ClassVar[Reason]
    BAD_REGION: _ClassVar[Reason]
    NO_DEVICE: _ClassVar[Reason]
    DEADLINE: _ClassVar[Reason]
    BUSY: _ClassVar[Reason]
    DRAINING: _ClassVar[Reason]
    SERVER_FAILURE: _ClassVar[Reason]

class Dtype(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DTYPE_UNSPECIFIED: _ClassVar[Dtype]
    FLOAT16: _ClassVar[Dtype]
    BFLOAT16: _ClassVar[Dtype]
    FLOAT32: _ClassVar[Dtype]
    INT8: _ClassVar[Dtype]
    UINT8: _ClassVar[Dtype]
    FP8_E4M3FN: _ClassVar[Dtype]
    FP8_E5M2: _ClassVar[Dtype]
    FP8_E4M3FNUZ: _ClassVar[Dtype]
    FP8_E5M2FNUZ: _ClassVar[Dtype]
REASON_UNSPECIFIED: Reason
VERSION_MISMATCH: Reason
UNKNOWN_SESSION: Reason
UNKNOWN_KV_CACHE: Reason
UNKNOWN_ENGINE: Reason
RANKS_MISSING: Reason
BAD_ARGUMENT: Reason
BAD_LAYOUT: Reason
BAD_REGION: Reason
NO_DEVICE: Reason
DEADLINE: Reason
BUSY: Reason
DRAINING: Reason
SERVER_FAILURE: Reason
DTYPE_UNSPECIFIED: Dtype
FLOAT16: Dtype
BFLOAT16: Dtype
FLOAT32: Dtype
INT8: Dtype
UINT8: Dtype
FP8_E4M3FN: Dtype
FP8_E5M2: Dtype
FP8_E4M3FNUZ: Dtype
FP8_E5M2FNUZ: Dtype

class OpenSessionRequest(_message.Message):
    __slots__ = ("protocol_version", "client")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    client: str
    def __init__(self, protocol_version: _Optional[int] = ..., client: _Optional[str] = ...) -> None: ...

class SessionEvent(_message.Message):
    __slots__ = ("welcome", "draining")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    draining: Draining
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., draining: _Optional[_Union[Draining, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("session_id", "protocol_version", "server_version", "chunk_tokens", "partial_chunks", "tiers", "pin_seconds", "server_pid")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHUNK_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_CHUNKS_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    PIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SERVER_PID_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    protocol_version: int
    server_version: str
    chunk_tokens: int
    partial_chunks: bool
    tiers: _containers.RepeatedScalarFieldContainer[str]
    pin_seconds: int
    server_pid: int
    def __init__(self, session_id: _Optional[bytes] = ..., protocol_version: _Optional[int] = ..., server_version: _Optional[str] = ..., chunk_tokens: _Optional[int] = ..., partial_chunks: bool = ..., tiers: _Optional[_Iterable[str]] = ..., pin_seconds: _Optional[int] = ..., server_pid: _Optional[int] = ...) -> None: ...

class Draining(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RegisterKvCacheRequest(_message.Message):
    __slots__ = ("session_id", "engine_id", "model", "world_size", "rank", "replicated", "tags", "dtype", "kv_heads", "head_size", "latent", "blocks", "block_size", "regions", "layers", "events")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ENGINE_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WORLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    REPLICATED_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    KV_HEADS_FIELD_NUMBER: _ClassVar[int]
    HEAD_SIZE_FIELD_NUMBER: _ClassVar[int]
    LATENT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_SIZE_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    engine_id: str
    model: str
    world_size: int
    rank: int
    replicated: bool
    tags: _containers.ScalarMap[str, str]
    dtype: Dtype
    kv_heads: int
    head_size: int
    latent: bool
    blocks: int
    block_size: int
    regions: _containers.RepeatedCompositeFieldContainer[Region]
    layers: _containers.RepeatedCompositeFieldContainer[Layer]
    events: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, session_id: _Optional[bytes] = ..., engine_id: _Optional[str] = ..., model: _Optional[str] = ..., world_size: _Optional[int] = ..., rank: _Optional[int] = ..., replicated: bool = ..., tags: _Optional[_Mapping[str, str]] = ..., dtype: _Optional[_Union[Dtype, str]] = ..., kv_heads: _Optional[int] = ..., head_size: _Optional[int] = ..., latent: bool = ..., blocks: _Optional[int] = ..., block_size: _Optional[int] = ..., regions: _Optional[_Iterable[_Union[Region, _Mapping]]] = ..., layers: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ..., events: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("shared_memory", "cuda_ipc")
    SHARED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    CUDA_IPC_FIELD_NUMBER: _ClassVar[int]
    shared_memory: SharedMemory
    cuda_ipc: CudaIpc
    def __init__(self, shared_memory: _Optional[_Union[SharedMemory, _Mapping]] = ..., cuda_ipc: _Optional[_Union[CudaIpc, _Mapping]] = ...) -> None: ...

class SharedMemory(_message.Message):
    __slots__ = ("name", "size", "inode")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    INODE_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: int
    inode: int
    def __init__(self, name: _Optional[str] = ..., size: _Optional[int] = ..., inode: _Optional[int] = ...) -> None: ...

class CudaIpc(_message.Message):
    __slots__ = ("handle", "size", "device_uuid")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_UUID_FIELD_NUMBER: _ClassVar[int]
    handle: bytes
    size: int
    device_uuid: bytes
    def __init__(self, handle: _Optional[bytes] = ..., size: _Optional[int] = ..., device_uuid: _Optional[bytes] = ...) -> None: ...

class Layer(_message.Message):
    __slots__ = ("region", "offset", "plane_stride", "block_stride", "slot_stride", "head_stride")
    REGION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    PLANE_STRIDE_FIELD_NUMBER: _ClassVar[int]
    BLOCK_STRIDE_FIELD_NUMBER: _ClassVar[int]
    SLOT_STRIDE_FIELD_NUMBER: _ClassVar[int]
    HEAD_STRIDE_FIELD_NUMBER: _ClassVar[int]
    region: int
    offset: int
    plane_stride: int
    block_stride: int
    slot_stride: int
    head_stride: int
    def __init__(self, region: _Optional[int] = ..., offset: _Optional[int] = ..., plane_stride: _Optional[int] = ..., block_stride: _Optional[int] = ..., slot_stride: _Optional[int] = ..., head_stride: _Optional[int] = ...) -> None: ...

class RegisterKvCacheResponse(_message.Message):
    __slots__ = ("kv_cache_id", "bytes_per_token", "concurrent_transfers")
    KV_CACHE_ID_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    kv_cache_id: int
    bytes_per_token: int
    concurrent_transfers: int
    def __init__(self, kv_cache_id: _Optional[int] = ..., bytes_per_token: _Optional[int] = ..., concurrent_transfers: _Optional[int] = ...) -> None: ...

class UnregisterKvCacheRequest(_message.Message):
    __slots__ = ("session_id", "kv_cache_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    KV_CACHE_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    kv_cache_id: int
    def __init__(self, session_id: _Optional[bytes] = ..., kv_cache_id: _Optional[int] = ...) -> None: ...

class UnregisterKvCacheResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LookupRequest(_message.Message):
    __slots__ = ("session_id", "engine_id", "tokens", "tags", "pin_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ENGINE_ID_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PIN_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    engine_id: str
    tokens: bytes
    tags: _containers.ScalarMap[str, str]
    pin_id: str
    def __init__(self, session_id: _Optional[bytes] = ..., engine_id: _Optional[str] = ..., tokens: _Optional[bytes] = ..., tags: _Optional[_Mapping[str, str]] = ..., pin_id: _Optional[str] = ...) -> None: ...

class LookupResponse(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    def __init__(self, tokens: _Optional[int] = ...) -> None: ...

class LookupAllRequest(_message.Message):
    __slots__ = ("lookups",)
    LOOKUPS_FIELD_NUMBER: _ClassVar[int]
    lookups: _containers.RepeatedCompositeFieldContainer[LookupRequest]
    def __init__(self, lookups: _Optional[_Iterable[_Union[LookupRequest, _Mapping]]] = ...) -> None: ...

class LookupAllResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[LookupResponse]
    def __init__(self, answers: _Optional[_Iterable[_Union[LookupResponse, _Mapping]]] = ...) -> None: ...

class ReleasePinsRequest(_message.Message):
    __slots__ = ("session_id", "pin_ids")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PIN_IDS_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    pin_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_id: _Optional[bytes] = ..., pin_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ReleasePinsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RetrieveRequest(_message.Message):
    __slots__ = ("session_id", "kv_cache_id", "tokens", "block_ids", "first_token", "end_token", "tags", "deadline", "event")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    KV_CACHE_ID_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_IDS_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_FIELD_NUMBER: _ClassVar[int]
    END_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    kv_cache_id: int
    tokens: bytes
    block_ids: bytes
    first_token: int
    end_token: int
    tags: _containers.ScalarMap[str, str]
    deadline: int
    event: int
    def __init__(self, session_id: _Optional[bytes] = ..., kv_cache_id: _Optional[int] = ..., tokens: _Optional[bytes] = ..., block_ids: _Optional[bytes] = ..., first_token: _Optional[int] = ..., end_token: _Optional[int] = ..., tags: _Optional[_Mapping[str, str]] = ..., deadline: _Optional[int] = ..., event: _Optional[int] = ...) -> None: ...

class RetrieveResponse(_message.Message):
    __slots__ = ("tokens", "failed_block_ids", "tokens_by_tier")
    class TokensByTierEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    FAILED_BLOCK_IDS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_BY_TIER_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    failed_block_ids: bytes
    tokens_by_tier: _containers.ScalarMap[str, int]
    def __init__(self, tokens: _Optional[int] = ..., failed_block_ids: _Optional[bytes] = ..., tokens_by_tier: _Optional[_Mapping[str, int]] = ...) -> None: ...

class StoreRequest(_message.Message):
    __slots__ = ("session_id", "kv_cache_id", "tokens", "block_ids", "tags", "deadline", "event")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    KV_CACHE_ID_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_IDS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    kv_cache_id: int
    tokens: bytes
    block_ids: bytes
    tags: _containers.ScalarMap[str, str]
    deadline: int
    event: int
    def __init__(self, session_id: _Optional[bytes] = ..., kv_cache_id: _Optional[int] = ..., tokens: _Optional[bytes] = ..., block_ids: _Optional[bytes] = ..., tags: _Optional[_Mapping[str, str]] = ..., deadline: _Optional[int] = ..., event: _Optional[int] = ...) -> None: ...

class StoreResponse(_message.Message):
    __slots__ = ("stored_tokens", "present_tokens", "declined_tokens")
    STORED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PRESENT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DECLINED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    stored_tokens: int
    present_tokens: int
    declined_tokens: int
    def __init__(self, stored_tokens: _Optional[int] = ..., present_tokens: _Optional[int] = ..., declined_tokens: _Optional[int] = ...) -> None: ...

class PrefetchRequest(_message.Message):
    __slots__ = ("session_id", "engine_id", "tokens", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ENGINE_ID_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    engine_id: str
    tokens: bytes
    tags: _containers.ScalarMap[str, str]
    def __init__(self, session_id: _Optional[bytes] = ..., engine_id: _Optional[str] = ..., tokens: _Optional[bytes] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PrefetchResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RegisterRowsRequest(_message.Message):
    __slots__ = ("session_id", "model", "tags", "shared_memory", "row_bytes", "rows")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SHARED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    ROW_BYTES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    model: str
    tags: _containers.ScalarMap[str, str]
    shared_memory: SharedMemory
    row_bytes: int
    rows: int
    def __init__(self, session_id: _Optional[bytes] = ..., model: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., shared_memory: _Optional[_Union[SharedMemory, _Mapping]] = ..., row_bytes: _Optional[int] = ..., rows: _Optional[int] = ...) -> None: ...

class RegisterRowsResponse(_message.Message):
    __slots__ = ("rows_id",)
    ROWS_ID_FIELD_NUMBER: _ClassVar[int]
    rows_id: int
    def __init__(self, rows_id: _Optional[int] = ...) -> None: ...

class FindRowsRequest(_message.Message):
    __slots__ = ("session_id", "rows_id", "names")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ROWS_ID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    rows_id: int
    names: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, session_id: _Optional[bytes] = ..., rows_id: _Optional[int] = ..., names: _Optional[_Iterable[bytes]] = ...) -> None: ...

class FindRowsResponse(_message.Message):
    __slots__ = ("found",)
    FOUND_FIELD_NUMBER: _ClassVar[int]
    found: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, found: _Optional[_Iterable[bool]] = ...) -> None: ...

class RowsRequest(_message.Message):
    __slots__ = ("session_id", "rows_id", "names", "row_ids", "deadline")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ROWS_ID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    ROW_IDS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    rows_id: int
    names: _containers.RepeatedScalarFieldContainer[bytes]
    row_ids: bytes
    deadline: int
    def __init__(self, session_id: _Optional[bytes] = ..., rows_id: _Optional[int] = ..., names: _Optional[_Iterable[bytes]] = ..., row_ids: _Optional[bytes] = ..., deadline: _Optional[int] = ...) -> None: ...

class LoadRowsResponse(_message.Message):
    __slots__ = ("loaded",)
    LOADED_FIELD_NUMBER: _ClassVar[int]
    loaded: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, loaded: _Optional[_Iterable[bool]] = ...) -> None: ...

class StoreRowsResponse(_message.Message):
    __slots__ = ("stored", "present", "declined")
    STORED_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    DECLINED_FIELD_NUMBER: _ClassVar[int]
    stored: int
    present: int
    declined: int
    def __init__(self, stored: _Optional[int] = ..., present: _Optional[int] = ..., declined: _Optional[int] = ...) -> None: ...

class ClearRequest(_message.Message):
    __slots__ = ("session_id", "model")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    model: str
    def __init__(self, session_id: _Optional[bytes] = ..., model: _Optional[str] = ...) -> None: ...

class ClearResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatsResponse(_message.Message):
    __slots__ = ("requested_tokens", "hit_tokens", "stored_tokens", "tiers", "sessions", "kv_caches", "pins", "mapped_bytes", "looked_up_tokens", "found_tokens", "models")
    REQUESTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    HIT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STORED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    KV_CACHES_FIELD_NUMBER: _ClassVar[int]
    PINS_FIELD_NUMBER: _ClassVar[int]
    MAPPED_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOOKED_UP_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FOUND_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    requested_tokens: int
    hit_tokens: int
    stored_tokens: int
    tiers: _containers.RepeatedCompositeFieldContainer[TierStats]
    sessions: int
    kv_caches: int
    pins: int
    mapped_bytes: int
    looked_up_tokens: int
    found_tokens: int
    models: _containers.RepeatedCompositeFieldContainer[ModelStats]
    def __init__(self, requested_tokens: _Optional[int] = ..., hit_tokens: _Optional[int] = ..., stored_tokens: _Optional[int] = ..., tiers: _Optional[_Iterable[_Union[TierStats, _Mapping]]] = ..., sessions: _Optional[int] = ..., kv_caches: _Optional[int] = ..., pins: _Optional[int] = ..., mapped_bytes: _Optional[int] = ..., looked_up_tokens: _Optional[int] = ..., found_tokens: _Optional[int] = ..., models: _Optional[_Iterable[_Union[ModelStats, _Mapping]]] = ...) -> None: ...

class ModelStats(_message.Message):
    __slots__ = ("name", "lookups", "looked_up_tokens", "found_tokens", "retrieves", "requested_tokens", "hit_tokens", "stores", "stored_tokens", "declined_tokens")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOOKUPS_FIELD_NUMBER: _ClassVar[int]
    LOOKED_UP_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FOUND_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RETRIEVES_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    HIT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STORES_FIELD_NUMBER: _ClassVar[int]
    STORED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DECLINED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    name: str
    lookups: int
    looked_up_tokens: int
    found_tokens: int
    retrieves: int
    requested_tokens: int
    hit_tokens: int
    stores: int
    stored_tokens: int
    declined_tokens: int
    def __init__(self, name: _Optional[str] = ..., lookups: _Optional[int] = ..., looked_up_tokens: _Optional[int] = ..., found_tokens: _Optional[int] = ..., retrieves: _Optional[int] = ..., requested_tokens: _Optional[int] = ..., hit_tokens: _Optional[int] = ..., stores: _Optional[int] = ..., stored_tokens: _Optional[int] = ..., declined_tokens: _Optional[int] = ...) -> None: ...

class TierStats(_message.Message):
    __slots__ = ("name", "chunks", "bytes", "limit_bytes", "counters")
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    chunks: int
    bytes: int
    limit_bytes: int
    counters: _containers.ScalarMap[str, int]
    def __init__(self, name: _Optional[str] = ..., chunks: _Optional[int] = ..., bytes: _Optional[int] = ..., limit_bytes: _Optional[int] = ..., counters: _Optional[_Mapping[str, int]] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("state", "protocol_versions", "server_version", "server_pid", "uptime_seconds", "tiers", "troubles")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[HealthResponse.State]
        SERVING: _ClassVar[HealthResponse.State]
        DRAINING: _ClassVar[HealthResponse.State]
    STATE_UNSPECIFIED: HealthResponse.State
    SERVING: HealthResponse.State
    DRAINING: HealthResponse.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_PID_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    TROUBLES_FIELD_NUMBER: _ClassVar[int]
    state: HealthResponse.State
    protocol_versions: _containers.RepeatedScalarFieldContainer[int]
    server_version: str
    server_pid: int
    uptime_seconds: int
    tiers: _containers.RepeatedScalarFieldContainer[str]
    troubles: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, state: _Optional[_Union[HealthResponse.State, str]] = ..., protocol_versions: _Optional[_Iterable[int]] = ..., server_version: _Optional[str] = ..., server_pid: _Optional[int] = ..., uptime_seconds: _Optional[int] = ..., tiers: _Optional[_Iterable[str]] = ..., troubles: _Optional[_Iterable[str]] = ...) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StopResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
