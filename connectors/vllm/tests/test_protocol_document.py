"""docs/protocol.md, taken literally: its command makes the client's code, its example runs and prints what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from real_server import RealServer

_ROOT = Path(__file__).parents[3]
_TEXT = (_ROOT / "docs/protocol.md").read_text().partition("## An example")[2]


def block(language: str) -> str:
    """The first one in that language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"docs/protocol.md has no block of {language}"
    return found[1]


def test_the_example_runs_as_it_is_written(own_server: RealServer, tmp_path: Path) -> None:
    protoc = [line for line in block("sh").splitlines() if "grpc_tools.protoc" in line]
    assert len(protoc) == 1
    command = shlex.split(protoc[0])
    assert command[0] == "venv/bin/python"
    source = _ROOT / command[command.index("-I") + 1]
    command[command.index("-I") + 1] = str(source)
    subprocess.run([sys.executable, *command[1:]], check=True, cwd=tmp_path)
    (tmp_path / "example.py").write_text(block("python"))
    ran = subprocess.run(
        [sys.executable, "example.py", str(own_server.socket)],
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert f"\n```\n{ran.stdout}```\n" in _TEXT
