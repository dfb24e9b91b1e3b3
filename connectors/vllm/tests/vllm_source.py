"""The source of released vLLMs, of which the tests read some files; none is built or installed."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
import time
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "target/vllm"
# What is kept of an archive of 40 MB.
_KEPT = (
    "vllm/config/",
    "vllm/distributed/kv_events.py",
    "vllm/distributed/kv_transfer/",
    "vllm/v1/core/",
    "vllm/v1/kv_cache_interface.py",
    "vllm/v1/kv_offload/",
    "vllm/v1/metrics/cache_hit_source.py",
    "vllm/v1/outputs.py",
    "vllm/v1/request.py",
    "vllm/v1/simple_kv_offload/",
    "vllm/v1/worker/gpu_model_runner.py",
    "vllm/v1/worker/kv_connector_model_runner_mixin.py",
)
# How long the newest version is taken for the newest.
_DAY = 86_400

# The versions that the connector is checked against, besides the newest.
VERSIONS = ("0.18.1", "0.20.2", "0.23.0", "0.26.0", "0.30.0")
NEWEST = "newest"

# pip asks a source package's build backend for its metadata before it keeps the archive. vLLM's would want torch and a
# compiler; this one stands in for it and says what the archive says of itself.
_BUILD_BACKEND = """
    import os

    def get_requires_for_build_wheel(config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
        with open("PKG-INFO", encoding="utf-8") as info:
            header = info.read().split("\\n\\n")[0].splitlines()
        fields = dict(line.rstrip().split(": ", 1) for line in header if ": " in line)
        folder = f"{fields['Name']}-{fields['Version']}.dist-info"
        os.makedirs(os.path.join(metadata_directory, folder))
        with open(os.path.join(metadata_directory, folder, "METADATA"), "w", encoding="utf-8") as metadata:
            metadata.write(f"Metadata-Version: 2.1\\nName: {fields['Name']}\\nVersion: {fields['Version']}\\n")
        return folder
"""


class Unreachable(Exception):
    """The registry was not reached, and no earlier download is there."""


class Source:
    """Python files of a version."""

    def __init__(self, version: str) -> None:
        self.folder = _newest() if version == NEWEST else _kept(version)
        self.version = self.folder.name

    def number(self) -> tuple[int, ...]:
        return _number(self.version)

    def has(self, path: str) -> bool:
        return (self.folder / path).exists()

    def text(self, path: str) -> str:
        return (self.folder / path).read_text()

    def classes(self, path: str) -> dict[str, ast.ClassDef]:
        """The classes of a file, by name."""
        return {node.name: node for node in ast.parse(self.text(path)).body if isinstance(node, ast.ClassDef)}


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _newest() -> Path:
    stamp = _FOLDER / "newest"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < _DAY:
        return _kept(stamp.read_text())
    try:
        folder = _fetch("vllm")
    except Unreachable:
        kept = sorted((path for path in _FOLDER.glob("[0-9]*") if path.is_dir()), key=lambda path: _number(path.name))
        if not kept:
            raise
        return kept[-1]
    stamp.write_text(folder.name)
    return folder


def _kept(version: str) -> Path:
    folder = _FOLDER / version
    return folder if folder.is_dir() else _fetch(f"vllm=={version}")


def _fetch(package: str) -> Path:
    backend = _FOLDER / "backend/setuptools"
    backend.mkdir(parents=True, exist_ok=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(textwrap.dedent(_BUILD_BACKEND))
    archives = _FOLDER / "archives"
    command = "pip download -q --no-deps --no-binary :all: --no-build-isolation --ignore-requires-python --no-cache-dir"
    try:
        done = subprocess.run(
            [sys.executable, "-m", *command.split(), package, "--dest", str(archives)],
            env=os.environ | {"PYTHONPATH": str(backend.parent)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unreachable("the download took more than two minutes") from None
    found = list(archives.glob("vllm-*.tar.gz")) if archives.is_dir() else []
    if not found:
        raise Unreachable((done.stderr.strip() or "pip saved nothing").splitlines()[-1])
    try:
        return _keep(found[0])
    finally:
        shutil.rmtree(archives)


def _keep(archive: Path) -> Path:
    version = archive.name.removeprefix("vllm-").removesuffix(".tar.gz")
    unpacked, folder = _FOLDER / f".{version}", _FOLDER / version
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as files:
        for member in files:
            path = member.name.partition("/")[2]
            if path.endswith(".py") and path.startswith(_KEPT):
                member.name = path
                files.extract(member, unpacked, filter="data")
    # Whole or not there at all, however this ends.
    if not folder.is_dir():
        unpacked.rename(folder)
    return folder
