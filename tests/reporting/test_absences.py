import re
from typing import Any

import pytest
from tests.reporting.conftest import row

from fedmedlora.reporting import absences
from fedmedlora.reporting.sections import absences_part
from fedmedlora.tasks.prompting import FLAWS

Json = dict[str, Any]


def test_absences_keep_their_reasons(results: Json) -> None:
    reason = "training stopped: loss is not finite"

    found = absences.absences(results)

    assert found == [
        ("Fed-MedLoRA", 2, "paediatrics", "absent", reason),
        ("Fed-MedLoRA+", 2, "paediatrics", "", reason),
    ]
    assert reason in absences.absences_table(found)


def test_updates_that_were_scaled_down_are_shown_and_nothing_is_said_where_none_was(
    results: Json,
) -> None:
    assert "scaled down" not in absences_part(results)
    clip = {"site": "oncology", "kind": "adapter", "norm": 141.234, "bound": 14.1}
    (arm,) = [arm for arm in results["arms"] if arm["name"] == "fed_medlora"]
    arm["rounds"][1]["clipping"] = {"clipped": [clip]}

    part = absences_part(results)

    assert absences.clips(results) == [("Fed-MedLoRA", 2, "oncology", "adapter", 141.234, 14.1)]
    shown = ["oncology", "Fed-MedLoRA", "2", "adapter", "141", "14.1"]
    assert row(absences.clips_table(absences.clips(results)), "oncology") == shown
    assert "scaled down" in part


def test_lost_entities_stand_by_arm_site_and_reason(results: Json) -> None:
    (arm,) = [arm for arm in results["arms"] if arm["name"] == "fed_medlora"]
    arm["final"]["cardiology"]["lost"] = {"never_closed": 3, "unheard_of": 1}

    found = absences.lost(results)

    assert found == [
        ("Fed-MedLoRA", "cardiology", "never_closed", 3),
        ("Fed-MedLoRA", "cardiology", "unheard_of", 1),
    ]
    assert row(absences.lost_table(found), "cardiology") == [
        "cardiology",
        "Fed-MedLoRA",
        "with no end",
        "3",
    ]
    assert "with no end" in absences_part(results)


@pytest.mark.parametrize("reason", ["unreadable", *FLAWS])
def test_an_answer_that_was_none_has_words(reason: str) -> None:
    assert re.search(": 2 (answers|questions) that ", absences.lost_in_words({reason: 2}))


def test_where_nothing_was_lost_the_page_says_so(results: Json) -> None:
    assert "what an answer announced stands in its note" in absences_part(results)
