"""The chat-completions protocol: a question as it is sent, and what an answer says.

Source: OpenAI's API reference, POST /chat/completions, as vLLM, llama.cpp and DeepSeek speak it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fedmedlora.experiment.baselines import Endpoint
from fedmedlora.tasks.prompting import Flaw, PromptExample

_UNANSWERED: Mapping[tuple[str, str], Flaw] = {
    # Azure refuses a question that its filter dislikes as if it were malformed.
    ("code", "content_filter"): "refused",
    ("code", "content_policy_violation"): "refused",
    ("code", "context_length_exceeded"): "too_long",
    # llama.cpp's and vLLM's own; older releases of vLLM tell it in prose alone.
    ("type", "exceed_context_size_error"): "too_long",
    ("param", "input_tokens"): "too_long",
}
_NAME = re.compile(r"[a-z0-9_.]{1,40}")


@dataclass(frozen=True, slots=True)
class Said:
    """What came back to a question.

    Attributes:
        flaw: What keeps it from being an answer.
        prompt_tokens: Read by the model; None where the endpoint does not tell.
        completion_tokens: Written by the model; None where the endpoint does not tell.
    """

    text: str
    flaw: Flaw | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def question(example: PromptExample, endpoint: Endpoint, *, seed: int) -> bytes:
    """Return a question as it is sent."""
    form = _response_format(example, endpoint)
    body = {
        "model": endpoint.model,
        "messages": _messages(example),
        "seed": seed,
        **_limits(endpoint),
        **({"response_format": form} if form else {}),
    }
    return json.dumps(body).encode()


def read_said(content: bytes) -> Said | None:
    """Return what an endpoint's answer says; None where it is not one of the protocol."""
    envelope = _parsed(content)
    choices = envelope.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return None
    usage = envelope.get("usage")
    return Said(
        _text(message.get("content")),
        _flaw(choice, message),
        _count(usage, "prompt_tokens"),
        _count(usage, "completion_tokens"),
    )


def told_flaw(content: bytes) -> Flaw | None:
    """Return what an error says of this one question; None where it may be about all."""
    error = _error(content)
    told = (flaw for (key, value), flaw in _UNANSWERED.items() if error.get(key) == value)
    return next(told, None)


def told_names(content: bytes) -> tuple[str, ...]:
    """Return an error's code and the setting it is about, where they are names and no prose."""
    error = _error(content)
    told = (error.get(key) for key in ("code", "param"))
    return tuple(name for name in told if isinstance(name, str) and _NAME.fullmatch(name))


def _messages(example: PromptExample) -> list[dict[str, str]]:
    """Return the turns of a conversation; an instruction is told where it is not that before.

    All is said by the user: some models know no other role before an answer, and DeepSeek-R1's
    makers advise against one.
    """
    turns = [*example.shown, example]
    told = ["", *(turn.instruction for turn in turns)]
    asked = [
        (instruction if instruction != before else "") + turn.text
        for (before, instruction), turn in zip(pairwise(told), turns, strict=True)
    ]
    messages = []
    for text, turn in zip(asked, turns, strict=True):
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": turn.answer})
    return messages[:-1]


def _limits(endpoint: Endpoint) -> dict[str, int]:
    """Return how long an answer may be, and that the likeliest is wanted where one may say so.

    Source: OpenAI's guide to reasoning models, limitations; they say no to what they do not know.
    """
    if endpoint.dialect == "reasoning":
        return {"max_completion_tokens": endpoint.max_answer_tokens}
    return {"max_tokens": endpoint.max_answer_tokens, "temperature": 0}


def _response_format(example: PromptExample, endpoint: Endpoint) -> dict[str, object] | None:
    if endpoint.structured == "none":
        return None
    if endpoint.structured == "json_object":
        return {"type": "json_object"}
    schema = {"name": "findings", "strict": True, "schema": example.schema}
    return {"type": "json_schema", "json_schema": schema}


def _flaw(choice: Mapping[str, Any], message: Mapping[str, Any]) -> Flaw | None:
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        return "refused"
    return "cut_off" if choice.get("finish_reason") == "length" else None


def _text(content: object) -> str:
    """Return the text of a message, which may come in parts; what a model thinks is none."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _count(usage: object, key: str) -> int | None:
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if type(value) is int and value >= 0 else None


def _error(content: bytes) -> dict[str, Any]:
    error = _parsed(content).get("error")
    return error if isinstance(error, dict) else {}


def _parsed(content: bytes) -> dict[str, Any]:
    """Return the JSON object that bytes hold, an empty one where they hold none."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
