import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fedmedlora.pretraining.corpus import Document
from fedmedlora.pretraining.vocabulary import cut, train_vocabulary
from fedmedlora.pretraining.word_classes import WordClasses, find_classes
from fedmedlora.synthetic.hospitals import public_text


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    return [Document(text, 1) for text in public_text()]


@pytest.fixture(scope="session")
def tokenizer(documents: list[Document]) -> Tokenizer:
    return train_vocabulary((document.text for document in documents), size=600)


@pytest.fixture(scope="session")
def text(tokenizer: Tokenizer, documents: list[Document]) -> NDArray[np.uint16]:
    return cut(tokenizer, documents)


@pytest.fixture(scope="session")
def classes(documents: list[Document]) -> WordClasses:
    return find_classes([document.text for document in documents], seed=0, numbers=(20, 60))
