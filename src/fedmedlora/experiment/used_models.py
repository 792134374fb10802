"""Which base models the arms of an experiment use, how each is read, and how it is trained."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from fedmedlora.experiment.baselines import MODEL_OF, ModelName
from fedmedlora.experiment.schema import Experiment, Model, Training


def used_models(experiment: Experiment) -> dict[ModelName, Model]:
    """Return the models with a base of their own, that of the experiment first.

    The experiment's is used by every run: what its sites hold is told by it.
    """
    used = ["own", *(MODEL_OF[arm] for arm in experiment.arms if arm in MODEL_OF)]
    return {name: of(experiment) for name, of in _WITH_A_BASE.items() if name in used}


def bert_model(experiment: Experiment) -> Model:
    """Return how the model of `[bert]` is read; what is not said there is as in `[model]`."""
    base = experiment.bert.base
    return replace(experiment.model, base=base, formulation="tagging", quantization="none")


def bert_training(experiment: Experiment) -> Training:
    """Return how the model of `[bert]` is trained: as the others, at rates of its own."""
    bert = experiment.bert
    return replace(
        experiment.training,
        learning_rate=bert.learning_rate,
        head_learning_rate=bert.head_learning_rate,
    )


_WITH_A_BASE: Mapping[ModelName, Callable[[Experiment], Model]] = {
    "own": lambda experiment: experiment.model,
    "bert": bert_model,
}
