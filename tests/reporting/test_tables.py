from typing import Any

from tests.reporting.conftest import row

from fedmedlora.reporting import tables

Json = dict[str, Any]


def test_arms_stand_with_statistics_external_site_time_and_bytes(results: Json) -> None:
    found = row(tables.arms_table(results), "Fed-MedLoRA+")

    # std: deviations 2 2 -1 -3 0 hundredths, squares 4 + 4 + 1 + 9 + 0 = 18, sqrt(18 / 5) = 1.897
    # relations: 0.18 below 0.86 0.86 0.83 0.84 (psychiatry has none): mean 0.8475 - 0.18
    # bytes: 2 MB x (6 rounds x 10 messages, less one upload) = 118 MB
    assert found == [
        *("Fed-MedLoRA+", "0.840", "0.810", "0.840", "0.019", "0.900"),
        *("0.668", "0.578", "0.770", "2 min 43 s", "118 MB"),
    ]


def test_single_sites_have_their_average_below_them(results: Json) -> None:
    found = row(tables.arms_table(results), "Average of these")

    # (0.542 + 0.526 + 0.450 + 0.500 + 0.374) / 5 = 0.4784
    assert found[1] == "0.478"
    # (0.41 + 0.43 + 0.35 + 0.40 + 0.27) / 5 = 0.372
    assert found[2] == "0.372"


def test_an_undefined_statistic_is_a_dash(results: Json) -> None:
    results["arms"][0]["summary"]["re_strict_f1"] = {"mean": None}

    assert row(tables.arms_table(results), "Zero-shot")[7] == "–"


def test_types_add_counts_before_dividing(results: Json) -> None:
    results["sites"] = [{"name": s, "role": "train"} for s in ("a", "b")]
    strict = {"a": {"tp": 1, "fp": 0, "fn": 0}, "b": {"tp": 1, "fp": 3, "fn": 3}}
    final = {s: {"ner": {"by_type": {"drug": counts}}} for s, counts in strict.items()}
    results["arms"] = [{"name": "fed_medlora", "kind": "federated", "final": final}]

    # 2 x 2 / (2 x 2 + 3 + 3) = 0.4, not the mean of 1 and 0.25
    assert row(tables.types_table(results, "ner"), "Fed-MedLoRA") == ["Fed-MedLoRA", "0.40"]


def test_a_type_nobody_has_is_undefined(results: Json) -> None:
    none = {"tp": 0, "fp": 0, "fn": 0}
    results["arms"] = [
        {
            "name": "fed_medlora",
            "kind": "federated",
            "final": {"oncology": {"ner": {"by_type": {"drug": none}}}},
        }
    ]

    assert row(tables.types_table(results, "ner"), "Fed-MedLoRA") == ["Fed-MedLoRA", "–"]


def test_gains_say_whether_zero_lies_in_the_interval(results: Json) -> None:
    table = tables.gains_table("ner_strict_f1", results["comparisons"])

    clear = row(table, "Fed-MedLoRA+ − Average site alone")
    unclear = row(table, "Fed-MedLoRA+ − Fed-MedLoRA")
    assert [clear[1], clear[2], clear[4]] == ["+36.2", "+34.0 to +38.3", "no"]
    assert [unclear[1], unclear[2], unclear[4]] == ["+2.4", "−0.3 to +4.9", "yes"]


def test_a_gain_without_interval_has_a_dash_and_names_who_is_best(results: Json) -> None:
    relations = [c for c in results["comparisons"] if c["metric"] == "re_gold_strict_f1"]

    table = tables.gains_table("re_gold_strict_f1", relations)

    found = row(table, "Fed-MedLoRA+ − Best site alonecardiology alone")
    assert [found[1], found[2], found[4]] == ["+31.0", "–", "–"]


def test_a_new_site_compares_with_and_without_its_notes(results: Json) -> None:
    table = tables.new_site_table(results, "dermatology")

    assert row(table, "Fed-MedLoRA+")[1] == "0.710"
    assert row(table, "Local only at dermatology")[1:3] == ["0.580", "0.550 to 0.600"]
    assert row(table, "dermatology joins the federation")[-1] == "55 s"


def test_final_scores_name_their_split(results: Json) -> None:
    results["arms"][0]["final"]["oncology"]["split"] = "dev"

    assert "<td>dev</td>" in tables.site_scores_table(results)


def test_rounds_name_the_one_that_was_kept(results: Json) -> None:
    arm = next(a for a in results["arms"] if a["name"] == "fed_medlora_plus")

    table = tables.rounds_table(arm, "ner_strict_f1")

    assert "round 5 was kept" in table
    # Level 12 + lift 4 + (-3, 4, 2, 0, -7) for the sites in name order
    assert row(table, "1")[1:6] == ["0.130", "0.200", "0.180", "0.160", "0.090"]
