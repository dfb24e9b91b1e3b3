"""The source of the newest released vLLM, of which the tests read a few files; it is neither built nor installed."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "target/vllm"

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
    """Python files of the archive."""

    def __init__(self) -> None:
        self._archive = tarfile.open(_fetch())  # noqa: SIM115
        self.version = self._archive.name.rsplit("vllm-", 1)[1].removesuffix(".tar.gz")

    def classes(self, path: str) -> dict[str, ast.ClassDef]:
        """The classes of a file, by name."""
        file = self._archive.extractfile(f"vllm-{self.version}/{path}")
        assert file is not None
        return {node.name: node for node in ast.parse(file.read()).body if isinstance(node, ast.ClassDef)}


def _fetch() -> Path:
    backend = _FOLDER / "backend/setuptools"
    backend.mkdir(parents=True, exist_ok=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(textwrap.dedent(_BUILD_BACKEND))
    command = "pip download -q --no-deps --no-binary :all: --no-build-isolation --ignore-requires-python vllm"
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "--dest", str(_FOLDER)],
        env=os.environ | {"PYTHONPATH": str(backend.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    archives = list(_FOLDER.glob("vllm-*.tar.gz"))
    if not archives:
        raise Unreachable((done.stderr.strip() or "pip saved nothing").splitlines()[-1])
    return max(archives, key=lambda archive: [int(number) for number in re.findall(r"\d+", archive.name)])
