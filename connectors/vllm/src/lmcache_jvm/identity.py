"""What makes the KV of one engine the KV of another: the model that vLLM resolved, in one digest.

Every setting of the model counts unless it is known to leave KV as it is. So a setting that a future vLLM adds costs a
miss at first, and never gives wrong KV. Models and adapters are told apart by their files, not by where those lie.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Fields of vLLM's ModelConfig that leave KV as it is, or whose effect is in what counts: in hf_config, which has the
# overrides applied, or in the fingerprint of the weights.
_WITHOUT_EFFECT = frozenset(
    {
        "allow_deprecated_quantization",
        "allowed_local_media_path",
        "allowed_media_domains",
        "architecture",
        "attention_chunk_size",
        "code_revision",
        "config_format",
        "disable_cascade_attn",
        "enable_prompt_embeds",
        "enable_return_routed_experts",
        "enable_sleep_mode",
        "encoder_config",
        "enforce_eager",
        "generation_config",
        "hf_config_path",
        "hf_image_processor_config",
        "hf_overrides",
        "hf_token",
        "interleave_mm_strings",
        "io_processor_plugin",
        "logits_processor_pattern",
        "logits_processors",
        "logprobs_mode",
        "max_logprobs",
        "max_model_len",
        "max_seq_len_to_capture",
        "mm_processor_cache_gb",
        "model",
        "model_weights",
        "multimodal_config",
        "original_max_model_len",
        "override_generation_config",
        "override_pooler_config",
        "pooler_config",
        "renderer_num_workers",
        "revision",
        "runner",
        "seed",
        "served_model_name",
        "skip_tokenizer_init",
        "spec_target_max_model_len",
        "task",
        "tokenizer",
        "tokenizer_mode",
        "tokenizer_revision",
        "trust_remote_code",
        "use_async_output_proc",
    }
)
# What a model's own configuration says of where it came from.
_ORIGIN = frozenset({"_name_or_path", "_commit_hash", "transformers_version"})
# What media are made into that have names of their user's, which do not depend on it.
_MEDIA = ("media_io_kwargs", "mm_processor_kwargs", "video_pruning_rate")
# Kinds of rope whose frequencies do not depend on the longest prompt that the engine takes.
_FIXED_ROPE = frozenset({"default", "linear", "llama3", "yarn", "mrope", "proportional"})
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
_ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "adapter_model.pt")
_DEPTH = 16


class WrongForACache(ValueError):
    """A model whose KV cannot be cached by its prompt's prefixes. The message says why."""


def tags(vllm_config: Any) -> dict[str, str]:
    """The tags of a rank's KV."""
    cache, model = vllm_config.cache_config, vllm_config.model_config
    parallel = vllm_config.parallel_config
    parts = {
        "model": _model(model, getattr(vllm_config, "load_config", None)),
        "draft": _draft(getattr(vllm_config, "speculative_config", None)),
        "cache": {
            "dtype": _cache_dtype(cache.cache_dtype, getattr(model, "dtype", None)),
            "unquantised_layers": getattr(cache, "kv_cache_dtype_skip_layers", None),
            "fast_prefill": getattr(cache, "kv_sharing_fast_prefill", False),
        },
        "parallel": [getattr(parallel, f"{kind}_parallel_size", 1) for kind in ("tensor", "pipeline")],
    }
    found = {"vllm.model": digest(parts)}
    if getattr(cache, "calculate_kv_scales", False):
        # The scales are those of the first prompt that this engine saw; no other engine can read its KV.
        found["vllm.engine"] = str(vllm_config.kv_transfer_config.engine_id)
    return found


def refuse_later_tokens(model: Any) -> None:
    """Refuses a model whose KV depends on tokens that come later, which no prefix names."""
    config = getattr(model, "hf_text_config", None) or getattr(model, "hf_config", None)
    reason = (
        "its attention is bidirectional over media (prefix-LM)"
        if getattr(model, "is_mm_prefix_lm", False)
        else "its attention is not causal"
        if getattr(config, "is_causal", True) is False
        or getattr(config, "use_bidirectional_attention", None)
        or getattr(model, "attn_type", "decoder") in ("encoder", "encoder_only", "encoder_decoder")
        else None
    )
    if reason is not None:
        raise WrongForACache(
            f"the KV of {model.model} depends on later tokens: {reason}; start vLLM without this cache"
        )


def adapter(lora_request: Any) -> str | None:
    """What an adapter is, by its files; None when that cannot be told, and its KV has no name."""
    path = _local(str(lora_request.lora_path), "main")
    # An adapter is a few files of known names: this is on the way of each request.
    files = [] if path is None else _stamps(path / name for name in _ADAPTER)
    return digest([lora_request.lora_name, files]) if files else None


def digest(content: Any) -> str:
    """A digest of any configuration, whatever the order of its mappings."""
    text = json.dumps(_canonical(content, _DEPTH), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _model(model: Any, load: Any) -> dict[str, Any]:
    settings = {name: value for name, value in _fields(model).items() if name not in _WITHOUT_EFFECT}
    media = getattr(model, "multimodal_config", None)
    return {
        "settings": settings,
        "weights": _weights(model),
        "dummy": str(getattr(load, "load_format", "")) == "dummy",
        "longest": model.max_model_len if _rope_depends_on_longest(getattr(model, "hf_config", None)) else None,
        "media": None if media is None else {name: getattr(media, name, None) for name in _MEDIA},
    }


def _draft(speculative: Any) -> Any:
    """A draft model's layers lie in the same cache."""
    if speculative is None:
        return None
    draft = getattr(speculative, "draft_model_config", None)
    return [getattr(speculative, "method", None), None if draft is None else _model(draft, None)]


def _weights(model: Any) -> Any:
    name = str(getattr(model, "model_weights", None) or model.model)
    path = Path(name)
    if path.is_dir():
        return _stamps(file for file in sorted(path.iterdir()) if file.suffix in _WEIGHTS)
    if path.is_file():
        return _stamps([path])
    commit = getattr(getattr(model, "hf_config", None), "_commit_hash", None)
    revision = getattr(model, "revision", None)
    kept = None if commit else _local(name, revision or "main")
    return commit or (kept.name if kept else revision)


def _local(name: str, revision: str) -> Path | None:
    """The folder of a model's files: itself, or where the hub's client keeps it."""
    if Path(name).is_dir():
        return Path(name)
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache/huggingface")
    kept = Path(os.environ.get("HF_HUB_CACHE") or home / "hub") / f"models--{name.replace('/', '--')}"
    try:
        return kept / "snapshots" / (kept / "refs" / revision).read_text().strip()
    except OSError:
        return None


def _stamps(files: Iterable[Path]) -> list[tuple[str, int, int, int]]:
    """Name, size, time and identity of those files that are there."""
    found = []
    for file in files:
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        found.append((file.name, status.st_size, status.st_mtime_ns, status.st_ino))
    return found


def _rope_depends_on_longest(config: Any) -> bool:
    """Longrope, for one, has two sets of frequencies and takes the one for the longest prompt allowed."""
    kinds = set(_rope_kinds(_canonical(config, _DEPTH)))
    return not kinds <= _FIXED_ROPE


def _rope_kinds(config: Any) -> Iterable[str]:
    """The kinds of rope in a model's configuration, which may have one for each part or kind of layer."""
    if isinstance(config, list):
        for part in config:
            yield from _rope_kinds(part)
    if isinstance(config, dict):
        for name, part in config.items():
            if name in ("rope_scaling", "rope_parameters"):
                yield from _kinds(part)
            else:
                yield from _rope_kinds(part)


def _kinds(rope: Any) -> Iterable[str]:
    if isinstance(rope, dict):
        for name, part in rope.items():
            if name in ("rope_type", "type"):
                yield str(part)
            yield from _kinds(part)


def _cache_dtype(given: str, model_dtype: Any) -> str:
    if given == "auto":
        return str(model_dtype).removeprefix("torch.")
    return "fp8_e4m3" if given == "fp8" else given


def _fields(config: Any) -> Mapping[str, Any]:
    names = getattr(config, "__dataclass_fields__", None)
    if names is not None:
        return {name: getattr(config, name, None) for name in names}
    return {name: value for name, value in vars(config).items() if not name.startswith("_")}


def _canonical(value: Any, depth: int) -> Any:
    """JSON of it, the same in every process."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, enum.Enum):
        return str(value.value)
    if depth == 0:
        return type(value).__qualname__
    if isinstance(value, Mapping):
        return {str(name): _canonical(part, depth - 1) for name, part in value.items() if name not in _ORIGIN}
    if isinstance(value, (list, tuple)):
        return [_canonical(part, depth - 1) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted(json.dumps(_canonical(part, depth - 1), sort_keys=True) for part in value)
    if hasattr(value, "to_dict"):
        return _canonical(value.to_dict(), depth - 1)
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    if hasattr(value, "__dict__"):
        return [type(value).__qualname__, _canonical(dict(_fields(value)), depth - 1)]
    # Such as torch.bfloat16 or a path.
    return str(value)
