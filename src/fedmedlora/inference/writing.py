"""Answers that copy a text and mark it, written many ids at a time.

What an answer goes on with is mostly the rest of the text, so the rest is offered as a draft: one
pass reads it, and it holds up to the first place where the model would rather set a mark. There
the mark takes over, and a new draft follows it. Where the grammar leaves no choice the model is not
asked. The answers are, id by id, those of choosing the likeliest legal id one at a time.

Source: speculative decoding with the input as draft, Yang et al., Inference with Reference:
Lossless Acceleration of Large Language Models (arXiv 2304.04487), section 3; a verified draft
gives the same answer as greedy decoding, Leviathan et al. (arXiv 2211.17192).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fedmedlora.inference.drafted_cache import DraftedCache
from fedmedlora.tasks.answers import (
    Anything,
    Grammar,
    Progress,
    WrittenExample,
    expected,
    index_of,
    legal_ids,
)
from fedmedlora.tasks.batches import sorted_batches
from fedmedlora.tasks.copy_or_tag import Ids
from fedmedlora.tasks.task import Output

Hidden = Callable[[torch.Tensor, torch.Tensor, DraftedCache], torch.Tensor]
"""(ids, positions, layout) -> last hidden states; (tokens,), (tokens,) -> (tokens, width)."""

_Choice = tuple[int, float]
"""An id, and its log-probability among the legal ones, in nats."""

_BATCH_TOKENS = 16384
"""Of questions and texts read side by side: more take fewer passes, and more memory."""
_WORTH_KEEPING = 0.6
_SHORTEST_DRAFT, _LONGEST_DRAFT = 3, 24
_DRAFTED_IDS = 256
"""Ids of all drafts of a pass. What stands behind the first mark of a draft is read for nothing,
but a pass over few ids takes about as long as one over some hundred."""


@dataclass(slots=True)
class _Answer:
    """An answer under way.

    Attributes:
        grammar: What it may be.
        unread: Ids that are settled and that the model has not read.
        ids: Ids that are settled, without the question.
        log_probs: Of each of them among those that were legal, in nats.
        state: Where the grammar stands behind them.
        place: Position of the first unread id.
        draft: Ids that may follow, each with what was legal there and the state behind it.
    """

    grammar: Grammar[Any]
    unread: list[int]
    ids: list[int]
    log_probs: list[float]
    state: Progress
    place: int
    draft: list[tuple[int, Ids | Anything, Progress]]

    def look_ahead(self, most: int) -> None:
        """Draft what follows if no more marks come, up to the last id that is a choice.

        Args:
            most: The most ids of the draft.
        """
        self.draft = []
        state, last_choice = self.state, 0
        while not state.is_whole and len(self.draft) < most:
            legal = self.grammar.legal(state)
            offered = expected(legal)
            state = self.grammar.step(state, offered)
            self.draft.append((offered, legal, state))
            last_choice = len(self.draft) if len(legal) > 1 else last_choice
        # What follows the last choice needs no reading yet.
        del self.draft[last_choice:]

    def to_read(self) -> list[int]:
        """Return the ids whose hidden states say whether the draft holds; none without a draft."""
        if not self.draft:
            return []
        return [*self.unread, *(id_ for id_, _, _ in self.draft[:-1])]

    def settle(self, chosen: Iterator[_Choice]) -> None:
        """Take over the draft up to the first id that another was chosen for.

        Args:
            chosen: The likeliest legal id of each draft id that had a choice, in order.
        """
        if not self.draft:
            return
        held = 0
        wanted = [
            next(chosen) if len(legal) > 1 else (offered, 0.0) for offered, legal, _ in self.draft
        ]
        for (offered, _, behind), (id_, log_prob) in zip(self.draft, wanted, strict=True):
            self.ids.append(id_)
            self.log_probs.append(log_prob)
            if id_ != offered:
                self.state = self.grammar.step(self.state, id_)
                break
            self.state = behind
            held += 1
        # The last id of a draft is never read, nor is one that took a draft's place.
        self.place += len(self.unread) + min(held, len(self.draft) - 1)
        self.unread = self.ids[-1:]

    def finish(self) -> None:
        """Add what follows without a choice."""
        while len(legal := self.grammar.legal(self.state)) == 1:
            only = expected(legal)
            self.ids.append(only)
            self.log_probs.append(0.0)
            self.unread.append(only)
            self.state = self.grammar.step(self.state, only)


def write(
    hidden: Hidden, vocabulary: torch.Tensor, examples: Sequence[WrittenExample]
) -> list[Output]:
    """Return each example's answer as ids, the end among them.

    What is settled was read, so that how likely it was among what was legal costs no pass.

    Args:
        hidden: The model.
        vocabulary: One row for each id, whose product with a hidden state is its logit.
        examples: Their completions are not read.
    """
    answers = [Output(np.empty(0, np.int64))] * len(examples)
    order = sorted(range(len(examples)), key=lambda i: examples[i].instruction)
    with torch.inference_mode():
        for instruction, places in groupby(order, key=lambda i: examples[i].instruction):
            own = list(places)
            shared = _read_instruction(hidden, instruction, vocabulary.device)
            alike = [examples[i] for i in own]
            for batch, drawn in sorted_batches(alike, max_tokens=_BATCH_TOKENS):
                written = _write_batch(hidden, vocabulary, shared, drawn)
                for index, output in zip(batch, written, strict=True):
                    answers[own[index]] = output
    return answers


def _read_instruction(hidden: Hidden, instruction: Ids, device: torch.device) -> DraftedCache:
    cache = DraftedCache(1, device)
    cache.expect([0], [len(instruction)])
    hidden(torch.tensor(instruction, device=device), cache.positions, cache)
    return cache


def _write_batch(
    hidden: Hidden,
    vocabulary: torch.Tensor,
    shared: DraftedCache,
    examples: Sequence[WrittenExample],
) -> list[Output]:
    longest = max(len(one.question) + 2 * len(one.grammar.text) for one in examples)
    cache = shared.shared_by(len(examples), room=longest)
    answers = [
        _Answer(one.grammar, [*one.question], [], [], one.grammar.begin(), len(one.instruction), [])
        for one in examples
    ]
    for answer in answers:
        answer.finish()
    going = answers
    while under_way := [i for i, answer in enumerate(going) if not answer.state.is_whole]:
        # Forgetting copies what stays: rows that are done cost less for a while.
        if len(under_way) <= _WORTH_KEEPING * len(going):
            cache.keep(under_way)
            going = [going[i] for i in under_way]
        most = _draft_length(len(under_way))
        for answer in going:
            answer.look_ahead(most)
        reads = [answer.to_read() for answer in going]
        cache.expect([answer.place for answer in going], [len(ids) for ids in reads])
        ids = torch.tensor([id_ for read in reads for id_ in read], device=vocabulary.device)
        chosen = iter(_chosen(hidden(ids, cache.positions, cache), vocabulary, going, reads))
        for answer in going:
            answer.settle(chosen)
            answer.finish()
    return [
        Output(np.array(answer.ids, np.int64), np.array(answer.log_probs)) for answer in answers
    ]


def _draft_length(num_answers: int) -> int:
    """Return the most ids of each draft where so many answers are under way."""
    return max(_SHORTEST_DRAFT, min(_DRAFTED_IDS // num_answers, _LONGEST_DRAFT))


def _chosen(
    hidden: torch.Tensor,
    vocabulary: torch.Tensor,
    answers: Sequence[_Answer],
    reads: Sequence[Sequence[int]],
) -> list[_Choice]:
    """Return the likeliest legal id at each choice of each draft, in order."""
    places: list[int] = []
    choices: list[Ids | Anything] = []
    behind = 0
    for answer, read in zip(answers, reads, strict=True):
        before = behind + len(answer.unread) - 1
        for index, (_, legal, _) in enumerate(answer.draft):
            if len(legal) > 1:
                places.append(before + index)
                choices.append(legal)
        behind += len(read)
    ids = legal_ids(choices)
    column = {id_: number for number, id_ in enumerate(ids)}
    # Rounded to bfloat16, logits would tie, and ties go to copying.
    logits = (hidden[places].float() @ vocabulary[index_of(ids)].float().T).cpu().numpy()
    return [
        _likeliest(range(len(legal)), logits[number, : len(legal)])
        if isinstance(legal, Anything)
        else _likeliest(legal, logits[number, [column[id_] for id_ in legal]])
        for number, legal in enumerate(choices)
    ]


def _likeliest(legal: Sequence[int], logits: NDArray[np.float32]) -> _Choice:
    best = int(np.argmax(logits))
    return legal[best], -float(np.log(np.exp(logits - logits[best]).sum()))
