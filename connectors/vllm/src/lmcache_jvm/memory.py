"""Where an engine's memory lies, in words that another process understands."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

from lmcache_jvm import lmcache_pb2 as pb

_SHARED = "/dev/shm/"


class NotShareable(Exception):
    """Memory that no other process can map. The message says why and what to do."""


@dataclass(frozen=True)
class Place:
    """An allocation that can be mapped, and where in this process it begins."""

    region: pb.Region
    base: int
    size: int

    def holds(self, pointer: int) -> bool:
        """Whether the pointer points into it."""
        return self.base <= pointer < self.base + self.size


def locate(pointer: int, device_type: str) -> Place:
    """The allocation that a tensor's data pointer points into."""
    return _locate_cuda(pointer) if device_type == "cuda" else _locate_shared(pointer)


def _locate_shared(pointer: int) -> Place:
    for line in Path("/proc/self/maps").read_text().splitlines():
        # start-end permissions offset device inode path; a path may hold spaces.
        addresses, permissions, offset, _, inode, *path = line.split(None, 5)
        start, end = (int(address, 16) for address in addresses.split("-"))
        if start <= pointer < end:
            name = path[0] if path else ""
            if permissions[3] != "s" or not name.startswith(_SHARED) or name.endswith(" (deleted)"):
                break
            size = Path(name).stat().st_size
            shared = pb.SharedMemory(name=name.removeprefix(_SHARED), size=size, inode=int(inode))
            return Place(pb.Region(shared_memory=shared), start - int(offset, 16), size)
    raise NotShareable(
        "the KV cache is neither in GPU memory nor in named POSIX shared memory, so the cache server cannot map it"
    )


def _locate_cuda(pointer: int) -> Place:
    base, size = ctypes.c_uint64(), ctypes.c_size_t()
    _cuda("cuMemGetAddressRange_v2", ctypes.byref(base), ctypes.byref(size), ctypes.c_uint64(pointer))
    handle = (ctypes.c_ubyte * 64)()
    _cuda("cuIpcGetMemHandle", handle, base)
    device = ctypes.c_int()
    _cuda("cuCtxGetDevice", ctypes.byref(device))
    uuid = (ctypes.c_ubyte * 16)()
    _cuda("cuDeviceGetUuid", uuid, device)
    exported = pb.CudaIpc(handle=bytes(handle), size=size.value, device_uuid=bytes(uuid))
    return Place(pb.Region(cuda_ipc=exported), base.value, size.value)


def _cuda(function: str, *arguments: object) -> None:
    status = getattr(ctypes.CDLL("libcuda.so.1"), function)(*arguments)
    if status != 0:
        raise NotShareable(
            f"the GPU memory of the KV cache cannot be exported ({function}: CUDA error {status}); "
            "expandable segments (PYTORCH_CUDA_ALLOC_CONF) and sleep mode allocate memory that CUDA IPC does not know"
        )


class Events:
    """Events of the GPU that the cache server's streams wait for. Used in turn; for one thread."""

    def __init__(self, count: int = 16) -> None:
        import torch

        self._events = [torch.cuda.Event(enable_timing=False, interprocess=True) for _ in range(count)]
        self._last = 0
        # What the server opens them by, in their order.
        self.handles = [bytes(event.ipc_handle()) for event in self._events]

    def record(self) -> int:
        """Marks the end of what the current stream has been given so far; the number of the event, from 1."""
        self._last = self._last % len(self._events) + 1
        self._events[self._last - 1].record()
        return self._last
