from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from opacus.grad_sample.grad_sample_module import GradSampleHooks
from tests.training.tiny_decoders import stirred_model, tiny_decoder, written_examples
from tests.training.tiny_models import TRAINING, TYPES, examples, tagger_of

from fedmedlora.federation.backbone import STRAIGHT, LocalPlan
from fedmedlora.tasks.tagging import IGNORED, TaggingExample
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.lora_linear import called_by_parts
from fedmedlora.training.private_steps import (
    PrivateSteps,
    _heard,
    clipped_sum,
    drawn,
    row_gradients,
    train_privately,
)
from fedmedlora.training.settings import Dtype
from fedmedlora.training.steering import Wheel
from fedmedlora.training.tagging_model import TaggingModel

PLAN = LocalPlan(seed=0, round_index=1, num_rounds=1)
STEPS = PrivateSteps(number=3, rate=0.5, noise_multiplier=1.0, clip=1.0)


class Told:
    """Draws that a test says beforehand; the noise is zero where none is said."""

    def __init__(self, *uniform: Sequence[float], noise: float = 0.0) -> None:
        self._uniform = list(uniform)
        self._noise = noise

    def uniform(self, number: int) -> NDArray[np.float64]:
        told = np.array(self._uniform.pop(0)) if self._uniform else np.zeros(number)
        assert len(told) == number
        return told

    def normal(self, number: int) -> NDArray[np.float64]:
        return np.full(number, self._noise)


def stirred(bert: BaseModel) -> TaggingModel:
    tagger = tagger_of(bert, mark_weight=3.0)
    rng = np.random.default_rng(0)
    tagger.slots.write(
        {n: rng.normal(0, 0.1, a.shape).astype(np.float32) for n, a in tagger.slots.read().items()}
    )
    return tagger


def one_by_one(model: Any, rows: Sequence[Any]) -> list[dict[str, torch.Tensor]]:  # noqa: ANN401
    """Return each row's gradient from a pass of its own, by the layers of ordinary training."""
    found = []
    for row in rows:
        model.model.zero_grad()
        (model.objective([row]) / row.num_label_tokens).backward()
        found.append({n: p.grad.clone() for n, p in model.slots.parameters.items()})
    model.model.zero_grad()
    return found


def of_length(length: int) -> TaggingExample:
    """An example of so many label tokens."""
    rng = np.random.default_rng(length)
    targets = rng.integers(0, 3, (length + 2, len(TYPES)))
    targets[[0, -1]] = IGNORED
    return TaggingExample(tuple(rng.integers(4, 19, length + 2).tolist()), targets)


def norm(gradients: Mapping[str, torch.Tensor]) -> float:
    return float(torch.stack([one.square().sum() for one in gradients.values()]).sum().sqrt())


class TestRowGradients:
    def test_a_tagger_s_are_those_of_one_row_at_a_time(self, bert: BaseModel) -> None:
        model, rows = stirred(bert), examples(7)
        model.model.train()
        expected = one_by_one(model, rows)

        with _heard(model.model):
            found = row_gradients(model, model.slots.parameters, rows)

        for index, one in enumerate(expected):
            for name, gradient in one.items():
                torch.testing.assert_close(found[name][index], gradient, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("architecture", ["llama", "qwen3"])
    def test_a_writer_s_are_those_of_one_row_at_a_time(
        self, tmp_path: Path, architecture: str
    ) -> None:
        base = tiny_decoder(tmp_path, architecture)
        model, rows = stirred_model(base), written_examples(base)
        assert len({len(row.completion) for row in rows}) > 1
        model.model.train()
        expected = one_by_one(model, rows)

        with _heard(model.model):
            found = row_gradients(model, model.slots.parameters, rows)

        for index, one in enumerate(expected):
            for name, gradient in one.items():
                torch.testing.assert_close(found[name][index], gradient, rtol=1e-4, atol=1e-6)

    @pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")
    def test_a_mean_over_the_tokens_of_a_batch_gives_others(self, bert: BaseModel) -> None:
        model, rows = stirred(bert), [of_length(length) for length in (31, 7, 19, 12)]
        model.model.train()
        alone = [norm(one) for one in one_by_one(model, rows)]

        with called_by_parts(model.model):
            hooks = GradSampleHooks(model.model, loss_reduction="mean", strict=False)
            (model.objective(rows) / sum(r.num_label_tokens for r in rows)).backward()  # type: ignore[no-untyped-call]
            of_batch: Any = {n: p.grad_sample for n, p in model.slots.parameters.items()}  # type: ignore[attr-defined]
            hooks.cleanup()
        model.model.zero_grad()
        with _heard(model.model):
            ours = row_gradients(model, model.slots.parameters, rows)

        # Of 4 rows with 69 tokens in all a row of n counts 4 n / 69 times.
        ratios = [norm({n: g[i] for n, g in of_batch.items()}) / alone[i] for i in range(4)]
        assert ratios == pytest.approx([1.797, 0.406, 1.101, 0.696], abs=1e-3)
        ratios = [norm({n: g[i] for n, g in ours.items()}) / alone[i] for i in range(4)]
        assert ratios == pytest.approx([1.0] * 4, abs=1e-5)


class TestClippedSum:
    def test_rows_beyond_the_bound_are_scaled_down_to_it_over_all_tensors(self) -> None:
        # Norms over both tensors: 5, 0.5
        gradients = {"a": torch.tensor([[3.0], [0.3]]), "b": torch.tensor([[4.0], [0.4]])}

        found = clipped_sum(gradients, 1.0)

        assert found["a"].tolist() == pytest.approx([0.6 + 0.3])
        assert found["b"].tolist() == pytest.approx([0.8 + 0.4])

    def test_a_row_that_is_not_finite_counts_as_zero(self) -> None:
        gradients = {"a": torch.tensor([[float("nan")], [float("inf")], [0.5]])}

        assert clipped_sum(gradients, 1.0)["a"].tolist() == [0.5]

    def test_no_row_gives_more_than_the_bound(self) -> None:
        torch.manual_seed(0)
        gradients = {"a": torch.randn(1000, 40) * 10}

        alone = [clipped_sum({"a": gradients["a"][i : i + 1]}, 0.1)["a"] for i in range(1000)]

        assert max(float(one.norm()) for one in alone) <= 0.1


class TestDrawn:
    def test_each_unit_is_drawn_on_its_own_and_gives_one_example(self) -> None:
        units = [examples(2, seed=1), examples(4, seed=2), examples(1, seed=3)]

        found = drawn(units, 0.5, Told([0.49, 0.0, 0.5], [0.99, 0.25, 0.0]))

        # 0.99 * 2 is 1, 0.25 * 4 is 1; the third is not drawn.
        assert [one.input_ids for one in found] == [units[0][1].input_ids, units[1][1].input_ids]

    def test_a_unit_without_examples_gives_none(self) -> None:
        (only,) = examples(1)

        found = drawn([[], [only]], 1.0, Told([0.0, 0.0], [0.0, 0.0]))

        assert [one is only for one in found] == [True]

    def test_nobody_may_be_drawn(self) -> None:
        assert drawn([examples(1)], 0.5, Told([0.5], [0.0])) == []


class TestTrainPrivately:
    def train(
        self, model: TaggingModel, told: Told, steps: PrivateSteps = STEPS, number: int = 8
    ) -> None:
        train_privately(
            model,
            [[one] for one in examples(number)],
            PLAN,
            steps,
            settings=TRAINING,
            randomness=told,
            wheel=Wheel(model.slots.parameters, STRAIGHT),
        )

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_the_adapter_learns_and_the_base_keeps_every_byte(
        self, bert: BaseModel, dtype: Dtype
    ) -> None:
        model = tagger_of(bert, dtype=dtype)
        own = {p.data_ptr() for p in model.slots.parameters.values()}
        base = {n: p.clone() for n, p in model.model.named_parameters() if p.data_ptr() not in own}
        before = model.slots.read()

        self.train(model, Told(noise=0.01))

        after = model.slots.read()
        of_b = [name for name in before if "lora_B" in name]
        assert of_b
        assert max(np.abs(after[name] - before[name]).max() for name in of_b) > 0
        named = dict(model.model.named_parameters())
        assert base
        assert all(torch.equal(named[name], values) for name, values in base.items())

    def test_a_step_that_draws_nobody_is_a_step_of_noise(self, bert: BaseModel) -> None:
        model = tagger_of(bert)
        before = model.slots.read()
        nobody = Told([1.0] * 8, [0.0] * 8, noise=1.0)

        self.train(model, nobody, replace(STEPS, number=1))

        after = model.slots.read()
        # AdamW's first step is the rate, whatever the size of the gradient.
        assert all((np.abs(after[name] - before[name]) > 0).all() for name in before)

    def test_the_divisor_is_the_number_that_is_expected(
        self, bert: BaseModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = tagger_of(bert)
        seen: list[float] = []
        wheel = Wheel(model.slots.parameters, STRAIGHT)
        turn = wheel.turn

        def looked() -> None:
            seen.extend(float(p.grad.abs().max()) for p in model.slots.parameters.values())  # type: ignore[union-attr]
            turn()

        monkeypatch.setattr(wheel, "turn", looked)
        nobody = Told([1.0] * 8, [0.0] * 8, noise=1.0)
        steps = PrivateSteps(number=1, rate=0.5, noise_multiplier=3.0, clip=2.0)

        train_privately(
            model,
            [[one] for one in examples(8)],
            PLAN,
            steps,
            settings=TRAINING,
            randomness=nobody,
            wheel=wheel,
        )

        # sigma C z / (q N) = 3 * 2 * 1 / (0.5 * 8)
        assert seen
        assert seen == pytest.approx([1.5] * len(seen))

    def test_rows_computed_a_few_at_a_time_add_up_to_the_same(self, bert: BaseModel) -> None:
        found = []
        for batch_size in (2, 8):
            model = tagger_of(bert)
            train_privately(
                model,
                [[one] for one in examples(8)],
                PLAN,
                replace(STEPS, rate=1.0, number=1),
                settings=replace(TRAINING, batch_size=batch_size),
                randomness=Told(),
                wheel=Wheel(model.slots.parameters, STRAIGHT),
            )
            found.append(model.slots.read())
        for name, values in found[0].items():
            np.testing.assert_allclose(values, found[1][name], atol=1e-5)

    def test_what_is_frozen_stays_and_nothing_is_left_behind(
        self, bert: BaseModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = tagger_of(bert)
        frozen = frozenset(name for name in model.slots.parameters if "lora_A" in name)
        before = model.slots.read()
        wheel = Wheel(model.slots.parameters, replace(STRAIGHT, frozen=frozen))
        turn = wheel.turn
        piled: list[torch.Tensor | None] = []

        def looked() -> None:
            piled.extend(getattr(model.slots.parameters[n], "grad_sample", None) for n in frozen)
            turn()

        monkeypatch.setattr(wheel, "turn", looked)

        train_privately(
            model,
            [[one] for one in examples(8)],
            PLAN,
            STEPS,
            settings=TRAINING,
            randomness=Told(noise=0.1),
            wheel=wheel,
            frozen=frozen,
        )

        after = model.slots.read()
        assert piled == [None] * (3 * len(frozen))
        assert all(np.array_equal(after[name], before[name]) for name in frozen)
        assert all(p.requires_grad for p in model.slots.parameters.values())
        assert not any(hasattr(p, "grad_sample") for p in model.model.parameters())
        assert not any(
            layer.by_parts for layer in model.model.modules() if hasattr(layer, "by_parts")
        )
