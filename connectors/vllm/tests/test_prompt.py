from __future__ import annotations

from types import SimpleNamespace

import pytest
from engine import Request

from lmcache_jvm.prompt import pack, read


def image(identifier: str, offset: int, length: int) -> SimpleNamespace:
    return SimpleNamespace(identifier=identifier, mm_position=SimpleNamespace(offset=offset, length=length))


def test_numbers_are_packed_little_endian() -> None:
    assert pack([1, 0x7FFF_FFFF]) == b"\x01\0\0\0\xff\xff\xff\x7f"


def test_plain_prompt_has_no_tags() -> None:
    prompt = read(Request([1, 2, 3]), 256)
    assert prompt is not None
    assert (prompt.tokens, prompt.tags, prompt.skip_save) == (pack([1, 2, 3]), {}, False)


def test_secrets_are_not_handed_on() -> None:
    prompt = read(Request([1], cache_salt="secret"), 256)
    assert prompt is not None
    assert "secret" not in prompt.tags["vllm.salt"]


def test_text_around_an_image_stays_and_its_tokens_do_not() -> None:
    tokens = list(range(300))
    prompt = read(Request(tokens, mm_features=[image("cat", 100, 50)]), 256)
    assert prompt is not None
    assert prompt.tokens[:400] == pack(tokens[:100])
    assert prompt.tokens[600:] == pack(tokens[150:])
    words = [int.from_bytes(prompt.tokens[4 * i : 4 * i + 4], "little") for i in range(100, 150)]
    assert max(words) < 1 << 31
    assert len(set(words)) == 8
    assert prompt.tags == {}


# The last one ends with the prompt, the third begins six tokens before a chunk ends.
@pytest.mark.parametrize("offset, length", [(10, 1), (10, 6), (250, 40), (295, 5)])
def test_images_of_which_a_chunk_has_little_get_a_tag(offset: int, length: int) -> None:
    cat, dog = (read(Request([0] * 300, mm_features=[image(who, offset, length)]), 256) for who in ("cat", "dog"))
    assert cat is not None
    assert dog is not None
    assert cat.tags["vllm.images"] != dog.tags["vllm.images"]


def test_embeddings_have_no_name() -> None:
    assert read(Request(None), 256) is None
    assert read(Request([1], prompt_embeds=object()), 256) is None
