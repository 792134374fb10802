"""A trained adapter with all it takes to use it, out of a run or an adapter folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import AdapterWeights, names_fault, shape_fault
from fedmedlora.engines.local import LocalEngine
from fedmedlora.engines.opening import open_local
from fedmedlora.errors import Fault, InputError, ModelError
from fedmedlora.evaluation.calibration import UNCALIBRATED, Calibration
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.arms import federated_arms
from fedmedlora.experiment.calibrating import calibration_of
from fedmedlora.experiment.database import has_run
from fedmedlora.experiment.schema import Model, Training
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.toml_reading import read_table
from fedmedlora.federation.patches import as_adapter
from fedmedlora.federation.strategies import methods
from fedmedlora.federation.weighting import Weighting
from fedmedlora.ranges import Rule
from fedmedlora.training.peft_folder import is_peft_folder, read_peft_folder

_SCHEMA = 2
_ANY = Weighting(1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Source:
    """A trained adapter and how it was made.

    Attributes:
        origin: Which arm and round of which experiment it is, in words.
        base_digest: sha256 of the base model it belongs to.
        types: Channels of its tagging head.
        place: Where it was read, for errors.
        arm: Of the run it was read from; None for an adapter folder, of whose run nothing is known.
        calibration: How likely its finds are right, by how likely it held them; nothing where
            nobody counted.
    """

    adapter: AdapterWeights
    origin: str
    base_digest: str
    model: Model
    training: Training
    types: tuple[str, ...]
    seed: int
    place: str
    arm: str | None = None
    calibration: Calibration = UNCALIBRATED

    def engine(self, cohorts: Mapping[str, Cohort]) -> LocalEngine[Any]:
        """Return an engine over some sites for this adapter.

        Raises:
            ModelError: The base model on this machine is not the adapter's, or the adapter does
                not fit into it.
        """
        engine = open_local(
            self.model,
            self.training,
            cohorts,
            self.types,
            seed=self.seed,
            digest=self.base_digest,
            # The methods that an adapter trains on with keep nothing at a site.
            shelf=MemoryShelf(),
        )
        self.require_fit(engine.initial())
        return engine

    def require_fit(self, expected: AdapterWeights) -> None:
        """Check that the adapter is one of a base, as its untrained adapter shows.

        Raises:
            ModelError: Names or shapes differ.
        """
        found = self.adapter
        shapes = (shape_fault(name, found[name].shape, expected[name].shape) for name in expected)
        # Shapes are looked at only where the names agree.
        if fault := names_fault(found, expected) or next(filter(None, shapes), None):
            made_for = replace(fault, advice="use the base, rank and types it was made for")
            raise ModelError(f"{self.place}: {made_for}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What stands beside the weights of an exported adapter."""

    schema: Annotated[int, Rule(f"that is {_SCHEMA}", lambda schema: schema == _SCHEMA)]
    origin: str
    base_sha256: str
    types: tuple[str, ...]
    seed: int
    model: Model
    training: Training
    calibration: Calibration = UNCALIBRATED


def open_source(path: Path, *, arm: str | None) -> Source:
    """Return the adapter of a run's arm, or that of an adapter folder.

    Raises:
        InputError: There is neither a run nor an adapter, or no such arm.
    """
    if is_peft_folder(path):
        return _from_folder(path)
    if not has_run(path):
        expected = "a folder with run.sqlite, or with adapter_config.json and its weights"
        raise InputError([Fault(str(path), "neither a run nor an adapter", expected)])
    with RunStore.open(path) as store:
        experiment, (name, chosen) = store.experiment(), _arm(store, arm)
        adapter, times = as_adapter(store.adapters.get(chosen["adapter"]))
        _require_one_model(name, adapter, place=f"{path}: --arm")
        lora = experiment.model.lora
        wide = replace(lora, rank=lora.rank * times, alpha=lora.alpha * times)
        return Source(
            adapter=adapter,
            origin=f"{name} of {experiment.name}, {_trained(chosen['best_round'])}",
            base_digest=store.meta("models")["own"]["base"],
            model=replace(experiment.model, lora=wide),
            training=experiment.training,
            types=tuple(store.meta("types")),
            seed=experiment.seed,
            place=str(path),
            arm=name,
            calibration=calibration_of(chosen),
        )


def facts_of(source: Source) -> dict[str, Any]:
    """Return what stands beside the weights of an exported adapter, as `open_source` reads it."""
    facts = _Facts(
        schema=_SCHEMA,
        origin=source.origin,
        base_sha256=source.base_digest,
        types=source.types,
        seed=source.seed,
        model=source.model,
        training=source.training,
        calibration=source.calibration,
    )
    # What is left out reads as its default, and None is one wherever it may stand.
    return asdict(facts, dict_factory=lambda items: {k: v for k, v in items if v is not None})


def _from_folder(path: Path) -> Source:
    adapter, written = read_peft_folder(path)
    reading = read_table(_Facts, written, where=f"{path}/fedmedlora.json")
    if reading.faults:
        raise InputError(reading.faults)
    facts = _Facts(**reading.values)
    return Source(
        adapter=adapter,
        origin=facts.origin,
        base_digest=facts.base_sha256,
        model=facts.model,
        training=facts.training,
        types=facts.types,
        seed=facts.seed,
        place=str(path),
        calibration=facts.calibration,
    )


def _trained(best_round: int | None) -> str:
    return f"round {best_round}" if best_round else "untrained"


def _arm(store: RunStore, name: str | None) -> tuple[str, dict[str, Any]]:
    """Return the name and the document of the arm that was asked for, or of the federated one."""
    finished = {arm: store.arm(arm) or {} for arm in store.arms()}
    usable = [arm for arm, document in finished.items() if _is_an_adapter(document)]
    chosen = name or next(iter(federated_arms(usable)), None)
    if chosen in usable:
        return chosen, finished[chosen]
    found = f"{name!r}, which is no finished arm" if name else "no federated arm that is finished"
    if chosen in finished:
        found = f"{chosen}, which is more than an adapter of the experiment's model"
    expected = f"one of {', '.join(usable)}" if usable else "a run with an arm that has an adapter"
    raise InputError([Fault(f"{store.folder}: --arm", found, expected)])


def _is_an_adapter(document: Mapping[str, Any]) -> bool:
    """Return whether an arm is known by its adapter alone, not by what is shown or whom it asks."""
    model: str = document["model"]
    return model == "own" and document["kind"] != "prompted"


def _require_one_model(arm: str, adapter: AdapterWeights, *, place: str) -> None:
    method = methods().get(arm)
    if method is None or not method.strategy(arm, method.settings(), _ANY).local.owns(adapter):
        return
    found = f"{arm}, whose sites each read with tensors of their own"
    advice = "its scores at each site stand in the report"
    raise InputError([Fault(place, found, "an arm with one adapter for all", advice)])
