"""The terms of Eq. 11, each averaged over the batch for every member of the ensemble on its own."""

from __future__ import annotations

import torch
from torch import Tensor

from xrfsr.models.cells import Batch

__all__ = ["pretraining_loss"]


def pretraining_loss(output: Tensor, batch: Batch, alpha_1: float) -> Tensor:
    r"""Eq. 11 without its adversarial term, :math:`\mathcal L_{c1} + \alpha_1 \mathcal L_{c2}`.

    Parameters
    ----------
    output : Tensor, shape (members, cells * width, B + b)
        X̂ of Eq. 8.
    batch : Batch
    alpha_1 : float

    Returns
    -------
    Tensor, shape (members,)
        Mean squared error of Ŷ↓ = Ŷ U against the scan over the measured values, plus that of Ẑ against the photo.
    """
    cells, width = batch.weight.shape
    bands = batch.target.shape[1]
    estimate = output[..., :bands].reshape(len(output), cells, width, bands)
    coarse = torch.einsum("cp,mcpb->mcb", batch.weight, estimate)
    misfit = (coarse - batch.target) ** 2 * batch.usable
    fidelity = misfit.sum(dim=(1, 2)) / batch.usable.sum().clamp_min(1.0)
    photo = ((output[..., bands:] - batch.x[..., bands:]) ** 2).mean(dim=(1, 2))
    return fidelity + alpha_1 * photo
