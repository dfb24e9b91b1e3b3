"""How GPU memory is exported, by a libcuda that stands in for the real one."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from lmcache_jvm.memory import NotShareable, locate

_BASE, _SIZE = 0x7F00_0001_0000, 0x20000


@pytest.fixture(autouse=True)
def cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    library = tmp_path / "libcuda.so"
    source = Path(__file__).with_name("cuda_standin.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    load = ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name: load(str(library) if name == "libcuda.so.1" else name))


def test_allocation_is_exported_whole_with_its_device() -> None:
    place = locate(_BASE + 512, "cuda")
    exported = place.region.cuda_ipc
    assert (place.base, place.size, exported.size) == (_BASE, _SIZE, _SIZE)
    assert exported.handle == b"\xab" * 64
    assert exported.device_uuid == b"\x03" * 16
    assert place.holds(_BASE + _SIZE - 1)
    assert not place.holds(_BASE + _SIZE)


def test_memory_that_cuda_does_not_export_is_refused() -> None:
    with pytest.raises(NotShareable, match=r"cuMemGetAddressRange_v2: CUDA error 1.*expandable segments"):
        locate(_BASE + _SIZE, "cuda")
