"""What names the KV of a request: its tokens, and whatever else its KV depends on.

A multimodal prompt has the same placeholder tokens for every image. So the tokens of an image are replaced by the words
of a digest of it: the text before it is still shared with other prompts, everything from its first token on is not. A
chunk that ends a few tokens into an image would have too few of those words to tell images apart; such a prompt gets a
tag for all of its images instead, which costs it the sharing.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

# As LMCache names them in a request's kv_transfer_params.
_TAG_PREFIX = "lmcache.tag."
_SKIP_SAVE = "lmcache.skip_save"

# Token ids are below 2^31.
_WORD_MASK = 0x7FFF_FFFF
# Placeholder tokens that have to be in a chunk for images to be told apart: 217 bits.
_ENOUGH_WORDS = 7


@dataclass(frozen=True)
class Prompt:
    """The prompt of a request, as the server is told it."""

    tokens: bytes
    tags: dict[str, str]
    skip_save: bool

    def __len__(self) -> int:
        return len(self.tokens) // 4


def pack(numbers: Iterable[int]) -> bytes:
    """Token or block ids as the protocol wants them: little-endian, 32 bits each."""
    packed = array("I", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def read(request: Any, chunk_tokens: int) -> Prompt | None:
    """Reads a request of vLLM; None for one whose KV has no name: its prompt is, or has, embeddings of its own."""
    if request.prompt_token_ids is None or getattr(request, "prompt_embeds", None) is not None:
        return None
    parameters = getattr(request, "kv_transfer_params", None) or {}
    tags = {
        name.removeprefix(_TAG_PREFIX): str(value) for name, value in parameters.items() if name.startswith(_TAG_PREFIX)
    }
    if request.cache_salt:
        tags["vllm.salt"] = _digest(request.cache_salt).hex()
    if request.lora_request is not None:
        # The name alone may come to mean another adapter.
        tags["vllm.lora"] = _digest(request.lora_request.lora_name, request.lora_request.lora_path).hex()
    tokens = request.prompt_token_ids
    if features := getattr(request, "mm_features", None):
        tokens, tag = _name_images(tokens, features, chunk_tokens)
        tags |= tag
    return Prompt(pack(tokens), tags, _is_true(parameters, _SKIP_SAVE))


def _name_images(
    tokens: Sequence[int], features: Sequence[Any], chunk_tokens: int
) -> tuple[list[int], Mapping[str, str]]:
    named = list(tokens)
    too_short = False
    everything = []
    for feature in features:
        start, length = feature.mm_position.offset, feature.mm_position.length
        words = array("I", _digest(feature.identifier))
        named[start : start + length] = [word & _WORD_MASK for word in islice(cycle(words), length)]
        everything += [feature.identifier, str(start), str(length)]
        chunk_end = min(start - start % chunk_tokens + chunk_tokens, len(named))
        too_short |= min(length, chunk_end - start) < _ENOUGH_WORDS
    return named, {"vllm.images": _digest(*everything).hex()} if too_short else {}


def _digest(*texts: str) -> bytes:
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


def _is_true(parameters: Mapping[str, Any], name: str) -> bool:
    return str(parameters.get(name, False)).lower() in ("true", "1")
