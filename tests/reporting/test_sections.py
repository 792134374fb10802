from typing import Any

from tests.reporting.conftest import row

from fedmedlora.reporting import sections

Json = dict[str, Any]


def compared(against: str, difference: float) -> Json:
    return {
        "arm": "fed_medlora_plus",
        "against": against,
        "metric": "ner_strict_f1",
        "where": "training sites",
        "difference": difference,
        "ci95": [difference - 0.01, difference + 0.01],
        "note": "",
    }


def test_a_gain_on_zero_shot_does_not_stretch_the_axis_of_the_others(results: Json) -> None:
    results["comparisons"] = [compared("centralised", -0.03), compared("zero_shot", 0.88)]

    drawn = sections.gains_part(results)

    assert "Zero-shot" not in drawn
    assert "from −4.2 to +4.2" in drawn  # 1.05 times 0.03 + 0.01


def test_without_another_arm_there_is_no_gain(results: Json) -> None:
    results["comparisons"] = [compared("zero_shot", 0.88)]

    assert "No comparison with an interval was recorded." in sections.gains_part(results)


def test_bytes_of_whole_models_stand_apart_from_those_of_adapters(results: Json) -> None:
    rounds = [{"bytes_up": {"a": 3_000_000}, "bytes_down": {}}]
    adapters = {"name": "fed_medlora", "kind": "federated", "model": "own", "rounds": rounds}
    whole = {"name": "bert", "kind": "federated", "model": "bert", "rounds": rounds * 30}
    several = {**results, "arms": [adapters, whole]}

    told = sections.bytes_part({**several, "models": {"bert": {"adapter_bytes": 90_000_000}}})

    assert "All federated arms of adapters together sent 3 MB, both ways." in told
    assert "One with all weights of BERT was 90 MB." in told
    assert "BERT" not in sections.bytes_part(several)


def test_of_many_federated_arms_the_shares_of_some_are_folded_away(results: Json) -> None:
    (arm,) = [arm for arm in results["arms"] if arm["name"] == "fed_medlora"]
    several = [{**arm, "name": name} for name in ("flora", "fed_prox", "scaffold", "fed_avg_m")]

    told = sections.shares_part({**results, "arms": [*results["arms"], *several]})

    assert told.count("The other federated arms") == 1
    assert "The other federated arms" not in sections.shares_part(results)


def test_figures_of_another_run_stand_with_what_differs_and_where_from(results: Json) -> None:
    beside = {
        "title": "in another form",
        "version": "9.8.7",
        "system": "4 <cores>",
        "settings": {"model.formulation": "markup", "experiment.rounds": 5},
        "sites": [],
        "arms": results["arms"][:1],
    }

    part = sections.beside_part(beside)

    assert "measured once with version 9.8.7 on 4 &lt;cores&gt;" in part
    assert "model.formulation = &quot;markup&quot;, experiment.rounds = 5." in part
    assert row(part, "Zero-shot")[1] == row(sections.arms_part(results), "Zero-shot")[1]
    assert sections.beside_part({**beside, "arms": []}) != part
