"""One answer for each patient: the three rules by hand, their choice, and honest intervals."""

import numpy as np
import pytest

from fewshot_lab.evaluation import (
    GroupAnswers,
    GroupImages,
    answers,
    compare_rules,
    group_labels,
    severity,
)

from .simulation import SEEDS, check

THREE = (0, 1, 2)


def test_the_mean_of_the_log_odds_is_bayes_rule_with_equal_weights():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    best, scores = GroupAnswers("log_odds", (0, 1)).answer(p)
    odds = np.exp(np.log(p[:, 0] / p[:, 1]).mean())
    assert best == 0
    assert scores[0] / scores[1] == pytest.approx(odds)
    assert scores.sum() == pytest.approx(1)


def test_one_image_that_is_sure_does_not_rule_a_class_out():
    p = np.array([[1.0, 0.0]] + [[0.02, 0.98]] * 9)
    assert GroupAnswers("log_odds", (0, 1)).answer(p)[0] == 1


def test_the_share_of_images_and_its_ties():
    p = np.array([[0.6, 0.4, 0], [0.6, 0.4, 0], [0.0, 0.9, 0.1]])
    best, scores = GroupAnswers("share", THREE).answer(p)
    assert best == 0 and scores.tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert GroupAnswers("share", THREE).answer(p[1:])[0] == 1  # of as many, the surer


def test_the_worst_image_is_the_highest_grade_that_one_reaches():
    p = np.array([[0.9, 0.1, 0.0], [0.2, 0.45, 0.35], [0.8, 0.1, 0.1]])
    best, scores = GroupAnswers("worst", THREE).answer(p)
    assert best == 1  # at least grade 1 with 0.8, grade 2 only with 0.35
    assert scores.tolist() == pytest.approx([0.2, 0.45, 0.35])
    assert GroupAnswers("worst", (2, 1, 0)).answer(p)[0] == 0  # in the other order


def test_the_answer_does_not_depend_on_the_order_of_the_columns():
    rng = np.random.default_rng(0)
    costs = np.array([[0, 9.0, 1], [1, 0, 1], [1, 1, 0]])
    columns = [2, 0, 1]
    for rule in ("log_odds", "share", "worst"):
        ours = GroupAnswers(rule, (1, 0, 2), "slide")
        theirs = GroupAnswers.of(ours.reordered(columns).to_dict(), 3)
        for _ in range(50):
            p = rng.dirichlet([1, 1, 1], 4)
            for c in (None, costs):
                moved = None if c is None else c[np.ix_(columns, columns)]
                best, scores = ours.answer(p, c)
                again, same = theirs.answer(p[:, columns], moved)
                assert columns[again] == best
                assert scores[columns] == pytest.approx(same)


def test_which_class_is_worse():
    groups = np.array([0, 0, 1, 1, 2, 2])
    y = np.array([1, 0, 1, 1, 1, 2])
    costs = np.array([[0, 5.0, 1], [1, 0, 1], [1, 1, 0]])
    assert severity(y, groups, 3, None, None) == (1, 0, 2)  # what most patients have is the normal
    assert severity(y, groups, 3, None, costs) == (1, 2, 0)
    assert severity(y, groups, 3, [2, 0, 1], costs) == (2, 0, 1)


def test_a_balanced_accuracy_is_not_of_classes_that_no_patient_has():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    p = np.eye(3)[y] * 0.8 + rng.dirichlet([1, 1, 1], 40) * 0.2
    groups = np.arange(40) // 2
    found = compare_rules(GroupImages(p, y, groups, groups), THREE, "majority").figures
    assert found.balanced_title == "Balanced accuracy of 2 of 3 classes"
    assert found.balanced_accuracy.n == 20 and found.recall[2].n == 0


def test_the_own_class_of_a_patient():
    y = np.array([0, 0, 1, 1, 2, 2, 0, -1, -1, 1])
    groups = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 3])
    images = GroupImages(np.full((10, 3), 1 / 3), y, groups, groups)
    assert group_labels(images, THREE, "majority").tolist() == [0, 2, 2, -1]
    assert group_labels(images, THREE, "worst").tolist() == [1, 2, 2, 1]


def world(rng, patients, images, *, focal):
    """Return images of patients of two classes; focal: only some images show the disease."""
    sick = rng.random(patients) < 0.4
    shows = sick[:, None] & (rng.random((patients, images)) < (0.3 if focal else 1.0))
    hard = rng.normal(0, 0.7, (patients, 1))
    strength = 4.0 if focal else 1.0
    score = np.where(shows, strength, -strength) + hard + rng.normal(0, 1, (patients, images))
    p = 1 / (1 + np.exp(-score))
    y = np.where(shows, 1, 0)
    y[:, 0] = sick  # one image of each tells what the patient has
    score0 = np.where(sick, strength, -strength) + hard[:, 0] + rng.normal(0, 1, patients)
    p[:, 0] = 1 / (1 + np.exp(-score0))
    code = np.repeat(np.arange(patients), images)
    return GroupImages(np.stack([1 - p, p], axis=2).reshape(-1, 2), y.ravel(), code, code)


def test_focal_disease_is_found_by_the_worst_image_and_diffuse_one_is_not():
    rng = np.random.default_rng(1)
    focal = compare_rules(world(rng, 200, 8, focal=True), (0, 1), "worst")
    assert focal.chosen.rule == "worst"
    diffuse = compare_rules(world(rng, 200, 8, focal=False), (0, 1), "worst")
    assert diffuse.chosen.rule == "log_odds"
    figures = diffuse.figures
    assert figures.accuracy.value > figures.image_accuracy.value
    assert figures.accuracy.n == figures.confusion.sum() == 200


def test_a_patient_counts_once_however_many_images_it_has():
    rng = np.random.default_rng(2)
    images = world(rng, 40, 6, focal=False)
    again = np.repeat(np.arange(len(images.y)), np.where(images.groups == 0, 50, 1))
    many = GroupImages(*(part[again] for part in vars(images).values()))
    one, other = (compare_rules(each, (0, 1), "worst").figures for each in (images, many))
    assert one.accuracy == other.accuracy


def test_patients_joined_by_near_duplicates_widen_the_interval():
    images = world(np.random.default_rng(3), 60, 4, focal=False)
    joined = GroupImages(images.probabilities, images.y, images.groups, images.groups // 3)
    one, other = (compare_rules(each, (0, 1), "worst").figures for each in (images, joined))
    assert one.accuracy.value == pytest.approx(other.accuracy.value)
    assert other.accuracy.low < one.accuracy.low


@pytest.mark.exhaustive
@pytest.mark.parametrize("patients", [20, 60, 200])
@pytest.mark.parametrize("focal", [False, True])
def test_intervals_over_patients_cover(patients, focal):
    """Also after the rule was chosen on the same patients."""
    trials, held = 999, np.zeros(2)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        everybody = world(rng, 20_000, 5, focal=focal)
        truth = group_labels(everybody, (0, 1), "worst")
        right = {}
        for rule in ("log_odds", "share", "worst"):
            hit = answers(everybody, GroupAnswers(rule, (0, 1)), None) == truth
            right[rule] = hit.mean(), (hit[truth == 0].mean() + hit[truth == 1].mean()) / 2
        for _ in range(trials // len(SEEDS)):
            found = compare_rules(world(rng, patients, 5, focal=focal), (0, 1), "worst")
            true = right[found.chosen.rule]
            figures = found.figures
            held += (
                figures.accuracy.low <= true[0] <= figures.accuracy.high,
                figures.balanced_accuracy.low <= true[1] <= figures.balanced_accuracy.high,
            )
    rates = dict(zip(("accuracy", "balanced accuracy"), held / trials, strict=True))
    check(rates, trials)
