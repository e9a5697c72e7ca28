"""Small networks in the layouts of Hugging Face's Dinov2Model, and what they compute."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

WIDTH, DEPTH, HEADS, PATCH, SIDE = 64, 2, 4, 14, 28


def huggingface(*, registers: int = 0, gated: bool = False, seed: int = 0) -> dict[str, Tensor]:
    """Return random tensors under the names of ``Dinov2Model``."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.2

    hidden = (int(4 * WIDTH * 2 / 3) + 7) // 8 * 8 if gated else 4 * WIDTH
    state = {
        "embeddings.cls_token": random(1, 1, WIDTH),
        "embeddings.mask_token": random(1, WIDTH),
        "embeddings.position_embeddings": random(1, 1 + (SIDE // PATCH) ** 2, WIDTH),
        "embeddings.patch_embeddings.projection.weight": random(WIDTH, 3, PATCH, PATCH),
        "embeddings.patch_embeddings.projection.bias": random(WIDTH),
        "layernorm.weight": 1 + random(WIDTH),
        "layernorm.bias": random(WIDTH),
    }
    if registers:
        state["embeddings.register_tokens"] = random(1, registers, WIDTH)
    linear = {
        "attention.attention.query": (WIDTH, WIDTH),
        "attention.attention.key": (WIDTH, WIDTH),
        "attention.attention.value": (WIDTH, WIDTH),
        "attention.output.dense": (WIDTH, WIDTH),
    }
    if gated:
        linear |= {"mlp.weights_in": (2 * hidden, WIDTH), "mlp.weights_out": (WIDTH, hidden)}
    else:
        linear |= {"mlp.fc1": (hidden, WIDTH), "mlp.fc2": (WIDTH, hidden)}
    for layer in range(DEPTH):
        start = f"encoder.layer.{layer}."
        for name, shape in linear.items():
            state[f"{start}{name}.weight"] = random(*shape)
            state[f"{start}{name}.bias"] = random(shape[0])
        for norm in ("norm1", "norm2"):
            state[f"{start}{norm}.weight"] = 1 + random(WIDTH)
            state[f"{start}{norm}.bias"] = random(WIDTH)
        for scale in ("layer_scale1", "layer_scale2"):
            state[f"{start}{scale}.lambda1"] = random(WIDTH)
    return state


def forward(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """Return the last hidden state (B, 1 + registers + patches, d), written from the names."""
    x = F.conv2d(
        x,
        w["embeddings.patch_embeddings.projection.weight"],
        w["embeddings.patch_embeddings.projection.bias"],
        stride=PATCH,
    )
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([w["embeddings.cls_token"].expand(len(x), -1, -1), x], dim=1)
    x = x + w["embeddings.position_embeddings"]
    if "embeddings.register_tokens" in w:
        registers = w["embeddings.register_tokens"].expand(len(x), -1, -1)
        x = torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)

    def normed(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (WIDTH,), w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-6)

    for layer in range(DEPTH):
        start = f"encoder.layer.{layer}."

        def linear(x: Tensor, name: str, start: str = start) -> Tensor:
            return F.linear(x, w[f"{start}{name}.weight"], w[f"{start}{name}.bias"])

        y = normed(x, f"{start}norm1")
        q, k, v = (
            linear(y, f"attention.attention.{part}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(dim=-1)
        y = (weights @ v).transpose(1, 2).flatten(2)
        x = x + linear(y, "attention.output.dense") * w[f"{start}layer_scale1.lambda1"]
        y = normed(x, f"{start}norm2")
        if f"{start}mlp.fc1.weight" in w:
            y = linear(F.gelu(linear(y, "mlp.fc1")), "mlp.fc2")
        else:
            gate, value = linear(y, "mlp.weights_in").chunk(2, dim=-1)
            y = linear(F.silu(gate) * value, "mlp.weights_out")
        x = x + y * w[f"{start}layer_scale2.lambda1"]
    return normed(x, "layernorm")
