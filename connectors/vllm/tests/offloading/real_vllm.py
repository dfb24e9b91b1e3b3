"""Makes vLLM's offloading importable from its source alone: without torch, without a GPU, without the rest of vLLM.

Its modules are read as they are. Whatever else they import is made up: any name of it is a class that does nothing.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Read from the source; a name that ends in a dot stands for all below it.
_REAL = (
    "vllm.distributed.kv_transfer.kv_connector.v1",
    "vllm.distributed.kv_transfer.kv_connector.v1.base",
    "vllm.distributed.kv_transfer.kv_connector.v1.metrics",
    "vllm.distributed.kv_transfer.kv_connector.v1.offloading.",
    "vllm.distributed.kv_transfer.kv_connector.v1.offloading_connector",
    "vllm.v1.kv_offload.",
    "vllm.v1.metrics.cache_hit_source",
)
_MADE_UP = ("vllm", "torch", "prometheus_client")


class _Anything(type):
    """A class that is also any function, any constant and any generic type."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return made_up(name)

    def __getitem__(cls, _: Any) -> Any:
        return cls

    def __or__(cls, _: Any) -> Any:
        return cls

    def __ror__(cls, _: Any) -> Any:
        return cls


def made_up(name: str) -> Any:
    return _Anything(name, (), {"__init__": lambda *_, **__: None})


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = made_up(name)
        setattr(self, name, value)
        return value


class Tensor:
    """As much of a tensor as the shared region needs, on numpy."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def view(self, *shape: int) -> Tensor:
        return Tensor(self._array.reshape(shape))

    def numpy(self) -> np.ndarray:
        return self._array

    def data_ptr(self) -> int:
        return int(self._array.ctypes.data)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        # vLLM does without its C extension of that name, where there is none.
        if name.split(".")[0] not in _MADE_UP or name == "vllm.fs_io_C":
            return None
        file = self._folder / name.replace(".", "/")
        if any(name == real or (real.endswith(".") and f"{name}.".startswith(real)) for real in _REAL):
            if (file / "__init__.py").exists():
                return importlib.util.spec_from_file_location(
                    name, file / "__init__.py", submodule_search_locations=[str(file)]
                )
            return importlib.util.spec_from_file_location(name, file.with_suffix(".py"))
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__ == "vllm":
            module.__version__ = self._folder.name
        if module.__name__ == "vllm.logger":
            module.init_logger = logging.getLogger
        if module.__name__ == "vllm.utils.math_utils":
            module.cdiv = lambda a, b: -(-a // b)
            module.round_up = lambda a, b: -(-a // b) * b
        if module.__name__ == "vllm.distributed.device_communicators.shm_broadcast":
            module.check_shm_free_space = lambda *_, **__: None
        if module.__name__ == "vllm.distributed.kv_events":
            module.MEDIUM_CPU, module.MEDIUM_FS = "CPU", "FS"
        if module.__name__ == "torch":
            module.frombuffer = lambda buffer, **_: Tensor(np.frombuffer(buffer, dtype=np.int8))


def install(folder: Path) -> None:
    """Imports of vLLM come from this source from here on."""
    sys.meta_path.insert(0, _Finder(folder))
