"""What the scheduler tells the workers to do in a step. Plain data: vLLM pickles it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Load:
    """Tokens `first` to `end` of a prompt, to be loaded into the blocks of a request."""

    request_id: str
    tokens: bytes
    tags: dict[str, str]
    block_ids: list[int]
    first: int
    end: int


@dataclass(frozen=True)
class Save:
    """The beginning of a prompt, to be saved out of the blocks of a request when the step's forward pass is done.

    Nobody waits for it: the blocks are kept from reuse until it is over.
    """

    request_id: str
    tokens: bytes
    tags: dict[str, str]
    block_ids: list[int]


@dataclass(frozen=True)
class Step:
    """All of one step."""

    loads: list[Load] = field(default_factory=list)
    saves: list[Save] = field(default_factory=list)
    # Requests that lost their blocks: before these are written again, saves under way have to be over.
    preempted: list[str] = field(default_factory=list)
    # Requests that are over and whose blocks are kept until their saves are, too.
    finished: list[str] = field(default_factory=list)
