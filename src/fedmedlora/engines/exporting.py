"""A trained adapter on its way to others: as peft reads it, or added into its base."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from peft import PeftModel

from fedmedlora.engines.models import AnyModel, open_model
from fedmedlora.engines.sources import Source, facts_of
from fedmedlora.experiment.schema import Model
from fedmedlora.training.base_models import find_base_model
from fedmedlora.training.merged_folder import (
    MergedDtype,
    exact_dtype,
    own_dtype,
    write_merged_folder,
)
from fedmedlora.training.peft_folder import write_peft_folder
from fedmedlora.training.settings import Dtype


def export_peft(
    source: Source, folder: Path, *, card: str, dtype: Dtype = "float32"
) -> Mapping[str, Any]:
    """Write a source's adapter as a folder that peft loads, and return what peft is told of it.

    Raises:
        InputError: The folder holds something already.
        ModelError: The base model on this machine is not the adapter's.
        StoreError: The disk refuses; nothing is left.
    """
    backbone = _opened(source, source.model).backbone
    config = backbone.peft_config()
    write_peft_folder(folder, source.adapter, config, facts_of(source), card=card, dtype=dtype)
    told: Mapping[str, Any] = config.to_dict()
    return told


def merged_dtype(source: Source, asked: Dtype | None) -> MergedDtype:
    """Return the number format of a source's base with the adapter in it: its own unless asked.

    Raises:
        ModelError: The base is missing.
    """
    return asked or own_dtype(find_base_model(source.model.base))


def export_merged(source: Source, folder: Path, *, card: str, dtype: MergedDtype) -> None:
    """Write a source's base with the adapter in its weights, as transformers loads it.

    Raises:
        InputError: The folder holds something already.
        ModelError: The base model on this machine is not the adapter's.
        StoreError: The disk refuses; nothing is left.
    """
    base = find_base_model(source.model.base)
    opened = _opened(source, replace(source.model, dtype=exact_dtype(base)))
    learner = opened.backbone.learner
    learner.slots.write(source.adapter)
    write_merged_folder(
        folder,
        cast("PeftModel", learner.model),
        base,
        types=source.types if source.model.formulation == "tagging" else (),
        card=card,
        dtype=dtype,
    )


def _opened(source: Source, model: Model) -> AnyModel:
    opened = open_model(
        model, source.training, source.types, seed=source.seed, digest=source.base_digest
    )
    source.require_fit(opened.backbone.initial())
    return opened
