"""docs/vllm.md says what the code does."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

from lmcache_jvm.metrics import COUNTERS
from lmcache_jvm.settings import Settings

_TEXT = (Path(__file__).parents[3] / "docs/vllm.md").read_text()


def table(heading: str) -> dict[str, str]:
    """The first two columns of the table below a heading; names in code style."""
    rows = _TEXT.split(f"| {heading} |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {name.strip("`"): value for name, value, *_ in cells}


def default(value: object) -> str:
    """As the table prints it."""
    if value is MISSING:
        return "the server's default"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "none" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def test_every_setting_is_listed_with_its_default() -> None:
    assert table("setting") == {field.name: default(field.default) for field in fields(Settings)}


def test_every_counter_is_listed() -> None:
    assert table("counter `vllm:lmcache_jvm_...`") == COUNTERS
