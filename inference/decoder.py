"""Gemma 3's decoder, run by ourselves: the published weights, our own forward pass over our own cache.

Arithmetic follows `transformers`' Gemma3 (normalisation in float32, everything else in the model's format; on a processor what
lies between a token's products is float32 too), so greedy text in float32 is token for token the same. Ours reads and writes a
static cache, looks at a cancel flag before every layer, and joins the matrices that read the same input: seven products a layer
become four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference import few_rows
from inference.errors import look
from inference.fitting import ROWS
from inference.kv_cache import KVCache, KVShape


class Norm(nn.Module):
    """x / rms(x) · (1 + weight), in float32 whatever comes in."""

    gain: Tensor

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.eps = float(module.eps)
        self.register_buffer("gain", 1.0 + module.weight.detach().float())

    def forward(self, x: Tensor) -> Tensor:
        return torch.rms_norm(x.float(), self.gain.shape, self.gain, self.eps).to(x.dtype)


class Layer(nn.Module):
    """One of the decoder's. `window`: how many positions it looks back on, itself included; 0 for all."""

    gains: Tensor
    """Of the norms of queries and keys [heads + kv_heads, 1, width]."""

    def __init__(self, module: Any, ready: Mapping[str, nn.Module]) -> None:
        """`ready` are linears by their name here that are there already, quantised: their weights are not looked at."""
        super().__init__()
        attention, mlp = module.self_attn, module.mlp
        self.window = int(attention.sliding_window or 0)
        self.scale = float(attention.scaling)
        self.width = int(attention.head_dim)
        self.heads = attention.q_proj.out_features // self.width
        self.kv_heads = attention.k_proj.out_features // self.width
        self.before, self.after = Norm(module.input_layernorm), Norm(module.post_attention_layernorm)
        self.mlp_before, self.mlp_after = Norm(module.pre_feedforward_layernorm), Norm(module.post_feedforward_layernorm)
        each = (attention.q_norm, self.heads), (attention.k_norm, self.kv_heads)
        self.eps = float(attention.q_norm.eps)
        self.register_buffer("gains", torch.cat([(1.0 + norm.weight.detach().float()).expand(n, 1, -1) for norm, n in each]))
        self.qkv = ready.get("qkv") or _joined(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out = ready.get("out") or attention.o_proj
        self.gate_up = ready.get("gate_up") or _joined(mlp.gate_proj, mlp.up_proj)
        self.down = ready.get("down") or mlp.down_proj

    def project(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """[n, hidden] as queries [1, heads, n, width], keys and values [1, kv_heads, n, width], turned by their places."""
        heads = self.qkv(self.before(x)).view(len(x), -1, self.width).transpose(0, 1)  # queries, keys, values
        turning, values = heads.split_with_sizes([self.heads + self.kv_heads, self.kv_heads])
        even = torch.rms_norm(turning.float(), (self.width,), None, self.eps).mul_(self.gains).to(x.dtype)
        queries, keys = turned(even, turn).split_with_sizes([self.heads, self.kv_heads])
        return queries.unsqueeze(0), keys.unsqueeze(0), values.unsqueeze(0)

    def join(self, x: Tensor, seen: Tensor) -> Tensor:
        """What attention saw [1, heads, n, width] and the MLP, added to `x` [n, hidden]."""
        x = x + self.after(self.out(seen.transpose(1, 2).reshape(len(x), -1)))
        gate, up = self.gate_up(self.mlp_before(x)).chunk(2, -1)
        added: Tensor = self.mlp_after(self.down(functional.gelu(gate, approximate="tanh") * up))
        return x + added


class Decoder(nn.Module):
    """All layers, the embedding before and the head after them. Made once of a loaded model, whose own layers it takes over."""

    def __init__(self, model: Any, ready: Callable[[int], Mapping[str, nn.Module]] = lambda _: {}) -> None:
        """`ready` gives the linears of a layer that are there already, by its number."""
        super().__init__()
        stack = model.model.language_model if hasattr(model.model, "language_model") else model.model
        config = model.config.get_text_config()
        if config.final_logit_softcapping is not None or config.attn_logit_softcapping is not None:
            raise ValueError("its logits are capped, which Gemma 3 does not do")
        self.rows = ROWS
        """Places of a prompt that are read at once, at most, where no picture is longer: few enough that a cancel is soon seen,
        enough for the matrices."""
        self.embedding, self.head = stack.embed_tokens, model.lm_head
        self.fused_read: Callable[[Tensor, Tensor | None, KVCache, Event], Tensor] | None = None
        self.fused_step: Callable[[Tensor, Tensor, KVCache], Tensor] | None = None
        """`read`, and `fixed_step` with the head, by our own kernels, where `inference.cuda.checked` put them."""
        self.layers = nn.ModuleList()
        while len(stack.layers):  # one by one, so that no weight is held twice
            self.layers.append(Layer(stack.layers[0], ready(len(self.layers))))
            del stack.layers[0]
        self.norm = Norm(stack.norm)
        first = self._layer(0)
        self.shape = KVShape(tuple(one.window for one in self.each()), first.kv_heads, first.width)
        rotary = stack.rotary_emb
        self._pace = {
            bool(window): (getattr(rotary, f"{kind}_inv_freq").float(), float(getattr(rotary, f"{kind}_attention_scaling")))
            for window, kind in ((1, "sliding_attention"), (0, "full_attention"))
            if hasattr(rotary, f"{kind}_inv_freq")
        }

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device  # type: ignore[no-any-return]

    @property
    def dtype(self) -> torch.dtype:
        return self.embedding.weight.dtype  # type: ignore[no-any-return]

    def pace(self, windowed: bool) -> tuple[Tensor, float]:
        """How fast each pair of a head's numbers turns with the position, float32 [width / 2], and what its cosine and sine are
        multiplied by; for layers with a sliding window or those without."""
        return self._pace.get(windowed) or self._pace[not windowed]

    def cache(self, capacity: int) -> KVCache:
        return KVCache(self.shape, capacity, self.device, self.dtype)

    def embed(self, ids: Tensor) -> Tensor:
        """[n] ids as [n, hidden], scaled by √hidden."""
        found: Tensor = self.embedding(ids)
        return found

    def read(self, x: Tensor, blocks: Tensor | None, cache: KVCache, cancel: Event) -> Tensor:
        """Read [n, hidden] into the cache; the last place's output [hidden]. `blocks` [n] numbers the image each position belongs
        to, -1 for text, None where there is none: positions of one image see each other both ways. Raises Cancelled."""
        if self.fused_read is not None:
            return self.fused_read(x.clone(), blocks, cache, cancel)
        start, new = cache.length, len(x)
        turns = self.turns(torch.arange(start, start + new, device=x.device))
        masks = {window: mask_of(start, new, window, blocks, x.device) for window in {one.window for one in self.each()}}
        for number, layer in enumerate(self.each()):
            look(cancel)
            queries, keys, values = layer.project(x, turns[bool(layer.window)])
            keys, values = cache.extended(number, keys, values)
            x = layer.join(x, _attend(queries, keys, values, masks[layer.window], layer.scale))
        cache.advance(new)
        return self.norm(x[-1])  # type: ignore[no-any-return]

    def step(self, token: int, cache: KVCache, cancel: Event) -> Tensor:
        """Read one token; the output [hidden]."""
        return self.step_together([token], [cache], cancel)[0]

    def step_together(self, tokens: Sequence[int], caches: Sequence[KVCache], cancel: Event) -> Tensor:
        """Read one token of each of several texts, whose lengths may differ; the outputs [texts, hidden]. The linears see all of
        them at once, attention each text with its own cache."""
        if self.device.type == "cpu":
            return few_rows.step(self, tokens, caches, cancel)
        x = self.embed(torch.tensor(tokens, device=self.device))
        turns = self.turns(torch.tensor([cache.length for cache in caches], device=self.device))
        for number, layer in enumerate(self.each()):
            look(cancel)
            queries, keys, values = layer.project(x, turns[bool(layer.window)])
            seen = []
            for row, cache in enumerate(caches):
                query, key, value = (one.narrow(2, row, 1) for one in (queries, keys, values))
                seen.append(few_rows.attend_one(query, *cache.stepped(number, key, value), scale=layer.scale))
            x = layer.join(x, torch.cat(seen, 2))
        for cache in caches:
            cache.advance(1)
        return self.norm(x)  # type: ignore[no-any-return]

    def fixed_step(self, token: Tensor, position: Tensor, cache: KVCache, most: int) -> Tensor:
        """`step` for a token and a position that are tensors [1]; the same work whatever they hold, so that it can be recorded
        and replayed. `most`, at least position + 1, bounds what layers without a window look at. The cache's `length` stays."""
        x, turns = self.embed(token), self.turns(position)
        for number, layer in enumerate(self.each()):
            queries, keys, values = layer.project(x, turns[bool(layer.window)])
            keys, values, filled = cache.fixed(number, keys, values, position, most)
            x = layer.join(x, few_rows.attend_one(queries, keys, values, filled, scale=layer.scale))
        return self.norm(x[-1])  # type: ignore[no-any-return]

    def logits(self, output: Tensor) -> Tensor:
        """[hidden] as float32 [vocabulary]."""
        return self.logits_together(output[None])[0]

    def logits_together(self, outputs: Tensor) -> Tensor:
        """[texts, hidden] as float32 [texts, vocabulary]."""
        found: Tensor = self.head(outputs).float()
        return found

    def turns(self, positions: Tensor, dtype: torch.dtype | None = None) -> dict[bool, tuple[Tensor, Tensor]]:
        """Cosine and signed sine [n, width] that turn keys and queries at `positions`, by whether a layer has a window; in the
        decoder's format or another."""
        made = {}
        for windowed, (pace, scaling) in self._pace.items():
            angle = positions[:, None].float() * pace.to(positions.device)
            cos, sin = ((one * scaling).to(dtype or self.dtype) for one in (angle.cos(), angle.sin()))
            made[windowed] = torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)
        return made

    def each(self) -> Iterator[Layer]:
        """Its layers."""
        return iter(self.layers)  # type: ignore[arg-type]

    def _layer(self, number: int) -> Layer:
        return self.layers[number]  # type: ignore[return-value]


def turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position embedding (arXiv 2104.09864) of [heads, n, width], halves paired as Gemma does; the sine of the first half
    has its sign turned."""
    cos, sin = turn
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat([high, low], -1) * sin


def _attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    return functional.scaled_dot_product_attention(queries, keys, values, mask, scale=scale, enable_gqa=True)


def mask_of(start: int, new: int, window: int, blocks: Tensor | None, device: torch.device) -> Tensor | None:
    """[new, seen] bool: who of the `new` positions from `start` looks at whom; None where the only one looks at all there is."""
    first = start - min(start, window - 1) if window else 0
    own = torch.arange(start, start + new, device=device)[:, None]
    other = torch.arange(first, start + new, device=device)[None]
    if new == 1:
        return None
    sees = other <= own
    if blocks is not None:
        alike = (blocks[:, None] == blocks[None]) & (blocks[:, None] >= 0)
        sees[:, start - first :] |= alike
    return sees & (other > own - window) if window else sees


def _joined(*linears: nn.Linear) -> nn.Linear:
    """One linear whose output is theirs side by side."""
    made = nn.Linear(linears[0].in_features, sum(one.out_features for one in linears), linears[0].bias is not None, device="meta")
    made.weight = nn.Parameter(torch.cat([one.weight.detach() for one in linears]), requires_grad=False)
    if linears[0].bias is not None:
        made.bias = nn.Parameter(torch.cat([one.bias.detach() for one in linears]), requires_grad=False)
    return made
