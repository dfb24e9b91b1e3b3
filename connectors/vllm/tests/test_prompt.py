from __future__ import annotations

from pathlib import Path
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


def test_all_media_that_share_placeholders_count() -> None:
    video = image("video", 10, 100)
    first, second, alone = (
        read(Request([0] * 300, mm_features=features), 256)
        for features in ([video, image("voice", 40, 20)], [video, image("music", 40, 20)], [video])
    )
    assert first is not None
    assert second is not None
    assert alone is not None
    assert len({first.tokens, second.tokens, alone.tokens}) == 3
    other = read(Request([0] * 300, mm_features=[image("film", 10, 100), image("voice", 40, 20)]), 256)
    assert other is not None
    # From its first placeholder on, not from where the audio ends.
    assert all(other.tokens[4 * i : 4 * i + 4] != first.tokens[4 * i : 4 * i + 4] for i in range(10, 110))
    assert other.tokens[440:] == first.tokens[440:] == alone.tokens[440:]


def test_short_medium_within_a_long_one_is_told_by_a_tag() -> None:
    video = image("video", 10, 100)
    voice, music = (read(Request([0] * 300, mm_features=[video, image(who, 40, 2)]), 256) for who in ("voice", "music"))
    assert voice is not None
    assert music is not None
    assert voice.tags != music.tags


def test_names_that_this_process_counted_are_no_names() -> None:
    for name, modality in (("request-7-image-0", "image"), ("renderer0-mm-12-video_chunk-3", "video_chunk")):
        counted = SimpleNamespace(**vars(image(name, 10, 100)), modality=modality)
        assert read(Request([0] * 300, mm_features=[image("cat", 120, 100), counted]), 256) is None
    named = SimpleNamespace(**vars(image("my-image", 10, 100)), modality="image")
    assert read(Request([0] * 300, mm_features=[named]), 256) is not None


def test_request_that_must_not_read_a_cache() -> None:
    prompt = read(Request([1], skip_reading_prefix_cache=True), 256)
    assert prompt is not None
    assert prompt.skip_load
    assert not prompt.skip_save


def test_adapter_is_named_by_its_files(tmp_path: Path) -> None:
    request = Request([1], lora_request=SimpleNamespace(lora_name="a", lora_path=str(tmp_path)))
    assert read(request, 256) is None
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(b"one")
    first = read(request, 256)
    assert first == read(request, 256)
    weights.write_bytes(b"two of them")
    assert first != read(request, 256)


def test_adapter_of_the_hub_is_named_by_its_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    request = Request([1], lora_request=SimpleNamespace(lora_name="a", lora_path="someone/adapter"))
    assert read(request, 256) is None
    kept = tmp_path / "models--someone--adapter"
    names = set()
    for revision in ("111", "222"):
        (kept / "refs").mkdir(parents=True, exist_ok=True)
        (kept / "refs/main").write_text(revision)
        (kept / "snapshots" / revision).mkdir(parents=True)
        (kept / "snapshots" / revision / "adapter_model.safetensors").write_bytes(b"one")
        prompt = read(request, 256)
        assert prompt is not None
        names.add(prompt.tags["vllm.lora"])
    assert len(names) == 2


def test_embeddings_have_no_name() -> None:
    assert read(Request(None), 256) is None
    assert read(Request([1], prompt_embeds=object()), 256) is None
