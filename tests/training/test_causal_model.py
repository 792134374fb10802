import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from tests.training.tiny_decoders import stirred_model, tiny_decoder, written_examples
from tests.training.tiny_models import LORA, tiny_bert
from transformers import PhiConfig, PhiForCausalLM
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from fedmedlora.errors import ModelError
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.tasks.copy_or_tag import CopyOrTag, Marks
from fedmedlora.training.base_models import BaseModel, find_base_model
from fedmedlora.training.causal_model import AnswerLoss, CausalModel, load_causal_model
from fedmedlora.training.shared_prefix import ATTENTION


@pytest.fixture(scope="module", params=["llama", "qwen3", "mistral"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_decoder(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_decoder(tmp_path_factory.mktemp("llama"), "llama")


def gradients(model: CausalModel, objective: Callable[[], torch.Tensor]) -> torch.Tensor:
    model.model.zero_grad()
    objective().backward()  # type: ignore[no-untyped-call]
    return torch.cat(
        [p.grad.flatten() for p in model.slots.parameters.values() if p.grad is not None]
    )


def plain_nats(model: CausalModel, example: WrittenExample) -> list[float]:
    """Return -log p of each id of an answer, from one plain pass over all its ids."""
    ids = [*example.instruction, *example.question, *example.completion]
    plain: Any = cast("Any", model.model).get_base_model()
    plain.set_attn_implementation("eager")
    with torch.inference_mode():
        logits = plain(torch.tensor([ids])).logits[0]
    plain.set_attn_implementation("fedmedlora")
    first = len(ids) - len(example.completion)
    nats = []
    for index, (id_, step) in enumerate(zip(example.completion, example.steps, strict=True)):
        row = logits[first + index - 1]
        known = torch.tensor(step.legal) if model.loss == "choices" else torch.arange(len(row))
        nats.append(float(torch.logsumexp(row[known], 0) - row[id_]))
    return nats


@pytest.mark.parametrize("loss", ["choices", "full"])
class TestTogether:
    def test_the_loss_is_that_of_plain_passes(self, base: BaseModel, loss: AnswerLoss) -> None:
        model, examples = stirred_model(base, loss=loss), written_examples(base)

        together = float(model.nats(examples).detach())

        apart = [plain_nats(model, example) for example in examples]
        assert together == pytest.approx(sum(map(sum, apart)), rel=1e-5)

    def test_gradients_are_those_of_separate_sequences(
        self, base: BaseModel, loss: AnswerLoss
    ) -> None:
        model, examples = stirred_model(base, loss=loss), written_examples(base)

        together = gradients(model, lambda: model.objective(examples))
        apart = gradients(
            model, lambda: torch.stack([model.objective([one]) for one in examples]).sum()
        )

        assert len({example.instruction for example in examples}) == 2
        assert float((together - apart).norm() / apart.norm()) < 1e-5


class TestObjective:
    def test_counts_marks_more(self, llama: BaseModel) -> None:
        model, example = stirred_model(llama), written_examples(llama)[0]

        objective = float(model.objective([example]).detach())

        nats = plain_nats(model, example)
        marks = [step.is_mark for step in example.steps]
        assert 0 < sum(marks) < len(marks)
        expected = sum(n * (3 if is_mark else 1) for n, is_mark in zip(nats, marks, strict=True))
        assert objective == pytest.approx(expected, rel=1e-5)

    def test_of_choices_is_nothing_where_only_one_is_legal(self, llama: BaseModel) -> None:
        model = stirred_model(llama)
        nats = plain_nats(model, written_examples(llama)[0])

        forced = [len(step.legal) == 1 for step in written_examples(llama)[0].steps]
        assert all(n == 0 for n, is_forced in zip(nats, forced, strict=True) if is_forced)

    def test_of_an_even_guess_is_ln_of_the_choices(self, llama: BaseModel) -> None:
        model, example = stirred_model(llama), written_examples(llama)[0]
        with torch.no_grad():
            model.vocabulary.zero_()

        nats = float(model.nats([example]).detach())
        full = float(replace(model, loss="full").nats([example]).detach())

        # 259 ids in the vocabulary: 256 bytes and three special ones
        assert nats == pytest.approx(sum(math.log(len(step.legal)) for step in example.steps))
        assert full == pytest.approx(len(example.completion) * math.log(259))


def test_the_adapter_starts_as_no_change(llama: BaseModel) -> None:
    model = load_causal_model(
        llama, lora=LORA, dtype="float32", quantization="none", loss="full", mark_weight=1.0, seed=0
    )
    example = written_examples(llama)[0]

    with model.model.disable_adapter():
        bare = float(model.nats([example]).detach())

    assert float(model.nats([example]).detach()) == bare
    assert not any("embed" in name or "lm_head" in name for name in model.slots.parameters)


def test_narrow_products_come_close(llama: BaseModel) -> None:
    examples = written_examples(llama)
    wide = float(stirred_model(llama).nats(examples).detach())
    narrow = load_causal_model(
        llama,
        lora=LORA,
        dtype="bfloat16",
        quantization="none",
        loss="choices",
        mark_weight=3.0,
        seed=0,
    )
    narrow.slots.write(stirred_model(llama).slots.read())

    assert float(narrow.nats(examples).detach()) == pytest.approx(wide, rel=0.05)


def test_a_base_whose_logits_have_a_bias_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    phi = PhiConfig(
        vocab_size=259, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=64,
    )  # fmt: skip
    PhiForCausalLM(phi).save_pretrained(tmp_path)

    with pytest.raises(ModelError, match="found logits with a bias"):
        stirred_model(find_base_model(str(tmp_path)))


def test_lora_on_the_output_layer_is_refused(llama: BaseModel) -> None:
    with pytest.raises(ModelError, match="target_modules: found the output layer of"):
        load_causal_model(
            llama,
            lora=replace(LORA, target_modules=("q_proj", "lm_head")),
            dtype="float32",
            quantization="none",
            loss="full",
            mark_weight=1.0,
            seed=0,
        )


def test_a_window_without_a_choice_has_no_loss(llama: BaseModel) -> None:
    example = written_examples(llama)[0]
    assert isinstance(example.grammar, CopyOrTag)
    text = example.grammar.marks.closing[:1]
    # The only mark begins as the text does.
    grammar = CopyOrTag(text, Marks(((*text, 9),), (*text, 8), 2))
    forced = WrittenExample(example.instruction, (*text, 9), (*text, 2), grammar)

    assert float(stirred_model(llama).nats([forced]).detach()) == 0


def test_a_base_that_cannot_go_on_with_a_text_is_refused(tmp_path: Path) -> None:
    bert = tiny_bert(tmp_path)

    with pytest.raises(ModelError, match="missing"):
        load_causal_model(
            bert,
            lora=LORA,
            dtype="float32",
            quantization="none",
            loss="choices",
            mark_weight=1.0,
            seed=0,
        )


@pytest.mark.parametrize("asked", ["softcap", "s_aux"])
def test_attention_that_is_not_plain_is_refused(asked: str) -> None:
    attend = ALL_ATTENTION_FUNCTIONS[ATTENTION]

    with pytest.raises(ModelError, match="found attention with a soft cap or sinks"):
        attend(
            torch.nn.Linear(1, 1),
            *[torch.ones(1)] * 3,
            None,
            scaling=1.0,
            layout=None,
            **{asked: 1.0},
        )
