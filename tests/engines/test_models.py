import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.training.tiny_decoders import LABELS, NOTES, TYPES, tiny_decoder
from tests.training.tiny_models import tiny_bert

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import add
from fedmedlora.engines.models import open_model
from fedmedlora.engines.opening import open_local
from fedmedlora.errors import ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.schema import Lora, Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine, Participant, Scope
from fedmedlora.tasks.counts import Counts
from fedmedlora.tasks.scoring import PARTS
from fedmedlora.training.base_models import BaseModel

TRAINING = Training(num_threads=1, batch_size=2, learning_rate=1e-2)
PLANS = {"a": LocalPlan(seed=1, round_index=1, num_rounds=1)}


def cohort() -> Cohort:
    notes = tuple(NOTES)
    return Cohort("a", "train", LABELS, True, notes, (), notes, notes, "test", "a" * 64)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_decoder(tmp_path_factory.mktemp("decoder"), "llama")


def writing(base: BaseModel) -> Model:
    return Model(base=str(base.folder), formulation="markup", lora=Lora(rank=4, alpha=8))


def opened(decoder: BaseModel, cohort: Cohort) -> Engine:
    cohorts, shelf = {"a": cohort}, MemoryShelf()
    return open_local(writing(decoder), TRAINING, cohorts, TYPES, seed=0, shelf=shelf)


def test_a_site_trains_and_reads_by_mark_up(decoder: BaseModel) -> None:
    engine = opened(decoder, cohort())
    start = engine.initial()

    (outcome,) = engine.train([Participant("a", ("a",))], start, PLANS)
    assert outcome.sent is not None
    adapter = add(start, outcome.sent.delta)
    before, after = engine.losses([(start, "a"), (adapter, "a")])
    ((_, found),) = engine.evaluate(adapter, ["a"], Scope("final", PARTS, 2))

    assert after < before
    assert found.num_notes == 2
    # Gold mentions are found or missed, whatever the model says.
    counts = {part: found.total.part(part).matched("strict") for part in PARTS}
    assert (counts["ner"].tp + counts["ner"].fn, counts["re_gold"].tp + counts["re_gold"].fn) == (
        3,
        1,
    )


def test_a_perfect_model_would_find_all_that_can_be_said(decoder: BaseModel) -> None:
    engine = opened(decoder, cohort())

    counts = engine.ceiling("a", "final", limit=2)

    # The second note's "<b>" begins like a mark: what cannot be said is missed, and counted.
    assert counts.part("ner").matched("strict") == Counts(tp=2, fn=1)


def test_label_tokens_are_those_of_the_answers(decoder: BaseModel) -> None:
    """A byte is a token; each answer has an end."""
    note = NOTES[1]
    alone = Cohort("a", "train", LABELS, True, (note,), (), (), (), "test", "a" * 64)
    engine = opened(decoder, alone)

    (outcome,) = engine.train([Participant("a", ("a",))], engine.initial(), PLANS)

    # "<b>" begins like a mark, and so cannot be marked.
    entities = "</span> <b>"
    relations = "</span> [drug<b>]"
    assert outcome.sent is not None
    assert outcome.sent.num_tokens == len(entities) + 1 + len(relations) + 1


def test_a_base_that_says_no_end_cannot_write(tmp_path: Path) -> None:
    base = tiny_decoder(tmp_path, "llama")
    config = base.folder / "tokenizer_config.json"
    settings = json.loads(config.read_text("utf-8"))
    del settings["eos_token"]
    config.write_text(json.dumps(settings), "utf-8")

    with pytest.raises(ModelError, match="found a tokenizer without an end, expected an eos_token"):
        open_model(writing(base), TRAINING, TYPES, seed=0)


def test_a_context_too_short_for_the_prompt_is_refused(decoder: BaseModel) -> None:
    long = replace(writing(decoder), window_tokens=500)

    with pytest.raises(ModelError, match=r"window_tokens: found 500, .* at most the 1024 that"):
        open_model(long, TRAINING, TYPES, seed=0)


def test_an_encoder_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"without an end|weights missing"):
        open_model(writing(tiny_bert(tmp_path)), TRAINING, TYPES, seed=0)
