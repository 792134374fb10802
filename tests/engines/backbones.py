"""Small backbones, ready to be trained."""

from functools import partial

from tests.training.tiny_models import LORA, TRAINING, TYPES

from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.inference.tagging import tag
from fedmedlora.tasks.tagging import TaggingExample
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.process import prepared
from fedmedlora.training.settings import Dtype, LoraSettings, TrainingSettings
from fedmedlora.training.tagging_model import load_tagging_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


def tagging_backbone(
    base: BaseModel,
    types: tuple[str, ...] = TYPES,
    *,
    lora: LoraSettings = LORA,
    training: TrainingSettings = TRAINING,
    dtype: Dtype = "float32",
) -> HuggingFaceBackbone[TaggingExample]:
    accelerator = prepared(training.num_threads)
    tokenizer = HuggingFaceTokenizer(base.folder)
    tagger = load_tagging_model(
        base,
        tokenizer,
        types,
        lora=lora,
        dtype=dtype,
        quantization="none",
        mark_weight=1.0,
        seed=0,
    )
    answer = partial(tag, tagger.logits, pad_id=tagger.pad_id, device=accelerator.device)
    return HuggingFaceBackbone(base, tagger, answer, training=training, accelerator=accelerator)
