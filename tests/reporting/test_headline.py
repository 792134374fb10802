from typing import Any

from fedmedlora.reporting.headline import headline, key_figures
from fedmedlora.reporting.sections import privacy_part

Json = dict[str, Any]


def test_the_headline_says_the_figures_the_results_hold(results: Json) -> None:
    said = headline(results)

    # fed_medlora_plus: (0.86 + 0.86 + 0.83 + 0.81 + 0.84) / 5 = 0.84
    # cardiology alone: (0.81 + 0.52 + 0.47 + 0.41 + 0.50) / 5 = 0.542, so 29.8 points
    # means alone: (0.542 + 0.526 + 0.450 + 0.500 + 0.374) / 5 = 0.4784, so 36.2 points
    # centralised: (0.88 + 0.87 + 0.85 + 0.83 + 0.86) / 5 = 0.858, so 1.8 points
    assert "Five sites" in said
    assert "With Fed-MedLoRA+, the higher of 2 weightings" in said
    assert "strict F1 of 0.840, where 1 is perfect" in said
    assert "0.810 at the weakest" in said
    assert "29.8 points above the best site alone (cardiology)" in said
    assert "36.2 points above the average site alone" in said
    assert "1.8 points below training on all notes in one place" in said


def test_the_best_site_alone_at_an_external_site_is_the_best_there(results: Json) -> None:
    # At neurology: 0.77 against cardiology's 0.55, the highest of 0.55 0.50 0.42 0.46 0.35
    assert "At neurology, which took no part, it scores 0.770, 22.0 points above" in headline(
        results
    )


def test_a_loss_against_a_single_site_is_said_as_one(results: Json) -> None:
    for arm in results["arms"]:
        if arm["name"] == "single_site:oncology":
            arm["summary"]["ner_strict_f1"]["mean"] = 0.9

    # 0.84 - 0.90 = -0.06
    assert "6.0 points below the best site alone (oncology)" in headline(results)


def test_what_was_not_run_is_not_mentioned(results: Json) -> None:
    results["arms"] = [a for a in results["arms"] if a["kind"] == "federated"]

    said = headline(results)

    assert "alone" not in said
    assert "one place" not in said
    assert "That is" not in said


def test_a_run_without_a_federated_arm_says_so(results: Json) -> None:
    results["arms"] = [a for a in results["arms"] if a["kind"] != "federated"]

    assert "no scored federated arm" in headline(results)
    assert "–" in key_figures(results)


def test_key_figures_are_signed_points(results: Json) -> None:
    said = key_figures(results)

    assert "<dd>0.840</dd>" in said
    assert "<dd>+29.8</dd>" in said
    assert "<dd>−1.8</dd>" in said
    assert "<dd>97.5 %</dd>" in said


def test_the_arm_a_run_prefers_is_told_even_where_another_scored_higher(results: Json) -> None:
    federated = [arm for arm in results["arms"] if arm["kind"] == "federated"]
    lowest = min(federated, key=lambda arm: arm["summary"]["ner_strict_f1"]["mean"])

    said = headline({**results, "preferred": lowest["name"]})

    assert f"strict F1 of {lowest['summary']['ner_strict_f1']['mean']:.3f}" in said
    assert "the higher of" not in said


def test_a_run_between_hospitals_is_not_called_a_rehearsal(results: Json) -> None:
    apart = {**results, "between_hospitals": True}

    assert "without sharing training notes, in a rehearsal on one machine." in headline(results)
    assert "without sharing training notes." in headline(apart)
    assert "This run was a rehearsal" in privacy_part(results)
    assert "This run went between hospitals" in privacy_part(apart)
    assert "rehearsal" not in privacy_part(apart)
    assert "Left for good" not in privacy_part(apart)
    left = {**apart, "left": ["north", "south"]}
    assert "Left for good while it ran: north, south." in privacy_part(left)
    sites = [{**results["sites"][0], "name": "north", "machine": {"batch_size": 2}}]
    told = "Settings of its own, for its machine, had north: batch_size = 2."
    assert told in privacy_part({**apart, "sites": sites})
