from dataclasses import replace

import pytest
from tests.experiment.fakes import experiment, toml

from fedmedlora.experiment.baselines import Bert
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.used_models import bert_model, bert_training, used_models


@pytest.fixture
def mixed() -> Experiment:
    """An experiment whose own model writes in four bits, and with a small one beside it."""
    whole = experiment(toml(("zero_shot", "bert")))
    return replace(
        whole,
        model=replace(whole.model, formulation="markup", quantization="4bit", window_tokens=64),
        training=replace(whole.training, learning_rate=2e-3, head_learning_rate=None, epochs=3),
        bert=Bert(base="bundled", learning_rate=3e-5, head_learning_rate=4e-3),
    )


@pytest.mark.parametrize(
    ("arms", "used"),
    [
        (("zero_shot", "fed_medlora", "few_shot"), ["own"]),
        (("bert", "zero_shot"), ["own", "bert"]),
        (("bert",), ["own", "bert"]),
        # What is asked over the network has no base here.
        (("endpoint_zero_shot",), ["own"]),
    ],
)
def test_a_model_is_used_where_one_of_its_arms_is(arms: tuple[str, ...], used: list[str]) -> None:
    assert list(used_models(replace(experiment(toml(["zero_shot"])), arms=arms))) == used


def test_the_small_model_tags_unquantized_in_the_windows_of_the_other(mixed: Experiment) -> None:
    assert used_models(mixed) == {"own": mixed.model, "bert": bert_model(mixed)}
    assert bert_model(mixed) == replace(
        mixed.model, base="bundled", formulation="tagging", quantization="none"
    )


def test_it_is_trained_as_the_other_at_rates_of_its_own(mixed: Experiment) -> None:
    training = bert_training(mixed)

    assert (training.learning_rate, training.head_learning_rate) == (3e-5, 4e-3)
    assert replace(training, learning_rate=2e-3, head_learning_rate=None) == mixed.training
