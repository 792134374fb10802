import pytest
from tests.tasks.words import Words

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.tasks.kind import Asked, lead_metric, task_kinds
from fedmedlora.tasks.kinds.extract import KIND
from fedmedlora.tasks.tagging import Tagging


def test_every_task_is_found_by_its_file() -> None:
    assert {*task_kinds()} >= {"answer", "extract", "summarise"}


def test_no_two_tasks_call_two_figures_by_one_name_or_score_two_things_as_one() -> None:
    metrics = [metric for kind in task_kinds().values() for metric in kind.metrics.items()]
    parts = [part for kind in task_kinds().values() for part in kind.parts]

    assert len({name for name, _ in metrics}) == len(metrics)
    assert len({one.title for _, one in metrics}) == len(metrics)
    assert len(set(parts)) == len(parts)


@pytest.mark.parametrize("name", [*task_kinds()])
def test_what_a_task_is_told_by_is_among_its_parts(name: str) -> None:
    kind = task_kinds()[name]
    told = {metric.part for metric in kind.metrics.values()}

    assert told == set(kind.parts)
    assert {*kind.round_parts, *kind.sure_parts, *kind.typed, *kind.ceilings.values()} <= told
    # What chooses a round is scored after it.
    assert lead_metric(kind).part in kind.round_parts
    assert kind.compared.keys() >= kind.metrics.keys()


def test_a_site_whose_heads_are_given_is_scored_on_what_belongs_to_them() -> None:
    given = Labels(("dosage",), ("dosage",), heads=("drug",))

    assert [*KIND.scored(KIND.parts, given)] == ["re_gold"]


def test_a_site_without_relations_is_scored_on_entities() -> None:
    assert [*KIND.scored(KIND.parts, Labels(("drug",), ()))] == ["ner"]
    assert [*KIND.scored(KIND.parts, Labels(("drug",), ("dosage",)))] == ["ner", "re", "re_gold"]
    assert [*KIND.faults(Note("n1", "a", "x", (), ()))] == []


def test_a_form_that_writes_wants_an_end() -> None:
    asked = Asked(
        tokenizer=Words(),
        types=("drug",),
        formulation="tagging",
        window_tokens=8,
        answer_tokens=8,
        num_ids=90,
        end_id=None,
        most_positions=None,
    )

    assert isinstance(KIND.open(asked).formulation, Tagging)
    for form in ("markup", "json"):
        assert KIND.writes(form)
        with pytest.raises(ValueError, match="end_id: found none"):
            KIND.open(
                Asked(
                    **{name: getattr(asked, name) for name in asked.__slots__}
                    | {"formulation": form}
                )
            )
    assert not KIND.writes("tagging")
