import gc
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from tests.training.tiny_models import LORA, TRAINING, examples, tagger_of
from torch.optim.optimizer import register_optimizer_step_pre_hook

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import TrainingError
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.tasks.tagging import IGNORED, TaggingExample
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.settings import TrainingSettings
from fedmedlora.training.tagging_model import TaggingModel
from fedmedlora.training.trainer import mean_loss, rate_factor, train

HEAD_WEIGHT = "base_model.model.classifier.weight"
HEAD_BIAS = "base_model.model.classifier.bias"
PLAN = LocalPlan(seed=7, round_index=1, num_rounds=1)
LN_3 = math.log(3)


@pytest.fixture(autouse=True)
def same_bytes() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    yield
    torch.use_deterministic_algorithms(mode=False)
    torch.set_num_threads(threads)


@pytest.fixture
def rates() -> Iterator[list[list[float]]]:
    """The learning rates of every step taken in a test, by parameter group."""
    seen: list[list[float]] = []

    def look(optimizer: torch.optim.Optimizer, *_: object) -> None:
        seen.append([group["lr"] for group in optimizer.param_groups])

    hook = register_optimizer_step_pre_hook(look)
    yield seen
    hook.remove()


def digest(adapter: AdapterWeights) -> str:
    content = b"".join(adapter[name].tobytes() for name in sorted(adapter))
    return hashlib.sha256(content).hexdigest()


def trained(
    tagger: TaggingModel,
    accelerator: Accelerator,
    given: Sequence[TaggingExample],
    *,
    plan: LocalPlan = PLAN,
    settings: TrainingSettings = TRAINING,
) -> AdapterWeights:
    train(tagger, given, plan, settings=settings, accelerator=accelerator)
    return tagger.slots.read()


def with_head(adapter: AdapterWeights, *, bias: Sequence[float]) -> AdapterWeights:
    """The adapter with a head that says the same of every token."""
    return {
        **adapter,
        HEAD_WEIGHT: np.zeros_like(adapter[HEAD_WEIGHT]),
        HEAD_BIAS: np.array(bias, dtype=np.float32),
    }


class TestRateFactor:
    @pytest.mark.parametrize(
        ("progress", "warmup", "expected"),
        [
            (0.0, 0.2, 0.0),
            (0.05, 0.2, 0.25),  # 0.05 / 0.2
            (0.2, 0.2, 1.0),
            (0.6, 0.2, 0.5),  # half of the rest: (1 + cos(pi / 2)) / 2
            (1.0, 0.2, 0.0),
            (0.0, 0.0, 1.0),
            (1 / 3, 0.0, 0.75),  # (1 + cos(pi / 3)) / 2 = (1 + 0.5) / 2
            (2 / 3, 0.0, 0.25),
        ],
    )
    def test_rises_and_falls_as_the_formula_says(
        self, progress: float, warmup: float, expected: float
    ) -> None:
        assert rate_factor(progress, warmup=warmup) == pytest.approx(expected, abs=1e-15)

    @given(st.floats(0, 1), st.floats(0, 0.99))
    def test_lies_between_nothing_and_the_peak(self, progress: float, warmup: float) -> None:
        assert 0 <= rate_factor(progress, warmup=warmup) <= 1


class TestSchedule:
    def test_two_rounds_follow_one_curve(
        self, tagger: TaggingModel, accelerator: Accelerator, rates: list[list[float]]
    ) -> None:
        given = examples(8)  # 2 steps of 4 a round, 4 in all
        settings = replace(TRAINING, warmup=0.25, learning_rate=0.01)

        for round_index in (1, 2):
            plan = LocalPlan(seed=round_index, round_index=round_index, num_rounds=2)
            trained(tagger, accelerator, given, plan=plan, settings=settings)

        # progress 1/8, 3/8, 5/8, 7/8; from 1/4 on (1 + cos(pi (p - 1/4) / (3/4))) / 2
        angles = [math.pi / 6, math.pi / 2, 5 * math.pi / 6]
        expected = [0.5] + [(1 + math.cos(angle)) / 2 for angle in angles]
        assert [step[0] for step in rates] == pytest.approx([0.01 * e for e in expected], rel=1e-12)

    def test_one_round_of_two_epochs_follows_the_curve_of_two_rounds_of_one(
        self, tagger: TaggingModel, accelerator: Accelerator, rates: list[list[float]]
    ) -> None:
        given = examples(10)  # 3 steps an epoch, the last of 2 examples

        trained(tagger, accelerator, given, settings=replace(TRAINING, epochs=2))
        for round_index in (1, 2):
            plan = LocalPlan(seed=0, round_index=round_index, num_rounds=2)
            trained(tagger, accelerator, given, plan=plan)

        assert len(rates) == 12
        assert rates[:6] == rates[6:]

    def test_a_small_site_takes_smaller_batches(
        self, tagger: TaggingModel, accelerator: Accelerator, rates: list[list[float]]
    ) -> None:
        # 8 examples make 2 batches of 4; to reach 3 steps a batch may have 8 // 3 = 2 of them.
        for min_steps in (2, 3):
            settings = replace(TRAINING, min_steps=min_steps)
            trained(tagger, accelerator, examples(8), settings=settings)

        assert len(rates) == 2 + 4

    def test_the_rounds_of_a_pass_read_every_example_once(
        self, tagger: TaggingModel, accelerator: Accelerator, rates: list[list[float]]
    ) -> None:
        """Five examples in two rounds: the first, third and fifth, then the second and fourth."""
        given = examples(5)
        settings = replace(TRAINING, rounds_per_epoch=2, batch_size=1)
        start = tagger.slots.read()

        for round_index, part in ((1, given[0::2]), (2, given[1::2])):
            plan = LocalPlan(seed=3, round_index=round_index, num_rounds=2)
            halves = []
            for read, how in ((given, settings), (part, replace(settings, rounds_per_epoch=1))):
                tagger.slots.write(start)
                halves.append(digest(trained(tagger, accelerator, read, plan=plan, settings=how)))
            assert halves[0] == halves[1]

        assert len(rates) == 2 * (3 + 2)

    def test_a_step_has_one_example_at_least(
        self, tagger: TaggingModel, accelerator: Accelerator, rates: list[list[float]]
    ) -> None:
        trained(tagger, accelerator, examples(3), settings=replace(TRAINING, min_steps=5))

        assert len(rates) == 3

    def test_the_head_may_have_its_own_peak(
        self, tagger: TaggingModel, accelerator: Accelerator, rates: list[list[float]]
    ) -> None:
        settings = replace(TRAINING, learning_rate=0.01, head_learning_rate=0.03)

        trained(tagger, accelerator, examples(4), settings=settings)

        # One step, at progress 1/2, so half of each peak: of A, B and the head.
        assert rates == [pytest.approx([0.005, 0.005, 0.015], rel=1e-12)]

    def test_b_may_learn_faster_than_a(
        self, tagger: TaggingModel, accelerator: Accelerator, rates: list[list[float]]
    ) -> None:
        settings = replace(TRAINING, learning_rate=0.01, rate_ratio=4.0)
        before = tagger.slots.read()

        after = trained(tagger, accelerator, examples(4), settings=settings)

        assert rates == [pytest.approx([0.00125, 0.005, 0.005], rel=1e-12)]
        # Adam's first step is as long as the rate; A has no gradient as long as B is zero.
        moved = {name: float(np.abs(after[name] - before[name]).max()) for name in after}
        assert all(
            moved[name] == pytest.approx(0.005, rel=0.01) for name in moved if "lora_B" in name
        )
        assert {moved[name] for name in moved if "lora_A" in name} == {0.0}


class TestGradients:
    def test_are_of_the_mean_over_label_tokens(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        """Examples that are all alike have the gradient of one, however many a batch has."""
        start, given = tagger.slots.read(), examples(1)
        norms: list[float] = []

        def look(optimizer: torch.optim.Optimizer, *_: object) -> None:
            (bias,) = (p for p in optimizer.param_groups[-1]["params"] if p.ndim == 1)
            norms.append(float(bias.grad.norm()))

        hook = register_optimizer_step_pre_hook(look)
        for number in (1, 4):
            tagger.slots.write(start)
            settings = replace(TRAINING, max_gradient_norm=1e6)
            trained(tagger, accelerator, given * number, settings=settings)
        hook.remove()

        assert norms[1] == pytest.approx(norms[0], rel=1e-5)

    def test_are_cut_to_their_largest_norm(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        before = tagger.slots.read()
        settings = replace(TRAINING, max_gradient_norm=1e-12)

        after = trained(tagger, accelerator, examples(4), settings=settings)

        # AdamW's step is rate * g / (|g| + 1e-8), so at most 0.01 * 1e-12 / 1e-8 here, not 0.01.
        # The bias of 4 cannot show a change so small: float32 has 7 digits.
        moved = max(np.abs(after[name] - before[name]).max() for name in before)
        assert 0 < moved <= 1.01e-6


class TestSameBytes:
    @pytest.mark.parametrize("kind", ["bert", "llama"])
    def test_the_same_seed_trains_the_same_bytes(
        self, kind: str, request: pytest.FixtureRequest, accelerator: Accelerator
    ) -> None:
        base: BaseModel = request.getfixturevalue(kind)

        adapters = [trained(tagger_of(base), accelerator, examples(12)) for _ in range(2)]

        assert digest(adapters[0]) == digest(adapters[1])

    def test_dropout_of_the_adapter_follows_the_seed(
        self, bert: BaseModel, accelerator: Accelerator
    ) -> None:
        """A batch of all examples: their order is the seed's too, but does not matter here."""
        lora, settings = replace(LORA, dropout=0.5), replace(TRAINING, batch_size=4, epochs=3)
        given = [examples(1)[0]] * 4

        digests = []
        for seed in (7, 7, 8):
            model = tagger_of(bert, lora=lora)
            plan = replace(PLAN, seed=seed)
            digests.append(digest(trained(model, accelerator, given, plan=plan, settings=settings)))

        assert digests[0] == digests[1] != digests[2]

    def test_another_seed_trains_other_bytes(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        start = tagger.slots.read()
        one = trained(tagger, accelerator, examples(12))
        tagger.slots.write(start)

        other = trained(tagger, accelerator, examples(12), plan=replace(PLAN, seed=8))

        assert digest(one) != digest(other)

    def test_a_training_before_leaves_no_trace(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        start = tagger.slots.read()
        first = trained(tagger, accelerator, examples(12))
        trained(tagger, accelerator, examples(20, seed=1))
        tagger.slots.write(start)

        again = trained(tagger, accelerator, examples(12))

        assert digest(again) == digest(first)


class TestLoss:
    def test_of_an_even_guess_is_ln_3_a_channel(self, tagger: TaggingModel) -> None:
        tagger.slots.write(with_head(tagger.slots.read(), bias=[0.0] * 6))

        loss = mean_loss(tagger, examples(9))

        # Every label token has two known channels.
        assert loss == pytest.approx(2 * LN_3, rel=1e-6)

    def test_is_the_sum_over_all_tokens_by_the_number_of_label_tokens(
        self, tagger: TaggingModel
    ) -> None:
        # Logits 0, ln 2, ln 5: probabilities 1/8, 2/8, 5/8; the second channel is even.
        bias = [0.0, math.log(2), math.log(5), 0.0, 0.0, 0.0]
        tagger.slots.write(with_head(tagger.slots.read(), bias=bias))
        x = IGNORED
        given = [
            TaggingExample((2, 8, 9, 3), np.array([[x, x], [0, x], [2, 1], [x, x]])),
            TaggingExample(
                (2, 8, 9, 10, 8, 3), np.array([[x, x], [x, x], [1, x], [x, 0], [x, x], [x, x]])
            ),
        ]

        loss = mean_loss(tagger, given)

        # First channel: ln 8 + ln 8/5 + ln 4; second: ln 3 twice; on 4 label tokens.
        expected = (math.log(8) + math.log(8 / 5) + math.log(4) + 2 * LN_3) / 4
        assert loss == pytest.approx(expected, rel=1e-6)

    def test_padding_does_not_change_it(self, tagger: TaggingModel) -> None:
        given = examples(6)

        together = mean_loss(tagger, given)

        apart = [mean_loss(tagger, [example]) for example in given]
        tokens = [example.num_label_tokens for example in given]
        expected = sum(n * loss for n, loss in zip(tokens, apart, strict=True)) / sum(tokens)
        assert together == pytest.approx(expected, rel=1e-6)

    def test_of_nothing_is_refused(self, tagger: TaggingModel) -> None:
        blank = TaggingExample((2, 8, 3), np.full((3, 2), IGNORED))

        with pytest.raises(TrainingError, match="found no label token, expected annotated notes"):
            mean_loss(tagger, [blank])

    def test_that_training_returns_is_that_of_the_last_epoch(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        """With a learning rate of next to nothing every epoch has the loss of the start."""
        tagger.slots.write(with_head(tagger.slots.read(), bias=[0.0] * 6))
        settings = replace(TRAINING, epochs=2, learning_rate=1e-12)

        loss = train(tagger, examples(10), PLAN, settings=settings, accelerator=accelerator)

        assert loss == pytest.approx(2 * LN_3, rel=1e-6)

    def test_falls(self, tagger: TaggingModel, accelerator: Accelerator) -> None:
        given = examples(8)
        before = mean_loss(tagger, given)

        trained(tagger, accelerator, given, settings=replace(TRAINING, epochs=10))

        assert mean_loss(tagger, given) < before / 2


class TestUnknownTypes:
    def test_move_nothing_in_their_rows_of_the_head(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        given = examples(8)
        for example in given:
            example.targets[:, 1] = IGNORED
        before = tagger.slots.read()

        after = trained(tagger, accelerator, given)

        for name in (HEAD_WEIGHT, HEAD_BIAS):
            # Rows 0 to 2 are the tags of the first type, 3 to 5 those of the second.
            assert not np.array_equal(after[name][:3], before[name][:3])
            assert np.array_equal(after[name][3:], before[name][3:])


class TestTrouble:
    @pytest.mark.parametrize(
        "given",
        [[], [TaggingExample((2, 8, 3), np.full((3, 2), IGNORED))]],
        ids=["none", "unlabelled"],
    )
    def test_nothing_to_train_on(
        self, tagger: TaggingModel, accelerator: Accelerator, given: list[TaggingExample]
    ) -> None:
        with pytest.raises(TrainingError, match="found no label token, expected at least one"):
            trained(tagger, accelerator, given)

    def test_a_loss_that_is_not_finite(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        settings = replace(TRAINING, learning_rate=1e30)

        with pytest.raises(TrainingError, match=r"found a loss of (nan|inf), expected a finite"):
            trained(tagger, accelerator, examples(12), settings=settings)

    def test_a_weight_that_is_not_finite_after_the_last_step(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        # One step, so that no later loss can tell: 1 - rate * decay overflows times 4, a bias.
        settings = replace(TRAINING, learning_rate=1e30, weight_decay=1e9)

        with pytest.raises(TrainingError, match=r"not finite in '.*', expected finite weights"):
            trained(tagger, accelerator, examples(3), settings=settings)

    def test_of_one_training_does_not_reach_the_next(
        self, tagger: TaggingModel, accelerator: Accelerator
    ) -> None:
        start = tagger.slots.read()
        expected = digest(trained(tagger, accelerator, examples(12)))
        tagger.slots.write(start)
        with pytest.raises(TrainingError):
            trained(
                tagger, accelerator, examples(12), settings=replace(TRAINING, learning_rate=1e30)
            )
        tagger.slots.write(start)

        assert digest(trained(tagger, accelerator, examples(12))) == expected


def test_memory_does_not_grow_from_training_to_training(
    tagger: TaggingModel, accelerator: Accelerator
) -> None:
    def num_tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    trained(tagger, accelerator, examples(8))
    before = num_tensors()

    for seed in range(20):
        trained(tagger, accelerator, examples(8), plan=replace(PLAN, seed=seed))

    assert num_tensors() <= before
