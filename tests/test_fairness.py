"""Who is next when several repositories want something at the same time."""

from itertools import product

import pytest

from runs_fleet.fairness import FairLine, weights


def line(**shares: int) -> FairLine[str]:
    """Make a line with so many of each share, one share after the other."""
    made = FairLine[str]()
    joined = [(f"{share}{n}", share) for share, count in shares.items() for n in range(count)]
    for item, share in joined:
        made.join(item, share)
    return made


def serve(waiting: FairLine[str], count: int) -> list[str]:
    """Give the next ones their turns."""
    served = list[str]()
    for _ in range(count):
        served.append(waiting.order()[0])
        waiting.serve(served[-1])
    return served


def test_shares_take_turns() -> None:
    assert serve(line(a=3, b=2), 5) == ["a0", "b0", "a1", "b1", "a2"]


def test_in_a_share_first_come_is_first_served() -> None:
    assert line(a=4).order() == ["a0", "a1", "a2", "a3"]


def test_a_single_item_comes_next_however_many_wait_before_it() -> None:
    waiting = line(matrix=500)
    serve(waiting, 100)
    waiting.join("single", "other")
    assert waiting.order().index("single") <= 1


def test_nobody_saves_up_turns() -> None:
    waiting = line(a=200)
    serve(waiting, 100)
    for number in range(100):
        waiting.join(f"b{number}", "b")
    served = serve(waiting, 20)
    assert 9 <= sum(item.startswith("b") for item in served) <= 11


def test_a_heavy_share_has_more_turns() -> None:
    waiting = FairLine[str](weights({"acme/*": 3}))
    for number, repo in product(range(40), ("acme/shop", "octo/web")):
        waiting.join(f"{repo}{number}", repo)
    served = serve(waiting, 40)
    assert 29 <= sum(item.startswith("acme") for item in served) <= 31


def test_whoever_leaves_has_had_no_turn() -> None:
    waiting = line(a=2, b=1)
    waiting.leave("a0")
    assert serve(waiting, 2) == ["a1", "b0"]
    assert len(waiting) == 0


@pytest.mark.parametrize(
    ("repo", "weight"), [("acme/shop", 5.0), ("Acme/Web", 2.0), ("octo/web", 1.0)]
)
def test_the_first_pattern_that_fits_weighs(repo: str, weight: float) -> None:
    assert weights({"acme/shop": 5, "acme/*": 2})(repo) == weight
