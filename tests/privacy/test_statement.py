from dataclasses import replace

import pytest

from fedmedlora.privacy.accounting import epsilon
from fedmedlora.privacy.spending import Payment
from fedmedlora.privacy.statement import record_statement, site_statement

PAID = (Payment("heart", "demo", "fed_medlora", 1, "note", 4.0, 1.0, 10),)


def said(*paid: Payment, is_private: bool = True, **told: int | None) -> str:
    facts: dict[str, int | None] = {"num_units": 200_000, "most_notes": None, **told}
    document = record_statement(
        paid or PAID,
        delta=1e-5,
        clip=0.5,
        is_private=is_private,
        num_units=facts["num_units"] or 0,
        most_notes=facts["most_notes"],
    )
    assert document["is_private"] is is_private
    return str(document["sentence"])


def test_the_sentence_says_all_that_makes_it_true() -> None:
    sentence = said()

    for part in (
        "(3.341, 1e-05)-differentially private for one note",
        "neighbours: add or remove one note of this site",
        "10 steps with noise 4 times the bound 0.5 at sampling rate 1,",
        "counted by dp-accounting 0.6.0",
        "(n_k)",
        "(L_k)",
        "(D_k)",
        "scores",
        "the choice of the best round",
        "facts of the site",
    ):
        assert part in sentence
    assert "\n" not in sentence


def test_all_payments_count_whatever_asked_for_them() -> None:
    other = replace(PAID[0], run="before", noise_multiplier=2.0, rate=0.5, steps=3)

    sentence = said(*PAID, replace(PAID[0], arm="flora"), other)

    assert "20 steps with noise 4" in sentence
    assert "and 3 steps with noise 2 times the bound 0.5 at sampling rate 0.5" in sentence


def test_a_fixed_generator_is_told_to_hide_nothing() -> None:
    sentence = said(is_private=False)

    assert sentence.startswith("Not private: noise and draws came from a fixed generator")
    assert "differentially private" not in sentence


def test_where_the_unit_is_the_note_a_patient_with_several_is_told_to_be_hidden_less() -> None:
    # 2 notes: twice epsilon, at delta (1 + e^3.3414) = 2.9e-4
    assert "it is (6.683, 0.00029)" in said(most_notes=2)
    # 9 notes: log(1e-5) + 8 * 3.3414 + log(9) > 0
    assert "up to 9 notes here; for all notes of a patient together nothing is" in said(
        most_notes=9
    )
    assert "patient" not in said(most_notes=1)
    assert "for all notes" not in said(replace(PAID[0], unit="patient"), most_notes=2)


def test_a_delta_that_lets_one_unit_out_is_told() -> None:
    assert "too large" in said(num_units=100_000)
    assert "too large" not in said(num_units=99_999)


def test_what_hides_a_site_is_told_with_how_few_there_are() -> None:
    told = site_statement(PAID, delta=1e-5, clip=1.0, is_private=True, num_sites=5, deviation=0.8)

    assert told["epsilon"] == pytest.approx(epsilon(4.0, 1.0, 10, 1e-5))
    sentence = str(told["sentence"])
    assert "one site's updates replaced by zero, shares fixed beforehand" in sentence
    assert "what the server itself sees" in sentence
    assert "With 5 sites each value of the sum gets noise of standard deviation 0.8" in sentence
