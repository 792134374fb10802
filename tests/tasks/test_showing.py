from fedmedlora.tasks.showing import Candidate, to_show


def candidate(name: str, *types: str, num_tokens: int = 1) -> Candidate[str]:
    return Candidate(name, frozenset(types), num_tokens)


def shown(*candidates: Candidate[str], number: int = 9, num_tokens: float = 9) -> str:
    return "".join(to_show(candidates, number=number, num_tokens=num_tokens))


NONE = candidate("n")
DRUG, PROBLEM, BOTH = (
    candidate("d", "drug"),
    candidate("p", "problem"),
    candidate("b", "drug", "problem"),
)


def test_what_shows_most_types_that_are_new_comes_first() -> None:
    test = candidate("t", "test", "drug")

    # b has two; of d (none left), p (none left) and t (one), t has most.
    assert shown(DRUG, PROBLEM, BOTH, test, number=2) == "bt"


def test_of_equals_the_first_comes_first_and_no_more_than_are_wanted() -> None:
    assert shown(DRUG, PROBLEM, number=1) == "d"
    assert shown(DRUG, PROBLEM, number=5) == "dp"


def test_once_every_type_was_shown_they_count_anew() -> None:
    assert shown(BOTH, NONE, DRUG, number=3) == "bdn"


def test_what_takes_too_many_tokens_is_passed_over() -> None:
    long = candidate("l", "drug", "problem", num_tokens=6)

    assert shown(long, DRUG, PROBLEM, num_tokens=5) == "dp"
    # 6 + 1 are the 7 that there are.
    assert shown(long, DRUG, PROBLEM, num_tokens=7) == "ld"
    assert shown(long, num_tokens=5) == ""
