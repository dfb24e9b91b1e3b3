"""What names the KV of a request: its tokens, and whatever else its KV depends on.

A multimodal prompt has the same placeholder tokens for every image. So the tokens of an image are replaced by the words
of a digest of it: the text before it is still shared with other prompts, everything from its first token on is not. A
chunk that ends a few tokens into an image would have too few of those words to tell images apart; such a prompt gets a
tag for all of its images instead, which costs it the sharing.
"""

from __future__ import annotations

import hashlib
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from typing import Any

from lmcache_jvm import identity

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
    skip_load: bool = False

    def __len__(self) -> int:
        return len(self.tokens) // 4


def pack(numbers: Iterable[int]) -> bytes:
    """Token or block ids as the protocol wants them: little-endian, 32 bits each."""
    packed = array("I", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def read(request: Any, chunk_tokens: int) -> Prompt | None:
    """Reads a request of vLLM; None for one whose KV has no name: of embeddings that came with it, of media whose names
    mean something in this process alone, of an adapter whose files are not there.
    """
    tags = _tags(request)
    if tags is None:
        return None
    tokens = request.prompt_token_ids
    if features := getattr(request, "mm_features", None):
        tokens, tag = _name_images(tokens, features, chunk_tokens)
        tags |= tag
    # vLLM up to 0.30 leaves it to the connector: the logprobs of a prompt, say, need all of it computed.
    skip_load = getattr(request, "skip_reading_prefix_cache", False) is True
    return Prompt(pack(tokens), tags, skips_save(request), skip_load)


def beyond_blocks(request: Any) -> bytes | None:
    """What the hashes that vLLM gives blocks do not say of a request's KV: tags, the files of an adapter, media that
    share placeholders; empty for most requests, None for one whose KV has no name.
    """
    tags = _tags(request)
    if tags is None:
        return None
    features = getattr(request, "mm_features", None) or ()
    spans = sorted((feature.mm_position.offset, feature.mm_position.length) for feature in features)
    if any(start + length > following for (start, length), (following, _) in pairwise(spans)):
        tags["vllm.images"] = _all_media(features)
    return _digest(*(part for tag in sorted(tags.items()) for part in tag)) if tags else b""


def block_name(key: bytes, beyond: bytes) -> bytes:
    """The name of a block: vLLM's hash and the number of its group, and what that hash does not say."""
    return hashlib.sha256(key + beyond).digest() + key[-4:] if beyond else bytes(key)


def skips_save(request: Any) -> bool:
    """Whether the request wants to leave nothing behind."""
    return _is_true(getattr(request, "kv_transfer_params", None) or {}, _SKIP_SAVE)


def _tags(request: Any) -> dict[str, str] | None:
    """What a request's KV depends on besides its tokens and media; None when it has no name."""
    if request.prompt_token_ids is None or getattr(request, "prompt_embeds", None) is not None:
        return None
    if any(_is_counted(feature) for feature in getattr(request, "mm_features", None) or ()):
        return None
    parameters = getattr(request, "kv_transfer_params", None) or {}
    tags = {
        name.removeprefix(_TAG_PREFIX): str(value) for name, value in parameters.items() if name.startswith(_TAG_PREFIX)
    }
    if request.cache_salt:
        tags["vllm.salt"] = _digest(request.cache_salt).hex()
    if request.lora_request is not None:
        adapter = identity.adapter(request.lora_request)
        if adapter is None:
            return None
        tags["vllm.lora"] = adapter
    return tags


def _is_counted(feature: Any) -> bool:
    """Whether the name of a medium is a count of this process, not a digest of what it is. vLLM makes such names,
    `REQUEST-image-0`, where nothing else would need the digest: without prefix caching and without a processor cache.
    """
    modality = re.escape(str(getattr(feature, "modality", "")))
    return re.search(f"-{modality}-\\d+$", feature.identifier) is not None


def _name_images(
    tokens: Sequence[int], features: Sequence[Any], chunk_tokens: int
) -> tuple[list[int], Mapping[str, str]]:
    named = list(tokens)
    too_short = False
    for start, end, media in _segments(features):
        words = array("I", _digest(*media))
        named[start:end] = [word & _WORD_MASK for word in islice(cycle(words), end - start)]
        chunk_end = min(start - start % chunk_tokens + chunk_tokens, len(named))
        too_short |= min(end, chunk_end) - start < _ENOUGH_WORDS
    if not too_short:
        return named, {}
    return named, {"vllm.images": _all_media(features)}


def _all_media(features: Sequence[Any]) -> str:
    return _digest(
        *(
            part
            for feature in features
            for part in (feature.identifier, str(feature.mm_position.offset), str(feature.mm_position.length))
        )
    ).hex()


def _segments(features: Sequence[Any]) -> Iterator[tuple[int, int, list[str]]]:
    """The placeholders, cut where media begin and end, with all media that cover them: audio may lie in a video."""
    spans = [
        (feature.mm_position.offset, feature.mm_position.offset + feature.mm_position.length, feature.identifier)
        for feature in features
    ]
    cuts = sorted({cut for start, end, _ in spans for cut in (start, end)})
    for start, end in pairwise(cuts):
        media = sorted(name for first, last, name in spans if first <= start and end <= last)
        if media:
            yield start, end, media


def _digest(*texts: str) -> bytes:
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


def _is_true(parameters: Mapping[str, Any], name: str) -> bool:
    return str(parameters.get(name, False)).lower() in ("true", "1")
