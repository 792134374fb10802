"""Small backbones, ready to be trained."""

from functools import partial

from tests.training.tiny_models import LORA, TRAINING, TYPES, tagger_of, whole_of

from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.inference.tagging import tag
from fedmedlora.tasks.tagging import TaggingExample
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.process import prepared
from fedmedlora.training.settings import Dtype, LoraSettings, TrainingSettings
from fedmedlora.training.tagging_model import TaggingModel


def tagging_backbone(
    base: BaseModel,
    types: tuple[str, ...] = TYPES,
    *,
    lora: LoraSettings = LORA,
    training: TrainingSettings = TRAINING,
    dtype: Dtype = "float32",
) -> HuggingFaceBackbone[TaggingExample]:
    tagger = tagger_of(base, types, lora=lora, dtype=dtype)
    return _backbone(base, tagger, training)


def whole_backbone(
    base: BaseModel, *, training: TrainingSettings = TRAINING
) -> HuggingFaceBackbone[TaggingExample]:
    return _backbone(base, whole_of(base), training)


def _backbone(
    base: BaseModel, tagger: TaggingModel, training: TrainingSettings
) -> HuggingFaceBackbone[TaggingExample]:
    accelerator = prepared(training.num_threads)
    answer = partial(
        tag,
        tagger.logits,
        pad_id=tagger.pad_id,
        most_tokens=tagger.num_positions,
        device=accelerator.device,
    )
    return HuggingFaceBackbone(base, tagger, answer, training=training, accelerator=accelerator)
