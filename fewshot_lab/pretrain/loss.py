"""DINO's loss: the student's views are to say what the teacher says of another view."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class TeacherTarget:
    """What the teacher says of the global views.

    Attributes
    ----------
    probabilities : Tensor
        (views, B, K), centred and sharpened.
    entropy : Tensor
        Scalar: mean entropy of one image's output, in nats. Near 0 or ln K is a warning sign.
    mean : Tensor
        (K,), the mean output; its entropy tells how many prototypes are in use.
    """

    probabilities: Tensor
    entropy: Tensor
    mean: Tensor


def teacher_target(outputs: Tensor, centre: Tensor, temperature: float) -> TeacherTarget:
    """Centre and sharpen the teacher's outputs.

    Parameters
    ----------
    outputs
        (views, B, K), before any softmax.
    centre
        (K,), or zeros for no centring.
    temperature
        Of the softmax, in (0, 1].
    """
    log_p = functional.log_softmax((_wide(outputs) - centre) / temperature, dim=-1)
    p = log_p.exp()
    entropy = -(p * log_p).sum(-1).mean()
    return TeacherTarget(p, entropy, p.mean((0, 1)))


def dino_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy over all pairs of different views (Caron et al. 2021, eq. 3).

    Parameters
    ----------
    student
        (S, B, K), before any softmax: the T global views first, in the teacher's order.
    teacher
        (T, B, K), probabilities without gradient; T >= 2 or S > T, so that a pair exists.
    temperature
        Of the student's softmax.

    Returns
    -------
    Tensor
        Scalar, in nats.
    """
    log_p = functional.log_softmax(_wide(student) / temperature, dim=-1)
    views, batch, _ = student.shape
    n_teacher = len(teacher)
    # The sum over all pairs is one product of sums; the pairs of a view with itself come off.
    every = (teacher.sum(0) * log_p.sum(0)).sum()
    same = (teacher * log_p[:n_teacher]).sum()
    pairs = n_teacher * views - n_teacher
    return -(every - same) / (pairs * batch)


def _wide(x: Tensor) -> Tensor:
    """Return it in float32 at least: a softmax of sharp logits needs the digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def entropy(p: Tensor) -> Tensor:
    """Return the entropy of (..., K) probabilities, in nats; 0 ln 0 is 0."""
    result: Tensor = torch.special.entr(p).sum(-1)
    return result
