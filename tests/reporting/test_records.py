import re
from typing import Any

import pytest
from tests.reporting.conftest import row

from fedmedlora.reporting import records
from fedmedlora.reporting.quantities import UNDEFINED

Json = dict[str, Any]


def test_a_large_adapter_holds_rank_times_both_sides_of_each_layer() -> None:
    # q, o: 16 x (4096 + 4096) = 131,072 each; k, v: 16 x (4096 + 1024) = 81,920 each;
    # gate, up, down: 16 x (4096 + 14336) = 294,912 each; x 32 layers:
    # 32 x (2 x 131,072 + 2 x 81,920 + 3 x 294,912) = 32 x 1,310,720
    assert records.large_adapter_parameters() == 41_943_040


def test_a_large_saving_is_one_minus_adapter_by_model() -> None:
    # 41,943,040 / 8.03e9 = 0.005223
    assert records.large_saving() == pytest.approx(0.994777, abs=1e-6)


def test_bytes_of_this_run_stand_beside_computed_ones(results: Json) -> None:
    drawn = records.message_bars(results)

    assert "This run" in drawn
    assert "computed and not run" in drawn
    assert all(size in drawn for size in ("92 MB", "2.3 MB", "16.1 GB", "83.9 MB"))
    assert 'width="2.5%"' in drawn  # 2.3 / 92


def test_an_unmeasured_run_still_shows_what_is_computed() -> None:
    drawn = records.message_bars({})

    assert "This run" not in drawn
    assert "83.9 MB" in drawn


def test_shares_fill_their_cells_and_an_absent_site_has_a_dash(results: Json) -> None:
    arm = next(a for a in results["arms"] if a["name"] == "fed_medlora")

    table = records.shares_table(arm)

    # 5200 of 5200 + 3900 + 1300 + 2600 + 1000 = 14000 tokens: 37.1 %; without paediatrics 40.9 %
    assert '<td class="figures filled" style="--part:37.14%">37.1 %</td>' in table
    assert '<td class="figures filled" style="--part:40.94%">40.9 %</td>' in table
    assert table.count('title="undefined"') == 1


def test_reasons_stand_beside_each_share(results: Json) -> None:
    arm = next(a for a in results["arms"] if a["name"] == "fed_medlora_plus")

    table = records.reasons_table(arm, arm["rounds"])

    # Round 1 at oncology: 3900 / 2800 = 1.393; loss 0.9 + 0.05; shift 0.11 + 0.02
    cells = re.sub(r"<[^>]+>", " ", table).split()
    start = cells.index("oncology")
    assert cells[start + 1 : start + 7] == ["3,900", "1.393", "0.950", "1.000", "0.130", "1.020"]
    assert "Round 5, kept" in table


def test_ceilings_and_unaligned_boundaries_stand_per_site(results: Json) -> None:
    table = records.ceilings_table(results)

    assert "99.8 %" in table
    assert "97.1 %" in table
    assert '<td class="figures">2</td>' in table
    assert "server" not in table


def test_sites_say_what_they_annotate(results: Json) -> None:
    table = records.sites_table(results)

    assert "external: only scored" in table
    assert "validation notes" in table


def test_types_are_told_in_the_fewest_words(results: Json) -> None:
    results["sites"][0]["entities"] = ["problem", "test", "drug"]
    results["sites"][1]["entities"] = ["drug"]

    table = records.sites_table(results)

    names = [site["name"] for site in results["sites"]]
    assert row(table, names[0])[-3:] == ["all 4 but treatment", "all 3", "yes"]
    assert row(table, names[1])[-3] == "drug"
    assert row(table, names[2])[-3] == "all 4"


def test_types_that_are_given_as_heads_have_a_column_where_there_are_some(results: Json) -> None:
    assert "Given as heads alone" not in records.sites_table(results)
    results["sites"][0] |= {"entities": ["dosage"], "heads": ["drug", "problem"]}

    table = records.sites_table(results)

    assert "Given as heads alone" in table
    first, second, *_ = (site["name"] for site in results["sites"])
    assert row(table, first)[-2:] == ["all 2", "yes"]
    assert row(table, second)[-2:] == [UNDEFINED, "yes"]


def test_a_split_that_was_scored_in_part_says_so(results: Json) -> None:
    first, second, *_ = (site["name"] for site in results["sites"])
    for arm in results["arms"]:
        if first in arm["final"]:
            arm["final"][first]["notes"] = 25

    table = records.sites_table(results)

    assert row(table, first)[5:6] == ["25 of 40"]
    assert row(table, second)[5:6] == ["40"]


def test_the_environment_is_flat_and_whole(results: Json) -> None:
    table = records.environment_table(results)

    assert row(table, "versions.torch") == ["versions.torch", "2.13.0"]
    assert row(table, "seed") == ["seed", "7"]


def test_the_environment_is_told_in_units(results: Json) -> None:
    usage = {"seconds": 541.6, "peak_memory_bytes": 1833336832}
    results["environment"] = {"usage": usage, "experiment.arms": ["zero_shot", "centralised"]}

    table = records.environment_table(results)

    assert row(table, "usage.seconds")[1] == "9 min 2 s"
    assert row(table, "usage.peak_memory_bytes")[1] == "1.83 GB"
    assert row(table, "experiment.arms")[1] == "zero_shot, centralised"
