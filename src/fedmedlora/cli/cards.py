"""What a model card is made of, gathered from an adapter and from its run where that is at hand."""

from importlib.metadata import version
from pathlib import Path

from fedmedlora.engines.sources import Source
from fedmedlora.experiment.results import results
from fedmedlora.experiment.store import RunStore
from fedmedlora.reporting.card import Form, Handed, model_card


def card_of(source: Source, *, form: Form, dtype: str) -> str:
    """Return the model card of an adapter that is handed over.

    Args:
        dtype: Of the weights that are written.

    Raises:
        StoreError: The run cannot be read.
    """
    lora = source.model.lora
    handed = Handed(
        origin=source.origin,
        form=form,
        dtype=dtype,
        base=_shown(source.model.base),
        base_sha256=source.base_digest,
        task=source.model.task,
        formulation=source.model.formulation if source.model.task == "extract" else None,
        types=source.types,
        rank=lora.rank,
        alpha=lora.alpha,
        quantization=source.model.quantization,
        version=version("fedmedlora"),
        arm=source.arm,
    )
    if source.arm is None:
        return model_card(handed, None, None)
    with RunStore.open(Path(source.place)) as store:
        if not store.experiment().audit.is_on:
            return model_card(handed, results(store), None)
        # Only who signs needs its packages.
        from fedmedlora.experiment.run_ledger import last_head  # noqa: PLC0415

        return model_card(handed, results(store), last_head(store))


def _shown(base: str) -> str:
    """Return a base's name without where it lies on this machine."""
    return Path(base).name if Path(base).is_dir() else base
