import math
from typing import Any

from fedmedlora.reporting import arms

Json = dict[str, Any]

NER = "ner_strict_f1"


def test_scores_that_are_missing_null_or_not_finite_are_none() -> None:
    assert arms.f1(None, NER) is None
    assert arms.f1({"ner": None}, NER) is None
    assert arms.f1({"ner": {"strict": {"f1": None}}}, NER) is None
    assert arms.f1({"ner": {"strict": {"f1": math.nan}}}, NER) is None
    assert arms.f1({"re_gold": {"strict": {"f1": 0.0}}}, "re_gold_strict_f1") == 0.0


def test_arms_go_from_no_notes_to_all_notes_to_together(results: Json) -> None:
    names = [arm["name"] for arm in arms.compared(results)]

    assert names[0] == "zero_shot"
    assert names[-3:] == ["centralised", "fed_medlora", "fed_medlora_plus"]
    assert "adapted:dermatology" not in names


def test_arms_that_are_only_asked_stand_beside_those_nobody_trains(results: Json) -> None:
    asked = {**results["arms"][0], "name": "few_shot", "kind": "prompted"}

    names = [arm["name"] for arm in arms.compared({**results, "arms": [*results["arms"], asked]})]

    assert names[:2] == ["zero_shot", "few_shot"]
    assert arms.title("few_shot") == "Few-shot"


def test_a_model_of_its_own_never_stands_for_a_run(results: Json) -> None:
    score = {"ner_strict_f1": {"mean": 0.99}}
    other = {"name": "bert", "kind": "federated", "model": "bert", "summary": score}
    several = {**results, "preferred": None, "arms": [other, *results["arms"]]}

    lead = arms.lead(several)

    assert lead is not None
    assert lead["name"] != "bert"
    assert [a["name"] for a in arms.federations(several)] == ["fed_medlora", "fed_medlora_plus"]


def test_each_federated_arm_has_a_colour_of_its_own(results: Json) -> None:
    colours = [arms.colour(results, arm) for arm in arms.arms_of(results, "federated")]

    assert colours == ["arm-fed1", "arm-fed2"]


def test_of_many_federated_arms_the_leading_one_and_the_best_are_told_apart() -> None:
    federated: list[Json] = [
        {"name": name, "kind": "federated", "summary": {"ner_strict_f1": {"mean": mean}}}
        for name, mean in zip("abcdef", (0.1, 0.6, 0.5, 0.4, 0.3, None), strict=True)
    ]
    results: Json = {"preferred": "a", "arms": federated}

    # a leads though it is last but one; b, c and d are the best of the others.
    assert [arm["name"] for arm in arms.told_apart(results)] == ["a", "b", "c", "d"]
    assert [arms.colour(results, arm) for arm in federated] == [
        *(f"arm-fed{number}" for number in (1, 2, 3, 4)),
        "arm-zero",
        "arm-zero",
    ]


def test_the_best_arm_is_the_first_of_equals_and_never_an_undefined_one() -> None:
    scored = [
        {"name": name, "summary": {"ner_strict_f1": {"mean": mean}}}
        for name, mean in (("a", None), ("b", 0.5), ("c", 0.5))
    ]

    found = arms.best(scored, NER)

    assert found is not None
    assert found["name"] == "b"
    assert arms.best(scored[:1], NER) is None


def test_means_skip_what_is_undefined() -> None:
    assert arms.mean([0.25, None, 0.75]) == 0.5  # (0.25 + 0.75) / 2
    assert arms.mean([None]) is None


def test_bytes_add_up_both_ways_over_rounds() -> None:
    rounds = [{"bytes_up": {"a": 1, "b": 2}, "bytes_down": {"a": 10}}, {"bytes_up": {"a": 100}}]

    federated = {"name": "fed_medlora", "kind": "federated", "rounds": rounds}
    assert arms.bytes_sent(federated) == 113  # 1 + 2 + 10 + 100
    assert arms.bytes_sent({**federated, "rounds": []}) is None


def test_nothing_travels_where_one_place_trains() -> None:
    rounds = [{"bytes_up": {"a": 1}}]

    alone = [{"round": 1, "bytes_up": {}, "bytes_down": {}}]
    assert arms.bytes_sent({"name": "centralised", "kind": "centralised", "rounds": alone}) is None
    assert arms.bytes_sent({"name": "joined:a", "kind": "new_site", "rounds": rounds}) == 1


def test_an_arm_of_a_site_is_called_after_it() -> None:
    assert arms.title("single_site:a") == "a alone"
    assert arms.title("something_new") == "something_new"


def test_sites_whose_final_scores_come_from_dev_are_known() -> None:
    final = {"b": {"split": "dev"}, "a": {"split": "test"}, "c": None}

    assert arms.scored_on_dev({"arms": [{"final": final}]}) == ["b"]
