from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest
import torch
from tests.training.tiny_decoders import stirred_model, tiny_decoder, written_examples

from fedmedlora.inference import drafted_cache, writing
from fedmedlora.inference.constrained import GrammarProcessor
from fedmedlora.inference.drafted_cache import DraftedCache
from fedmedlora.inference.writing import write
from fedmedlora.tasks.answers import Grammar, WrittenExample
from fedmedlora.tasks.choices import Choices
from fedmedlora.tasks.copy_or_tag import CopyOrTag, Marks
from fedmedlora.tasks.free_text import FreeText
from fedmedlora.tasks.json_list import JsonList
from fedmedlora.tasks.list_items import ListItems
from fedmedlora.tasks.markup import Markup
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.causal_model import CausalModel
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


@pytest.fixture(scope="module", params=["llama", "qwen3", "mistral"])
def given(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CausalModel, list[WrittenExample]]:
    base = tiny_decoder(tmp_path_factory.mktemp(request.param), request.param)
    return stirred_model(base), written_examples(base)


def generated(model: CausalModel, examples: Sequence[WrittenExample]) -> list[list[int]]:
    """Return the answers of transformers' own generate, one id at a time."""
    plain: Any = cast("Any", model.model).get_base_model()
    plain.set_attn_implementation("eager")
    answers = []
    for example in examples:
        ids = torch.tensor([[*example.instruction, *example.question]])
        with torch.inference_mode():
            written = plain.generate(
                ids,
                logits_processor=[GrammarProcessor([example.grammar], ids.shape[1])],
                do_sample=False,
                max_new_tokens=2000,
            )
        answers.append(written[0, ids.shape[1] :].tolist())
    plain.set_attn_implementation("fedmedlora")
    return answers


def ours(model: CausalModel, examples: Sequence[WrittenExample]) -> list[list[int]]:
    model.model.eval()
    return [one.values.tolist() for one in write(model.hidden, model.vocabulary, examples)]


def test_answers_are_those_of_one_id_at_a_time(
    given: tuple[CausalModel, list[WrittenExample]],
) -> None:
    model, examples = given
    # One window and one head: generate is slow.
    examples = [examples[0], examples[-1]]

    answers = ours(model, examples)

    assert answers == generated(model, examples)
    # Marks were set, or nothing was shown.
    assert any(
        cast("CopyOrTag", one.grammar).run(answer).spans
        for one, answer in zip(examples, answers, strict=True)
    )


@pytest.mark.parametrize("form", [Markup, JsonList])
def test_log_probabilities_are_those_of_the_answer_read_at_once(
    tmp_path: Path, form: type[Markup | JsonList]
) -> None:
    base = tiny_decoder(tmp_path, "llama")
    model, examples = stirred_model(base), written_examples(base, form)
    model.model.eval()

    outputs = write(model.hidden, model.vocabulary, examples)

    for example, output in zip(examples, outputs, strict=True):
        assert output.log_probs is not None
        assert output.values.shape == output.log_probs.shape
        answer = replace(example, completion=tuple(output.values.tolist()))
        with torch.inference_mode():
            nats = float(model.nats([answer]))
        # Both float32, over some hundred ids.
        assert -output.log_probs.sum() == pytest.approx(nats, rel=1e-4)
        choices = np.array([len(step.legal) > 1 for step in answer.steps])
        assert ((output.log_probs < 0) == choices).all()


def test_lists_are_those_of_one_id_at_a_time(tmp_path: Path) -> None:
    base = tiny_decoder(tmp_path, "llama")
    model, examples = stirred_model(base), written_examples(base, JsonList)
    examples = [filled(examples[0]), filled(examples[-1])]

    answers = ours(model, examples)

    assert answers == generated(model, examples)
    # `[]` and the end are three ids.
    assert min(map(len, answers)) > 3


def filled(example: WrittenExample) -> WrittenExample:
    """Return an example whose answer may not be an empty list."""
    grammar = cast("ListItems", example.grammar)
    marks = replace(grammar.marks, empty=grammar.marks.first[0])
    return replace(example, grammar=replace(grammar, marks=marks))


@pytest.mark.parametrize("draft", [2, 1000])
def test_the_length_of_the_draft_changes_nothing(
    given: tuple[CausalModel, list[WrittenExample]], draft: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, examples = given
    expected = ours(model, examples)

    monkeypatch.setattr(writing, "_SHORTEST_DRAFT", draft)
    monkeypatch.setattr(writing, "_LONGEST_DRAFT", draft)

    assert ours(model, examples) == expected


def test_many_answers_draft_less_than_a_few() -> None:
    # 256 ids for all: 256 / 20 = 12.8; at least 3, at most 24.
    assert [writing._draft_length(number) for number in (1, 10, 20, 64, 1000)] == [24, 24, 12, 4, 3]


@pytest.mark.parametrize(
    ("module", "limit"), [(writing, "_BATCH_TOKENS"), (drafted_cache, "_GROUP_TOKENS")]
)
def test_how_many_are_read_side_by_side_changes_nothing(
    given: tuple[CausalModel, list[WrittenExample]],
    module: ModuleType,
    limit: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, examples = given
    expected = ours(model, examples)

    monkeypatch.setattr(module, limit, 1)

    assert ours(model, examples) == expected


def test_answers_come_in_the_order_of_the_examples(
    given: tuple[CausalModel, list[WrittenExample]],
) -> None:
    model, examples = given

    assert ours(model, examples[::-1]) == ours(model, examples)[::-1]


def test_completions_are_not_read(given: tuple[CausalModel, list[WrittenExample]]) -> None:
    model, examples = given
    blind = [WrittenExample(one.instruction, one.question, (), one.grammar) for one in examples]

    assert ours(model, blind) == ours(model, examples)
    assert [one.alike for one in blind] == [one.alike for one in examples]


def test_logits_that_differ_by_less_than_bfloat16_tells_do_not_tie() -> None:
    # Text 5, 6; a mark is 7, 8. To open outweighs to copy by 1 + 2^-9 against 1.
    grammar = CopyOrTag((5,), Marks(((7,),), (8,), 2))
    vocabulary = torch.zeros(9, 2, dtype=torch.bfloat16)
    vocabulary[5], vocabulary[7] = torch.tensor([1, 0]), torch.tensor([1, 2**-9])

    def hidden(ids: torch.Tensor, _: torch.Tensor, layout: object) -> torch.Tensor:
        del layout
        return torch.ones(len(ids), 2, dtype=torch.bfloat16)

    # As deep as may be: nothing that the model has read changes its mind.
    [written] = write(hidden, vocabulary, [WrittenExample((1,), (5, 3), (), grammar)])

    assert written.values.tolist() == [7, 7, 7, 5, 8, 8, 8, 2]


def test_nothing_is_asked_of_the_model_where_nothing_can_be_chosen(tmp_path: Path) -> None:
    base = tiny_decoder(tmp_path, "llama")
    example = written_examples(base)[0]
    marks = cast("CopyOrTag", example.grammar).marks
    empty = WrittenExample(example.instruction, example.question, (), CopyOrTag((), marks))
    model = stirred_model(base)

    assert ours(model, [empty]) == [[2]]
    assert ours(model, []) == []


def test_what_was_taken_back_is_seen_by_nobody() -> None:
    """Two tokens are read, the second is taken back, and another takes its place."""
    rng = np.random.default_rng(0)
    key = torch.tensor(rng.normal(size=(1, 1, 3, 4)), dtype=torch.float32)
    value = torch.tensor(rng.normal(size=(1, 1, 3, 4)), dtype=torch.float32)
    query = torch.ones(1, 1, 3, 4)
    cache = DraftedCache(1, torch.device("cpu"))

    cache.expect([0], [2])
    cache.attend(0, query[:, :, :2], key[:, :, :2], value[:, :, :2], 1.0)
    cache.expect([1], [1])
    seen = cache.attend(0, query[:, :, 2:], key[:, :, 2:], value[:, :, 2:], 1.0)

    stays = torch.tensor([0, 2])
    weights = torch.softmax((query[0, 0, :1] @ key[0, 0, stays].T), dim=-1)
    assert torch.allclose(seen[0, 0], weights @ value[0, 0, stays], atol=1e-6)


def test_rows_are_taken_a_few_at_a_time_up_to_the_longest_of_them() -> None:
    # 1,024 tokens with padding: 2 x 400, not 3; a long row is a group of its own.
    groups = drafted_cache._grouped([400, 300, 400, 5000, 10, 20], most=1024)

    assert list(groups) == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 6)]


def test_what_all_answers_begin_with_is_seen_by_each_and_kept_once() -> None:
    """Two answers of one token each go on from a beginning of two."""
    rng = np.random.default_rng(0)
    key, value = torch.tensor(rng.normal(size=(2, 1, 1, 4, 4)), dtype=torch.float32)
    # Two queries share a key.
    query = torch.tensor(rng.normal(size=(1, 2, 4, 4)), dtype=torch.float32)
    shared = DraftedCache(1, torch.device("cpu"))
    shared.expect([0], [2])
    shared.attend(0, query[:, :, :2], key[:, :, :2], value[:, :, :2], 0.5)

    cache = shared.shared_by(2, room=1)
    cache.expect([2, 2], [1, 1])
    seen = cache.attend(0, query[:, :, 2:], key[:, :, 2:], value[:, :, 2:], 0.5)

    assert cache._layers[0][0].shape == (1, 2, 1, 4)
    for answer, own in enumerate([[0, 1, 2], [0, 1, 3]]):
        for head in range(2):
            weights = torch.softmax(0.5 * query[0, head, 2 + answer] @ key[0, 0, own].T, dim=-1)
            expected = weights @ value[0, 0, own]
            assert torch.allclose(seen[0, head, answer], expected, atol=1e-6)


def plain_examples(base: BaseModel, grammars: Sequence[Grammar[Any]]) -> list[WrittenExample]:
    tokenizer = HuggingFaceTokenizer(base.folder)
    told = tokenizer.tokenize("No pain. Aspirin 5 mg. No pain.").ids
    return [
        WrittenExample((1, *told[: 5 + number]), told[number:], (2,), grammar)
        for number, grammar in enumerate(grammars)
    ]


def test_free_answers_are_those_of_one_id_at_a_time(tmp_path: Path) -> None:
    base = tiny_decoder(tmp_path, "llama")
    model = stirred_model(base)
    text = HuggingFaceTokenizer(base.folder).tokenize("No pain. No pain.").ids
    # A vocabulary cut short, a length that cuts, and one that does not.
    grammars = [FreeText(text, 259, 2, 12), FreeText(text, 100, 2, 30), FreeText(text, 259, 2, 40)]
    examples = [replace(one, instruction=(1, 5)) for one in plain_examples(base, grammars)]

    answers = ours(model, examples)

    assert answers == generated(model, examples)
    lengths = [len(answer) for answer in answers]
    assert all(length <= most for length, most in zip(lengths, (12, 30, 40), strict=True))
    assert all(answer[-1] == 2 for answer in answers)
    assert max(answers[1]) < 100
    assert len({id_ for answer in answers for id_ in answer}) > 3


def test_a_choice_and_a_free_answer_are_written_side_by_side(tmp_path: Path) -> None:
    base = tiny_decoder(tmp_path, "llama")
    model = stirred_model(base)
    tokenizer = HuggingFaceTokenizer(base.folder)
    each = tuple(tokenizer.tokenize(told).ids for told in ("pain", "pains", "aspirin"))
    free = FreeText(tokenizer.tokenize("No pain.").ids, 259, 2, 9)
    # One instruction, so that they are of one batch.
    examples = [
        replace(one, instruction=(1, 5))
        for one in plain_examples(base, [Choices(each, 2), free, Choices(each[1:], 2)])
    ]

    answers = ours(model, examples)

    assert answers == generated(model, examples)
    assert tuple(answers[0][:-1]) in each
    assert tuple(answers[2][:-1]) in each[1:]


def test_log_probabilities_of_free_answers_are_among_all_ids(tmp_path: Path) -> None:
    base = tiny_decoder(tmp_path, "llama")
    model = stirred_model(base)
    model.model.eval()
    text = HuggingFaceTokenizer(base.folder).tokenize("No pain.").ids
    (example,) = plain_examples(base, [FreeText(text, 259, 2, 9)])

    (output,) = write(model.hidden, model.vocabulary, [example])
    answer = replace(example, completion=tuple(output.values.tolist()))

    assert output.log_probs is not None
    with torch.inference_mode():
        choices = float(model.nats([answer]))
        full = float(replace(model, loss="full").nats([answer]))
    assert -output.log_probs.sum() == pytest.approx(choices, rel=1e-4)
    # The end that has no room to be anything else costs nothing, unless all ids are looked at.
    assert choices < full if len(answer.completion) == 9 else choices == pytest.approx(full)
