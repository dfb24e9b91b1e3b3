"""A Llama-shaped model with random weights, whose KV lives in a paged cache."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from engine import Request
from paged_cache import Shape
from torch.nn.attention.bias import causal_lower_right
from torch_cache import TorchCache


@dataclass(frozen=True)
class Size:
    """The shape of a model; the defaults are those of Llama 3.1 8B."""

    layers: int = 32
    hidden: int = 4096
    heads: int = 32
    kv_heads: int = 8
    head_size: int = 128
    inner: int = 14336
    vocabulary: int = 128_256

    def cache(self, tokens: int) -> Shape:
        """A paged cache for that many tokens, as today's vLLM has it for FlashAttention."""
        return Shape("packed NHD", self.layers, self.kv_heads, self.head_size, blocks=-(-tokens // 16))


class Llama:
    """Computes KV and logits, as tests/engine.py asks for it; one rank."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        generator = torch.Generator(self._device).manual_seed(1)
        query, key = size.heads * size.head_size, size.kv_heads * size.head_size

        def weights(*shape: int) -> torch.Tensor:
            made = torch.empty(shape, dtype=torch.bfloat16, device=self._device)
            return made.normal_(std=shape[-1] ** -0.5, generator=generator)

        self._embedding = weights(size.vocabulary, size.hidden)
        self._head = weights(size.vocabulary, size.hidden)
        self._layers = [
            (
                weights(query + 2 * key, size.hidden),
                weights(size.hidden, query),
                weights(2 * size.inner, size.hidden),
                weights(size.hidden, size.inner),
            )
            for _ in range(size.layers)
        ]
        exponents = torch.arange(0, size.head_size, 2, device=self._device, dtype=torch.float32) / size.head_size
        self._frequencies = 500_000.0**-exponents
        # Of the last token that was computed.
        self.logits = torch.empty(0)

    def check(self, cache: TorchCache, request: Request, computed: int, rank: int) -> None:
        """Nothing: the logits tell."""

    def forget(self, cache: TorchCache, block_ids: list[int]) -> None:
        """Nothing, for the sake of the clock."""

    def sample(self, request: Request) -> int:
        """The next token."""
        return int(self.logits.argmax())

    @torch.inference_mode()
    def compute(self, cache: TorchCache, request: Request, first: int, end: int, rank: int) -> None:
        """One piece of a prefill, or of decoding: all that `end` tokens have before `first` is read from the cache."""
        tokens = torch.tensor(request.all_token_ids[first:end], device=self._device)
        blocks, slots = cache.slots(request.blocks, 0, end)
        angles = torch.arange(first, end, device=self._device)[:, None] * self._frequencies
        rotation = (angles.cos().to(torch.bfloat16)[:, None], angles.sin().to(torch.bfloat16)[:, None])
        state = self._embedding[tokens]
        for layer, weights in enumerate(self._layers):
            state = self._layer(state, weights, cache.values[layer], (blocks, slots), rotation)
        self.logits = functional.linear(_normal(state[-1]), self._head).float()

    def _layer(
        self,
        state: torch.Tensor,
        weights: tuple[torch.Tensor, ...],
        kv: torch.Tensor,
        places: tuple[torch.Tensor, torch.Tensor],
        rotation: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        attention_in, attention_out, inner_in, inner_out = weights
        size, tokens = self._size, len(state)
        projected = functional.linear(_normal(state), attention_in).view(tokens, -1, size.head_size)
        query, key, value = projected.split([size.heads, size.kv_heads, size.kv_heads], dim=1)
        blocks, slots = places
        kv[blocks[-tokens:], 0, slots[-tokens:]] = _rotate(key, rotation)
        kv[blocks[-tokens:], 1, slots[-tokens:]] = value
        attended = self._attend(_rotate(query, rotation), kv[blocks, 0, slots], kv[blocks, 1, slots])
        state = state + functional.linear(attended, attention_out)
        gate, up = functional.linear(_normal(state), inner_in).chunk(2, dim=-1)
        return state + functional.linear(functional.silu(gate) * up, inner_out)

    def _attend(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        groups = self._size.heads // self._size.kv_heads
        q = query.transpose(0, 1)[None]
        k, v = (heads.repeat_interleave(groups, dim=1).transpose(0, 1)[None] for heads in (keys, values))
        # The last query sees all keys; torch's own is_causal would align the first ones.
        mask = causal_lower_right(q.shape[2], k.shape[2])
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return attended[0].transpose(0, 1).reshape(len(query), -1)


def _normal(state: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(state, state.shape[-1:])


def _rotate(heads: torch.Tensor, rotation: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    cosine, sine = rotation
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
