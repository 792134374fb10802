from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from fedmedlora.pretraining.corpus import Document
from fedmedlora.pretraining.vocabulary import alphabet, cut, packaged
from fedmedlora.tasks.marks import CLOSE, PARTS, opening
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


def test_has_the_size_that_was_asked_for(tokenizer: Tokenizer) -> None:
    assert tokenizer.get_vocab_size() == 600


def test_special_tokens_are_the_first_ids(tokenizer: Tokenizer) -> None:
    assert [tokenizer.id_to_token(id_) for id_ in range(3)] == ["<pad>", "<s>", "</s>"]


def test_a_digit_is_a_token_and_so_is_each_part_of_a_mark(tokenizer: Tokenizer) -> None:
    encode = alphabet(tokenizer).encode

    assert len(encode("2026")) == 4
    assert [len(encode(part)) for part in PARTS] == [1, 1, 1]
    assert encode(opening("fever"))[0] == encode(PARTS[0])[0]
    assert encode(CLOSE) == encode(PARTS[2])


@pytest.mark.parametrize("text", ["38.5 °C – naïve\n\n", "x</span> 5\t<span", "日本"])
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(alphabet(tokenizer).encode(text), skip_special_tokens=False) == text


def test_documents_stand_in_a_row_as_often_as_they_are_read(tokenizer: Tokenizer) -> None:
    one, two = (alphabet(tokenizer).encode(text) for text in ("fever", "no pain"))

    row = cut(tokenizer, [Document("fever", 2), Document("no pain", 1)])

    assert row.dtype == np.uint16
    assert row.tolist() == [1, *one, 2, 1, *one, 2, 1, *two, 2]


def test_is_loaded_as_any_other(tokenizer: Tokenizer, tmp_path: Path) -> None:
    packaged(tokenizer).save_pretrained(tmp_path)
    loaded = HuggingFaceTokenizer(tmp_path)

    assert (loaded.prefix, loaded.suffix, loaded.pad_id, loaded.end_id) == ((1,), (), 0, 2)
    tokens = loaded.tokenize("chest pain")
    assert list(tokens.ids) == list(alphabet(tokenizer).encode("chest pain"))
    # White space before a word is a part of its token, and not of its characters.
    assert "".join("chest pain"[start:end] for start, end in tokens.offsets) == "chestpain"
