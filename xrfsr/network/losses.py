"""Terms of Eqs. 11 to 13, each averaged over the batch for every member of the ensemble separately."""

from __future__ import annotations

import torch
from torch import Tensor

from xrfsr.network.cells import Batch

__all__ = ["adversarial_loss", "discriminator_loss", "misclassified", "pretraining_gradient", "pretraining_loss"]


def pretraining_loss(output: Tensor, batch: Batch, alpha_1: float) -> Tensor:
    r"""Return Eq. 11 without its adversarial term, :math:`\mathcal L_{c1} + \alpha_1 \mathcal L_{c2}`.

    Parameters
    ----------
    output : Tensor, shape (members, cells * width, B + b)
        Output X̂ of Eq. 8.
    batch : Batch
        Cells with their targets.
    alpha_1 : float
        Weight of the photo's reconstruction.

    Returns
    -------
    Tensor, shape (members,)
        Mean squared error of Ŷ↓ = Ŷ U against the scan over the measured values, plus α₁ times that of Ẑ against the
        photo.
    """
    cells, width = batch.weight.shape
    bands = batch.target.shape[1]
    estimate = output[..., :bands].reshape(len(output), cells, width, bands)
    coarse = torch.einsum("cp,mcpb->mcb", batch.weight, estimate)
    misfit = (coarse - batch.target) ** 2 * batch.measured
    fidelity = misfit.sum(dim=(1, 2)) / batch.measured.sum().clamp_min(1.0)
    photo = ((output[..., bands:] - batch.x[..., bands : output.shape[-1]]) ** 2).mean(dim=(1, 2))
    return fidelity + alpha_1 * photo


@torch.no_grad()
def pretraining_gradient(output: Tensor, batch: Batch, alpha_1: float, weight: Tensor, out: Tensor) -> None:
    """Compute the derivative of the weighted sum of `pretraining_loss` over the members, in closed form.

    Parameters
    ----------
    output, batch, alpha_1
        See `pretraining_loss`.
    weight : Tensor, shape (members,)
        Weight of each member's loss.
    out : Tensor, shape like `output`
        Destination of the derivative with respect to `output`.
    """
    cells, width = batch.weight.shape
    bands, channels = batch.target.shape[1], output.shape[-1]
    # No matrix products: there would be many tiny ones.
    coarse = (output.view(len(output), cells, width, channels)[..., :bands] * batch.weight[..., None]).sum(dim=2)
    misfit = (coarse - batch.target) * batch.measured
    misfit *= (2 * weight / batch.measured.sum().clamp_min(1.0))[:, None, None]
    out = out.view(len(output), cells, width, channels)
    torch.mul(batch.weight[..., None], misfit[:, :, None], out=out[..., :bands])
    photo = (output[..., bands:] - batch.x[..., bands:channels]).view(len(output), cells, width, -1)
    scale = 2 * alpha_1 * weight / ((channels - bands) * output.shape[1])
    torch.mul(photo, scale[:, None, None, None], out=out[..., bands:])


def misclassified(score: Tensor, tau: float) -> Tensor:
    r"""Return the expectation of :math:`(d - \tau)^2` over the misclassified patches.

    Parameters
    ----------
    score : Tensor, shape (patches, members)
        Scores :math:`d(x_\text{patch})`.
    tau : float
        Threshold τ. A patch is misclassified if :math:`d < \tau` for positive τ, or :math:`d > \tau` for negative τ.

    Returns
    -------
    Tensor, shape (members,)
        Expectations; zero where no patch is misclassified.
    """
    # Weights in place of selection: shapes do not depend on values, so the host need not wait for the device.
    wrong = ((score < tau) if tau > 0 else (score > tau)).to(score.dtype)
    return (wrong * (score - tau) ** 2).sum(dim=0) / wrong.sum(dim=0).clamp_min(1.0)


def adversarial_loss(reconstructed: Tensor) -> Tensor:
    r"""Return Eq. 12, the generator's loss :math:`\mathbb E_{\mathbb P_\theta^{1}} (d - 1)^2`.

    Parameters
    ----------
    reconstructed : Tensor, shape (patches, members)
        Scores of patches of Proj(g(X)).

    Returns
    -------
    Tensor, shape (members,)
    """
    return misclassified(reconstructed, 1.0)


def discriminator_loss(reconstructed: Tensor, real: Tensor) -> Tensor:
    r"""Return Eq. 13: :math:`\mathbb E_{\mathbb P_\theta^{-1}} (d + 1)^2 + \mathbb E_{\mathbb P_r^{1}} (d - 1)^2`.

    Parameters
    ----------
    reconstructed, real : Tensor, shape (patches, members)
        Scores of patches of Proj(g(X)) and of pseudo-real ones.

    Returns
    -------
    Tensor, shape (members,)
    """
    return misclassified(reconstructed, -1.0) + misclassified(real, 1.0)
