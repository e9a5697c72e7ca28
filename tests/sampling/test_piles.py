import numpy as np

from fewshot_lab.sampling import find_piles


def piles(pairs, n, free=None, nearness=None):
    free = np.ones(n, dtype=bool) if free is None else free
    pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    nearness = np.ones(len(pairs)) if nearness is None else np.array(nearness)
    return [pile.tolist() for pile in find_piles(pairs, free, nearness)]


def test_a_pile_is_an_image_and_what_is_like_it_the_nearest_first():
    found = piles([(0, 1), (2, 0), (0, 3), (4, 5)], 7, nearness=[0.8, 0.95, 0.9, 0.99])
    assert found == [[0, 2, 3, 1], [4, 5]]


def test_a_chain_of_images_is_no_pile():
    found = piles([(i, i + 1) for i in range(8)], 9)
    assert all(len(pile) <= 3 for pile in found)
    for top, *rest in found:
        assert all(abs(row - top) == 1 for row in rest)


def test_no_image_lies_in_two_piles_and_none_that_is_not_free_in_any():
    rng = np.random.default_rng(0)
    pairs = np.unique(np.sort(rng.integers(0, 60, (300, 2))), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    free = rng.random(60) < 0.7
    found = piles(pairs, 60, free)
    lying = [row for pile in found for row in pile]
    assert len(lying) == len(set(lying)) > 20
    assert free[lying].all()
    known = {tuple(pair) for pair in pairs.tolist()}
    assert all((min(p[0], r), max(p[0], r)) in known for p in found for r in p[1:])
    assert [len(pile) for pile in found] == sorted((len(pile) for pile in found), reverse=True)


def test_a_pile_ends_and_where_nothing_is_alike_there_is_none():
    assert [len(p) for p in piles([(0, i) for i in range(1, 120)], 120)] == [50]
    assert piles([], 5) == []
