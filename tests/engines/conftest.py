import pytest
import torch
from tests.engines.backbones import tagging_backbone
from tests.training.tiny_models import tiny_bert

from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.tasks.tagging import TaggingExample
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def tokenizer(bert: BaseModel) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(bert.folder)


@pytest.fixture(autouse=True)
def same_threads() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def backbone(bert: BaseModel) -> HuggingFaceBackbone[TaggingExample]:
    return tagging_backbone(bert)
