"""The bundled base's vocabulary: byte pairs of the text it reads, and the marks of mark-up.

A digit is always a token of its own, so that numbers are copied figure by figure. The three parts
of a mark, `<span class="`, `">` and `</span>`, are one token each; a class between them is not.

Source: byte-level byte-pair encoding, Radford et al. 2019, Language Models are Unsupervised
Multitask Learners, section 2.2; digits apart as in LLaMA (arXiv 2302.13971, section 2.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from fedmedlora.pretraining.corpus import Document
from fedmedlora.pretraining.stream import Alphabet
from fedmedlora.tasks.marks import PARTS

PAD, BEGIN, END = "<pad>", "<s>", "</s>"
"""Ids 0, 1 and 2 of every vocabulary trained here."""

_NUM_SPECIAL = 3
_DOCUMENTS_AT_ONCE = 2000


def train_vocabulary(texts: Iterable[str], *, size: int) -> Tokenizer:
    """Return a tokenizer whose byte pairs are those most frequent in the texts.

    Args:
        size: Tokens in all, the single bytes, the marks and three special tokens among them.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    marks = [AddedToken(part, normalized=False) for part in PARTS]
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(marks),
        special_tokens=[PAD, BEGIN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens(marks)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, _id(tokenizer, BEGIN))]
    )
    return tokenizer


def packaged(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """Return a tokenizer as transformers saves and loads it."""
    make: Any = PreTrainedTokenizerFast
    made: PreTrainedTokenizerFast = make(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BEGIN, eos_token=END
    )
    return made


def alphabet(tokenizer: Tokenizer) -> Alphabet:
    """Return what the training stream must know of a tokenizer."""

    def encode(text: str) -> Sequence[int]:
        ids: Sequence[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    size = tokenizer.get_vocab_size()
    return Alphabet(
        encode=encode,
        texts=[tokenizer.decode([id_], skip_special_tokens=False) for id_ in range(size)],
        pad_id=_id(tokenizer, PAD),
        begin_id=_id(tokenizer, BEGIN),
        end_id=_id(tokenizer, END),
        num_special=_NUM_SPECIAL,
        mark_ids=tuple(_id(tokenizer, part) for part in PARTS),
    )


def cut(tokenizer: Tokenizer, documents: Iterable[Document]) -> NDArray[np.uint16]:
    """Return all documents as one row of ids, each with begin and end around it, as often as read.

    Returns:
        (tokens,) ids.
    """
    begin, end = _id(tokenizer, BEGIN), _id(tokenizer, END)
    rows = []
    for batch in _batches(documents):
        texts = [document.text for document in batch]
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for document, encoding in zip(batch, encodings, strict=True):
            row = np.array([begin, *encoding.ids, end], np.uint16)
            rows += [row] * document.times
    return np.concatenate(rows)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    left = iter(documents)
    while batch := list(islice(left, _DOCUMENTS_AT_ONCE)):
        yield batch


def _id(tokenizer: Tokenizer, token: str) -> int:
    return tokenizer.get_vocab()[token]
