"""What stands beside a federation of adapters: other models, and models that are only asked.

few_shot             the experiment's own base, shown some of a site's notes before each question
bert                 a small model of its own, all of whose weights are trained and averaged
endpoint_zero_shot   a model behind an OpenAI-compatible address, told what to find
endpoint_few_shot    the same, shown some of a site's notes as well
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fedmedlora.ranges import Rule, above, at_least

ModelName = Literal["own", "bert", "endpoint"]
"""Which model an arm uses: the experiment's own, or that of a section."""

FEW_SHOT_ARMS = ("few_shot", "endpoint_few_shot")
MODEL_OF: dict[str, ModelName] = {
    "few_shot": "own",
    "bert": "bert",
    "endpoint_zero_shot": "endpoint",
    "endpoint_few_shot": "endpoint",
}
BASELINE_ARMS = tuple(MODEL_OF)
ENDPOINT_ARMS = tuple(arm for arm, model in MODEL_OF.items() if model == "endpoint")
PROMPTED_ARMS = tuple(arm for arm in BASELINE_ARMS if arm != "bert")

# What readers of addresses could understand in different ways has no place in one.
_LABEL = "[A-Za-z0-9_-]{1,63}"
_HOST = rf"{_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+\]"
_URL = re.compile(rf"https?://({_HOST})(:[0-9]{{1,5}})?(/[A-Za-z0-9._/-]*)?")
_NUMBERS = re.compile(r"[0-9.]+")


def _is_address(text: str) -> bool:
    """Return whether a text is an address with such numbers in it as there are."""
    if not _URL.fullmatch(text):
        return False
    try:
        host, port = urlsplit(text).hostname or "", urlsplit(text).port
        if _NUMBERS.fullmatch(host):
            ipaddress.ip_address(host)
    except ValueError:
        return False
    return port != 0


_Count = Annotated[int, at_least(1)]
_ADDRESS = Rule(
    'of the form "http://host:port/v1" or "https://host/v1", without a name, a key or a query',
    _is_address,
    secret=True,
)
# Who takes it for the key's own place must not read the key in an error.
_VARIABLE = Rule(
    "that names an environment variable, or is empty",
    lambda text: bool(re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)?", text)),
    secret=True,
)
_PRICE = Annotated[float, at_least(0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShot:
    """What a model is shown before it is asked.

    Attributes:
        examples: Windows of a site's own training notes with their answers; fewer where a base
            cannot read so many at once.
    """

    examples: _Count = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bert:
    """A model without an adapter: all of its weights are trained, travel and are averaged.

    Attributes:
        base: As `model.base` has it; it labels each word.
        learning_rate: Of its own weights, at its peak.
        head_learning_rate: Of the head that labels.
    """

    base: str = "minilm"
    learning_rate: Annotated[float, above(0)] = 3e-4
    head_learning_rate: Annotated[float, above(0)] = 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model that is asked over the network; the text of notes goes to whoever runs it.

    Attributes:
        url: Where the protocol begins, as "https://host/v1"; None where no arm asks. Without https
            only an address of this machine or, in numbers, of a private network (RFC 1918, RFC
            4193) is asked.
        model: As the endpoint calls it.
        key_variable: The environment variable that holds the key; "" where none is needed.
        sends_notes: Notes of sites that are not public may go to an address that is not of this
            machine.
        dialect: "reasoning" for models that refuse max_tokens and a temperature of 0, as OpenAI's
            o1, o3, o4 and GPT-5 do: max_completion_tokens is sent instead, and no temperature.
        structured: How the endpoint is held to an answer that can be read.
        window_words: Longest stretch of a note that is sent at once, in words.
        max_answer_tokens: Of one answer, with what a model that reasons writes before it.
        timeout_s: For one answer, from the question to its last byte.
        attempts: How often a question is put at most, where the endpoint is busy or out of order.
        at_once: Questions under way at the same time.
        input_price: Of a million tokens read, in any currency; None where it is not known.
        output_price: Of a million tokens written.
    """

    url: Annotated[str, _ADDRESS] | None = None
    model: str | None = None
    key_variable: Annotated[str, _VARIABLE] = ""
    sends_notes: bool = False
    dialect: Literal["classic", "reasoning"] = "classic"
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    window_words: Annotated[int, at_least(8)] = 256
    max_answer_tokens: _Count = 2048
    timeout_s: Annotated[float, above(0)] = 120.0
    attempts: _Count = 5
    at_once: _Count = 4
    input_price: _PRICE | None = None
    output_price: _PRICE | None = None
