"""Many questions to one endpoint, some at a time, each put again where it is busy or out of order.

An endpoint that does not want such questions (a wrong key, an unknown model) ends all at once; one
that cannot take a single question (too long, held back by a filter) is asked the others. One
that is silent is given up after a few questions if it never answered, and after many if it did: a
score of what was never asked would be worse than none.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

import httpx2
import numpy as np

from fedmedlora.engines.endpoint.chat import Said, read_said, told_flaw, told_names
from fedmedlora.engines.endpoint.client import (
    Reply,
    Silence,
    open_client,
    post,
    trusted_certificates,
)
from fedmedlora.errors import EngineError, ModelError
from fedmedlora.experiment.baselines import Endpoint

SPENT = (
    "requests",
    "retries",
    "refused",
    "cut_off",
    "too_long",
    "unreadable",
    "no_answer",
    "prompt_tokens",
    "completion_tokens",
    "untold",
)
"""What is counted: how often was asked and asked again, how often an answer was none and why,
tokens read and written, and how many answers did not tell theirs."""

Sleep = Callable[[float], Awaitable[None]]

_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
_MOST_DOUBLINGS = 6
_LONGEST_WAIT_S = 60.0
_UNREAD = ("no_answer", "too_long")
_NEVER_ANSWERED = 3
_STOPPED_ANSWERING = 20
_ADVICE: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "see whether it knows endpoint.model, structured and dialect",
    HTTPStatus.UNAUTHORIZED: "see whether endpoint.key_variable holds its key",
    HTTPStatus.FORBIDDEN: "see whether the key may use endpoint.model",
    HTTPStatus.NOT_FOUND: "see whether endpoint.url ends as the protocol begins, and the model",
}
_OTHER_ADVICE = "see what it says to a question put by hand"
_MOVED = "put the address where it is now into endpoint.url; notes are not sent after it"


class Asking:
    """Questions to one endpoint.

    Attributes:
        spent: What they have taken so far, by name.
    """

    def __init__(
        self, endpoint: Endpoint, *, key: str, rng: np.random.Generator, sleep: Sleep
    ) -> None:
        self.spent = Counter(dict.fromkeys(SPENT, 0))
        self._endpoint = endpoint
        self._key = key
        self._certificates = trusted_certificates()
        self._rng = rng
        self._sleep = sleep
        self._url = f"{endpoint.url}".rstrip("/") + "/chat/completions"
        self._has_answered = False
        self._silent_in_a_row = 0
        self._last_silence = Silence("nothing")

    def answers(self, questions: Sequence[bytes]) -> list[Said]:
        """Return what the endpoint says to each question, in their order.

        Raises:
            ModelError: It does not want such questions, or answered none of the first.
            EngineError: It has stopped answering.
        """
        try:
            said = asyncio.run(self._all(questions))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        if said and not self._has_answered:
            raise self._never_answered()
        return said

    async def _all(self, questions: Sequence[bytes]) -> list[Said]:
        seats = asyncio.Semaphore(self._endpoint.at_once)
        opened = open_client(key=self._key, certificates=self._certificates)
        async with opened as client, asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._in_turn(seats, client, question)) for question in questions
            ]
        return [task.result() for task in tasks]

    async def _in_turn(
        self, seats: asyncio.Semaphore, client: httpx2.AsyncClient, question: bytes
    ) -> Said:
        async with seats:
            said = await self._asked(client, question)
        self._count(said)
        return said

    async def _asked(self, client: httpx2.AsyncClient, question: bytes) -> Said:
        silence = Silence("nothing")
        for attempt in range(self._endpoint.attempts):
            if attempt:
                await self._sleep(self._wait_s(silence, attempt))
            self.spent.update(requests=1, retries=min(attempt, 1))
            reply = await post(client, self._url, question, timeout_s=self._endpoint.timeout_s)
            said = self._said(reply)
            if isinstance(said, Said):
                self._has_answered, self._silent_in_a_row = True, 0
                return said
            silence = said
        self._give_up_if_silent(silence)
        return Said("", "no_answer")

    def _said(self, reply: Reply | Silence) -> Said | Silence:
        """Return what a reply says, or why the question is to be put again."""
        if isinstance(reply, Silence):
            return reply
        status = reply.status
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return read_said(reply.content) or Silence("an answer that is not of the protocol")
        if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Silence(f"status {status}", reply.wait_s)
        if status == HTTPStatus.BAD_REQUEST and (flaw := told_flaw(reply.content)):
            return Said("", flaw)
        raise self._unwanted(reply)

    def _wait_s(self, silence: Silence, attempt: int) -> float:
        """Return how long to wait: as long as we are told to, else ever longer, never the same."""
        if silence.wait_s is not None:
            return min(silence.wait_s, _LONGEST_WAIT_S)
        longest = min(2.0 ** min(attempt - 1, _MOST_DOUBLINGS), _LONGEST_WAIT_S)
        return float(longest * self._rng.uniform(0.5, 1.0))

    def _count(self, said: Said) -> None:
        tokens = {
            "prompt_tokens": said.prompt_tokens,
            "completion_tokens": said.completion_tokens,
        }
        if said.flaw:
            self.spent[said.flaw] += 1
        if said.flaw not in _UNREAD and None in tokens.values():
            self.spent["untold"] += 1
        self.spent.update({name: number or 0 for name, number in tokens.items()})

    def _give_up_if_silent(self, silence: Silence) -> None:
        self._silent_in_a_row += 1
        self._last_silence = silence
        if not self._has_answered and self._silent_in_a_row == _NEVER_ANSWERED:
            raise self._never_answered()
        if self._silent_in_a_row == _STOPPED_ANSWERING:
            raise EngineError(
                f"endpoint {self._endpoint.url}: found {silence.reason} for {_STOPPED_ANSWERING} "
                "questions in a row, expected answers; go on with --resume when it is back"
            )

    def _never_answered(self) -> ModelError:
        return ModelError(
            f"endpoint {self._endpoint.url}: found {self._last_silence.reason} for the first "
            f"{self._silent_in_a_row} questions, expected answers; see whether it runs and "
            "endpoint.url is its address"
        )

    def _unwanted(self, reply: Reply) -> ModelError:
        moved = reply.status < HTTPStatus.BAD_REQUEST
        advice = _MOVED if moved else _ADVICE.get(reply.status, _OTHER_ADVICE)
        names = ", ".join(told_names(reply.content))
        found = f"status {reply.status}" + (f" ({names})" if names else "")
        return ModelError(
            f"endpoint {self._endpoint.url}: found {found}, expected an answer; {advice}"
        )
