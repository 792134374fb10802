"""From a description of a model and the notes of some sites to an engine that can run them.

What loads torch is imported where a base model is opened: a process that has workers do that starts
them at once, and holds no torch itself.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Any

from fedmedlora.adapters.shelves import Shelf
from fedmedlora.engines.endpoint.opening import open_endpoint
from fedmedlora.engines.local import LocalEngine
from fedmedlora.engines.parallel import ParallelEngine
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.baselines import ModelName
from fedmedlora.experiment.places import EngineChoice
from fedmedlora.experiment.schema import Experiment, Model, Training
from fedmedlora.experiment.used_models import bert_model, bert_training
from fedmedlora.federation.engine import Engine
from fedmedlora.privacy.ckks import Key, new_key
from fedmedlora.privacy.spending import Spending


def engine_of(
    name: ModelName,
    experiment: Experiment,
    cohorts: Mapping[str, Cohort],
    types: tuple[str, ...],
    *,
    shelf: Shelf,
    environ: Mapping[str, str],
    spending: Spending | None = None,
) -> AbstractContextManager[Engine]:
    """Return the engine of one of an experiment's models, closed on leaving.

    Args:
        types: All that will be asked for.
        shelf: Where sites keep what does not travel.
        environ: The environment's variables, one of which may hold a key.
        spending: Where it is written down what private training takes; None trains without.

    Raises:
        InputError: Notes would be sent away without leave, or a key is missing.
        ModelError: As `open_model` has it.
        EngineError: A worker ended before it was ready.
    """
    openings: Mapping[ModelName, _Opening] = {
        "own": partial(_own, shelf, spending),
        "bert": partial(_bert, shelf),
        "endpoint": partial(_endpoint, environ),
    }
    return openings[name](experiment, cohorts, types)


@contextmanager
def open_engine(choice: EngineChoice, opening: Callable[[], Engine]) -> Iterator[Engine]:
    """Give the engine of an experiment, and close it.

    Args:
        opening: Makes an engine in the process in which it is called; can be pickled.

    Raises:
        ModelError: The base model cannot be opened.
        EngineError: A worker ended before it was ready.
    """
    one = choice.workers == 1
    engine = opening() if one else ParallelEngine(opening, num_workers=choice.workers)
    with closing(engine):
        yield engine


def open_local(  # noqa: PLR0913 -- by name, one for each thing that sites have
    model: Model,
    training: Training,
    cohorts: Mapping[str, Cohort],
    types: tuple[str, ...],
    *,
    seed: int,
    shelf: Shelf,
    digest: str | None = None,
    blind_key: Key | None = None,
    spending: Spending | None = None,
) -> LocalEngine[Any]:
    """Return an engine in this process with its base model loaded.

    Args:
        types: All that will be asked for; the channels of a tagging head.
        shelf: Where sites keep what does not travel; can be pickled.
        digest: What the sha256 of the base's weights must be; None takes it as it is.
        blind_key: What sites encrypt with whose updates stay with them.
        spending: Where it is written down what private training takes; None trains without.

    Raises:
        ModelError: As `open_model` has it.
    """
    from fedmedlora.engines.models import open_model  # noqa: PLC0415 -- see above

    opened = open_model(model, training, types, seed=seed, digest=digest)
    return opened.engine(
        cohorts,
        shelf=shelf,
        blind_key=blind_key,
        spending=spending,
    )


def open_whole(
    model: Model,
    training: Training,
    cohorts: Mapping[str, Cohort],
    types: tuple[str, ...],
    *,
    seed: int,
    shelf: Shelf,
) -> Engine:
    """Return an engine in this process whose base model is trained whole.

    Raises:
        ModelError: As `open_whole_model` has it.
    """
    from fedmedlora.engines.models import open_whole_model  # noqa: PLC0415 -- see above

    opened = open_whole_model(model, training, types, seed=seed)
    return opened.engine(cohorts, shelf=shelf)


_Opening = Callable[
    [Experiment, Mapping[str, Cohort], tuple[str, ...]], AbstractContextManager[Engine]
]


def _own(
    shelf: Shelf,
    spending: Spending | None,
    experiment: Experiment,
    cohorts: Mapping[str, Cohort],
    types: tuple[str, ...],
) -> AbstractContextManager[Engine]:
    model, training, seed = experiment.model, experiment.training, experiment.seed
    # On one machine there is nobody to hide from; the steps are those of hospitals.
    key = new_key() if experiment.aggregation.sees == "sum" else None
    opening = partial(
        open_local,
        model,
        training,
        cohorts,
        types,
        seed=seed,
        shelf=shelf,
        blind_key=key,
        spending=spending,
    )
    return open_engine(experiment.engine, opening)


def _bert(
    shelf: Shelf, experiment: Experiment, cohorts: Mapping[str, Cohort], types: tuple[str, ...]
) -> AbstractContextManager[Engine]:
    model, training, seed = bert_model(experiment), bert_training(experiment), experiment.seed
    opening = partial(open_whole, model, training, cohorts, types, seed=seed, shelf=shelf)
    return open_engine(experiment.engine, opening)


def _endpoint(
    environ: Mapping[str, str],
    experiment: Experiment,
    cohorts: Mapping[str, Cohort],
    types: tuple[str, ...],
) -> AbstractContextManager[Engine]:
    return closing(open_endpoint(experiment, cohorts, types, environ=environ))
