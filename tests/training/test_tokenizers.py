import shutil
from pathlib import Path

import pytest

from fedmedlora.errors import ModelError
from fedmedlora.tasks.marks import PARTS
from fedmedlora.training.base_models import BaseModel, find_base_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


class TestEncoder:
    def test_frame_is_what_the_base_puts_around_its_input(self, bert: BaseModel) -> None:
        tokenizer = HuggingFaceTokenizer(bert.folder)

        assert (tokenizer.prefix, tokenizer.suffix, tokenizer.pad_id) == ((2,), (3,), 0)

    def test_offsets_count_characters_of_the_text_as_written(self, bert: BaseModel) -> None:
        tokens = HuggingFaceTokenizer(bert.folder).tokenize("Severe  PAIN, no Fever")

        #           severe   pain     ,         no        fever
        assert tokens.offsets == ((0, 6), (8, 12), (12, 13), (14, 16), (17, 22))
        assert tokens.ids == (8, 10, 18, 12, 13)

    def test_empty_text_has_no_tokens(self, bert: BaseModel) -> None:
        tokens = HuggingFaceTokenizer(bert.folder).tokenize("")

        assert (tokens.ids, tokens.offsets) == ((), ())

    def test_a_note_of_any_length_is_cut_without_complaint(
        self, bert: BaseModel, capfd: pytest.CaptureFixture[str]
    ) -> None:
        tokens = HuggingFaceTokenizer(bert.folder).tokenize("pain " * 5000)

        assert len(tokens.ids) == 5000
        assert capfd.readouterr() == ("", "")


class TestDecoder:
    def test_frame_may_have_one_side(self, llama: BaseModel) -> None:
        tokenizer = HuggingFaceTokenizer(llama.folder)

        assert (tokenizer.prefix, tokenizer.suffix, tokenizer.pad_id) == ((0,), (), 0)

    def test_white_space_is_not_part_of_a_token(self, llama: BaseModel) -> None:
        tokens = HuggingFaceTokenizer(llama.folder).tokenize("a \n b")

        assert len(tokens.ids) == 5
        # Tokens of white space alone are empty and lie behind it.
        assert tokens.offsets == ((0, 1), (2, 2), (3, 3), (4, 4), (4, 5))

    def test_the_bytes_of_one_character_share_its_offsets(self, llama: BaseModel) -> None:
        assert HuggingFaceTokenizer(llama.folder).tokenize("aé").offsets == ((0, 1), (1, 2), (1, 2))

    def test_ids_say_the_text_they_came_from(self, llama: BaseModel) -> None:
        tokenizer = HuggingFaceTokenizer(llama.folder)
        text = "a , b</span> \n é <s>."

        assert tokenizer.text(tokenizer.tokenize(text).ids) == text
        # Cut off within a character, which is two bytes; and nothing said.
        assert tokenizer.text(tokenizer.tokenize("aé").ids[:2]) == "a\ufffd"
        assert tokenizer.text([]) == ""


def test_what_looks_like_the_end_in_a_note_is_text() -> None:
    tokenizer = HuggingFaceTokenizer(find_base_model("bundled").folder)
    ids = tokenizer.tokenize('a</s>b<span class="drug">').ids

    assert tokenizer.end_id == 2
    assert 2 not in ids
    assert tokenizer.text(ids) == 'a</s>b<span class="drug">'
    # Marks are single ids all the same.
    assert tokenizer.tokenize(PARTS[0]).ids[0] in ids


def test_a_base_without_a_tokenizer_is_refused(bert: BaseModel, tmp_path: Path) -> None:
    shutil.copy(bert.folder / "config.json", tmp_path)

    with pytest.raises(ModelError, match=f"tokenizer in {tmp_path}: found none that can be read"):
        HuggingFaceTokenizer(tmp_path)


def test_ids_go_from_0_to_one_less_than_their_number(bert: BaseModel, llama: BaseModel) -> None:
    # Words of the tiny encoder; the 256 bytes and a beginning.
    assert HuggingFaceTokenizer(bert.folder).num_ids == 19
    assert HuggingFaceTokenizer(llama.folder).num_ids == 257


@pytest.mark.parametrize("content", ["{", "{}"])
def test_a_tokenizer_that_cannot_be_read_is_refused(
    bert: BaseModel, tmp_path: Path, content: str
) -> None:
    folder = shutil.copytree(bert.folder, tmp_path / "copy")
    (folder / "tokenizer.json").write_text(content, "utf-8")

    with pytest.raises(ModelError, match=f"tokenizer in {folder}: found none that can be read"):
        HuggingFaceTokenizer(folder)
