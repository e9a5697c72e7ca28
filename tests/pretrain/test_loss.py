"""The loss, against its definition in plain loops of Python's own numbers."""

import math

import pytest
import torch

from fewshot_lab.pretrain.loss import dino_loss, entropy, teacher_target


def softmax(values: list[float], temperature: float) -> list[float]:
    top = max(values)
    powers = [math.exp((v - top) / temperature) for v in values]
    return [p / math.fsum(powers) for p in powers]


def reference(student: list, teacher: list, centre: list, t_s: float, t_t: float) -> float:
    """Caron et al. 2021, algorithm 1: every teacher's view against every other student's view."""
    terms = []
    for i, of_teacher in enumerate(teacher):
        for j, of_student in enumerate(student):
            if i == j:
                continue
            for said, heard in zip(of_teacher, of_student, strict=True):
                p = softmax([s - c for s, c in zip(said, centre, strict=True)], t_t)
                q = softmax(heard, t_s)
                terms.append(-math.fsum(a * math.log(b) for a, b in zip(p, q, strict=True)))
    return math.fsum(terms) / len(terms)


@pytest.mark.parametrize(("views", "batch", "k"), [(2, 1, 2), (3, 2, 5), (6, 4, 33), (8, 3, 200)])
@pytest.mark.parametrize(("t_s", "t_t"), [(0.1, 0.04), (0.1, 0.07), (1.0, 1.0), (0.2, 0.5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_the_papers(views, batch, k, t_s, t_t, dtype):
    generator = torch.Generator().manual_seed(views * k)
    student = torch.rand(views, batch, k, generator=generator, dtype=dtype) * 2 - 1
    teacher = torch.rand(2, batch, k, generator=generator, dtype=dtype) * 2 - 1
    centre = torch.rand(k, generator=generator, dtype=dtype) - 0.5
    ours = dino_loss(student, teacher_target(teacher, centre, t_t).probabilities, t_s)
    theirs = reference(student.tolist(), teacher.tolist(), centre.tolist(), t_s, t_t)
    assert ours.dtype == dtype
    assert abs(float(ours) - theirs) < (1e-6 if dtype == torch.float64 else 1e-6 * max(1, theirs))


def test_a_guess_costs_ln_k_and_its_gradient_is_that_of_the_loops():
    student = torch.zeros(4, 3, 50, dtype=torch.float64, requires_grad=True)
    said = torch.randn(2, 3, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    goal = teacher_target(said, torch.zeros(50), 0.1)
    loss = dino_loss(student, goal.probabilities, 0.1)
    assert float(loss.detach()) == pytest.approx(math.log(50), abs=1e-9)
    (gradient,) = torch.autograd.grad(loss, student)
    # A local view hears both teachers' views; a global one that of the other alone.
    pairs = 2 * 4 - 2
    local = (2 / 50 - goal.probabilities.sum(0)) / (0.1 * pairs * 3)
    assert torch.allclose(gradient[2], local)
    alone = (1 / 50 - goal.probabilities[1]) / (0.1 * pairs * 3)
    assert torch.allclose(gradient[0], alone)


def test_entropies_tell_uniform_and_constant_apart():
    flat = teacher_target(torch.zeros(2, 4, 16), torch.zeros(16), 0.04)
    assert float(flat.entropy) == pytest.approx(math.log(16))
    one = torch.full((2, 4, 16), -1.0)
    one[..., 3] = 1.0
    sharp = teacher_target(one, torch.zeros(16), 0.04)
    assert float(sharp.entropy) == pytest.approx(0, abs=1e-6)
    assert float(entropy(sharp.mean)) == pytest.approx(0, abs=1e-6)
    own = -torch.ones(2, 8, 16)
    own[0, range(8), range(8)] = 1
    own[1, range(8), range(8, 16)] = 1
    spread = teacher_target(own, torch.zeros(16), 0.04)
    assert float(entropy(spread.mean)) == pytest.approx(math.log(16), abs=1e-6)
