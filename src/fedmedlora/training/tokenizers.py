"""A Hugging Face tokenizer behind the few lines a task needs."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from fedmedlora.clinical.notes import trimmed
from fedmedlora.errors import ModelError
from fedmedlora.tasks.task import Tokens
from fedmedlora.training.loading import quietly

_REMEMBERED = 1024


class HuggingFaceTokenizer:
    """Cuts text with a base model's own fast tokenizer.

    Attributes:
        pad_id: Fills up batches.
        end_id: Says that a text is over; None where the base has no such id.
        num_ids: One more than the largest id it can give.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = _tokenizer(folder)
        if not self._tokenizer.is_fast:
            raise ModelError(
                f"tokenizer in {folder}: found one without offsets, expected a fast tokenizer; "
                "add a tokenizer.json"
            )
        bare = tuple(self._tokenizer("a", add_special_tokens=False).input_ids)
        framed = tuple(self._tokenizer("a").input_ids)
        first = next(i for i in range(len(framed) + 1) if framed[i : i + len(bare)] == bare)
        self.prefix: tuple[int, ...] = framed[:first]
        self.suffix: tuple[int, ...] = framed[first + len(bare) :]
        self.pad_id: int = self._tokenizer.pad_token_id or 0
        self.end_id: int | None = self._tokenizer.eos_token_id
        self.num_ids: int = max(self._tokenizer.get_vocab().values()) + 1
        # The same notes and marks are asked for after every round.
        self._tokens = lru_cache(_REMEMBERED)(self._tokenized)

    def tokenize(self, text: str) -> Tokens:
        """Return a text's tokens; white space at a token's ends is not part of its offsets."""
        return self._tokens(text)

    def text(self, ids: Sequence[int]) -> str:
        """Return what some ids say, special ones and white space as they are."""
        said: str = self._tokenizer.decode([*ids], clean_up_tokenization_spaces=False)
        return said

    def _tokenized(self, text: str) -> Tokens:
        encoded = self._tokenizer(
            text,
            add_special_tokens=False,
            # A note in which "</s>" is written does not end there.
            split_special_tokens=True,
            return_offsets_mapping=True,
            verbose=False,
        )
        offsets = tuple(trimmed(text, start, end) for start, end in encoded.offset_mapping)
        return Tokens(text, tuple(encoded.input_ids), offsets)


def _tokenizer(folder: Path) -> Any:  # noqa: ANN401 -- the class depends on the files
    missing = ModelError(
        f"tokenizer in {folder}: found none that can be read, expected the base model's own; "
        "put its tokenizer.json beside config.json"
    )
    try:
        with quietly():
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except (OSError, ValueError, LookupError) as error:
        raise missing from error
    # Where the files are missing, transformers makes a tokenizer that knows no word.
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise missing
    return tokenizer
