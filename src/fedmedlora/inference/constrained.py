"""Decoding by a grammar for transformers' own `generate`: slow, and what `writing` must equal.

processor = GrammarProcessor([example.grammar for example in examples], num_given)
model.generate(input_ids, logits_processor=[processor], do_sample=False)
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from transformers import LogitsProcessor

from fedmedlora.tasks.answers import Grammar, Progress, legal_ids


class GrammarProcessor(LogitsProcessor):
    """Leaves only what is legal."""

    def __init__(self, grammars: Sequence[Grammar[Any]], num_given: int) -> None:
        self._grammars = grammars
        self._states: list[Progress] = [grammar.begin() for grammar in grammars]
        self._num_read = num_given

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return the scores with all that is not legal at minus infinity.

        Args:
            input_ids: (batch, tokens), what was given and what was written.
            scores: (batch, vocabulary).
        """
        for row, new in enumerate(input_ids[:, self._num_read :].tolist()):
            for id_ in new:
                if not self._states[row].is_whole:
                    self._states[row] = self._grammars[row].step(self._states[row], id_)
        self._num_read = input_ids.shape[1]
        allowed = torch.full_like(scores, -torch.inf)
        for row, (grammar, state) in enumerate(zip(self._grammars, self._states, strict=True)):
            legal = legal_ids([grammar.legal(state) or (grammar.end,)])
            allowed[row, legal] = scores[row, legal]
        return cast("torch.FloatTensor", allowed)
