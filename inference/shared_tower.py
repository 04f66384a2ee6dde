"""One copy in memory of what two models hold alike: MedSigLIP's vision encoder and MedGemma's tower are the same network.

Published are the same weights but for the position embeddings, which belong to another size of picture, and the pooling head,
which MedGemma does not have (arXiv 2507.05201, §2.2.2). That is not taken for granted: tensor by tensor is compared, bit by bit.
Numbers of another format, on another device or in the memory of another runtime (ONNX Runtime) are never shared.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def share(new: nn.Module, held: nn.Module) -> int:
    """Let each parameter of `new` that has the name, shape and bits of one of `held` lie in that one's memory; bytes spared.

    None is, where that would be less than half of `new`: norms and biases that no training moved are alike in any two models.
    Neither may be written to from then on: who changes a weight gives it memory of its own first, as `merging.merge` does. Either
    may be let go; what the other uses stays.
    """
    theirs = dict(held.named_parameters())
    same = []
    for name, own in new.named_parameters():
        other = theirs.get(name)
        if other is not None and own.data_ptr() != other.data_ptr() and alike(own.detach(), other.detach()):
            same.append((own, other))
    spared = sum(own.nbytes for own, _ in same)
    if 2 * spared < sum(own.nbytes for own in new.parameters()):
        return 0
    for own, other in same:
        own.data = other.detach()
    return spared


def alike(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same bits in the same format on the same device; -0 is not 0, and NaN is itself."""
    if (one.shape, one.dtype, one.device, one.layout) != (other.shape, other.dtype, other.device, other.layout):
        return False
    if one.layout != torch.strided or one.stride() != other.stride() or not one.is_contiguous():
        return False
    bits = _BITS[one.element_size()]
    return torch.equal(one.reshape(-1).view(bits), other.reshape(-1).view(bits))
