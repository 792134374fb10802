from dataclasses import replace
from pathlib import Path

import pytest

from fedmedlora.study.contradictions import contradictions
from fedmedlora.study.schema import Setting, Variant

FED, PLUS = "fed_medlora", "fed_medlora_plus"


def one(name: str = "main", *, arms: tuple[str, ...] = (FED, PLUS)) -> Setting:
    return Setting(name=name, title="", experiment=Path("x"), arms=arms)


def told(*settings: Setting | None) -> list[str]:
    return [str(fault) for fault in contradictions(settings, "")]


def tuned(*arms: str) -> Setting:
    return replace(one("main", arms=arms), tuned_by="trials")


def trials(*arms: str, variants: tuple[Variant, ...] | None = None) -> Setting:
    three = tuple(Variant(name=name) for name in ("a", "b", "c"))
    return replace(one("trials", arms=arms), variants=variants or three)


def test_a_right_study_has_none() -> None:
    assert told(trials(FED, PLUS), tuned(FED, PLUS), one("other")) == []


def test_two_settings_of_one_name() -> None:
    fault = '[[settings]][{}].name: found "main", expected a name of its own'

    assert told(one(), one()) == [fault.format(0), fault.format(1)]


def test_an_arm_that_there_is_not() -> None:
    assert told(one(arms=(FED, "adapter"))) == [
        '[[settings]][0].arms: found "adapter", expected the name of an arm; did you mean adapted?'
    ]


def test_an_arm_in_two_groups_would_have_two_figures_of_one_seed() -> None:
    assert told(one(arms=(PLUS, f"{PLUS}+adapted"))) == [
        f'[[settings]][0].arms: found "{PLUS}" 2 times, expected each arm in one cell of a seed'
    ]


def test_two_variants_of_one_name() -> None:
    setting = replace(one(), variants=(Variant(), Variant()))

    assert told(setting) == [
        '[[settings]][0].variants: found "as_is" 2 times, expected a name for each'
    ]


def test_a_variant_for_an_arm_that_the_setting_has_not() -> None:
    setting = replace(one(), variants=(Variant(arms=(FED, "fed_prox")),))

    assert told(setting) == [
        f'[[settings]][0].variants[0].arms: found "fed_prox", expected some of {FED}, {PLUS}'
    ]


def test_a_screening_with_several_seeds() -> None:
    setting = replace(one(), seeds=(0, 1), screening=True)

    assert told(setting) == [
        "[[settings]][0].seeds: found [0, 1], expected one, as it is a screening"
    ]


class TestTuning:
    @pytest.mark.parametrize("name", ["main", "nowhere"])
    def test_it_needs_another_setting(self, name: str) -> None:
        assert told(replace(tuned(FED), tuned_by=name)) == [
            (
                f'[[settings]][0].tuned_by: found "{name}", expected the name of another '
                "setting, not tuned itself"
            )
        ]

    def test_trials_are_not_tuned_themselves(self) -> None:
        chain = replace(trials(FED), tuned_by="first")

        assert len(told(tuned(FED), chain, replace(trials(FED), name="first"))) == 1

    def test_unequal_numbers_of_trials_are_refused(self) -> None:
        more = (*trials(FED).variants, Variant(name="d", arms=(PLUS,)))

        assert told(tuned(FED, PLUS), trials(FED, PLUS, variants=more)) == [
            (
                f"[[settings]][0].tuned_by: found trials: {FED} 3, {PLUS} 4, expected as many "
                "for each arm; what is tried more often is favoured"
            )
        ]

    def test_an_arm_without_trials_is_refused(self) -> None:
        assert "fed_medlora 3, single_site 0" in told(tuned(FED, "single_site"), trials(FED))[0]
        assert "single_site 0" in told(tuned("single_site"), trials(FED))[0]

    def test_an_arm_that_is_not_trained_needs_none(self) -> None:
        assert told(tuned("zero_shot", "few_shot", FED), trials(FED)) == []

    def test_a_group_has_the_trials_of_its_first_arm(self) -> None:
        assert told(tuned(FED, f"{PLUS}+local_only+adapted"), trials(FED, PLUS)) == []

    def test_nothing_is_said_where_the_trials_may_be_in_a_setting_with_faults(self) -> None:
        assert told(tuned(FED), None) == []
