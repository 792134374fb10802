"""A site that answers in a wrong way in those rounds that a test has written into its kit."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from tests.full_disk import files_of_at_most

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import encode_update, read_update
from fedmedlora.durable_files import write_whole
from fedmedlora.engines.nvflare import answering
from fedmedlora.engines.nvflare.ends import Coordinator
from fedmedlora.engines.nvflare.files import Courier
from fedmedlora.engines.nvflare.kits import Roles
from fedmedlora.engines.nvflare.roles import SiteRole
from fedmedlora.engines.nvflare.site import open_service
from fedmedlora.engines.remote.messages import Message

ROLES = Roles("misbehaving.Lead", "misbehaving.Site")
NONE: Mapping[int, str] = MappingProxyType({})
ZEROS = "0" * 64
SILENCE_S = 10.0
_FAULTS = "faults.json"
_SHORT = "short.safetensors"


def tell(kit: Path, faults: Mapping[int, str] = NONE) -> None:
    """Write down in which rounds something goes wrong at a site from now on, and what.

    Where it waits there is a file `waits`, until there is one `goes_on`.
    """
    for left in ("waits", "goes_on"):
        (kit / left).unlink(missing_ok=True)
    write_whole(kit / "local" / _FAULTS, json.dumps(dict(faults)).encode(), flushed=False)


class Misbehaving:
    def __init__(self, kit: Path) -> None:
        self.kit, self.service = kit, open_service(kit)

    def answer(self, question: Message, folder: Path) -> Message:
        file = self.kit / "local" / _FAULTS
        faults = json.loads(file.read_text()) if file.exists() else {}
        if question.subject != "train":
            return self.service.answer(question, folder)
        fault = faults.get(str(question.body["plan"]["round_index"]), "")
        if fault == "waits":
            (self.kit / "waits").touch()
            while not (self.kit / "goes_on").exists():
                time.sleep(0.02)
        if fault == "has a full disk":
            with files_of_at_most(1000):
                return self.service.answer(question, folder)
        answer = self.service.answer(question, folder)
        return _CHANGES[fault](answer) if fault in _CHANGES else answer


def _told(**values: object) -> Callable[[Message], Message]:
    return lambda answer: replace(answer, body={**answer.body, **values})


def _sent(change: Callable[[AdapterWeights], AdapterWeights]) -> Callable[[Message], Message]:
    def changed(answer: Message) -> Message:
        path = answer.files["update"]
        path.write_bytes(encode_update(change(read_update(path.read_bytes())), "float32"))
        return answer

    return changed


def _of_a_smaller_rank(delta: AdapterWeights) -> AdapterWeights:
    return {
        name: one[:1] if ".lora_A." in name else one[:, :1] if ".lora_B." in name else one
        for name, one in delta.items()
    }


def _with_a_nan(delta: AdapterWeights) -> AdapterWeights:
    name = min(delta)
    spoilt = delta[name].copy()
    spoilt.flat[0] = np.nan
    return {**delta, name: spoilt}


def _longer(answer: Message) -> Message:
    with answer.files["update"].open("ab") as file:
        file.truncate(50_000_000)
    return answer


def _short(answer: Message) -> Message:
    short = answer.files["update"].with_name(_SHORT)
    return replace(answer, files={"update": answer.files["update"].rename(short)})


_CHANGES: Mapping[str, Callable[[Message], Message]] = {
    "is of another rank": _sent(_of_a_smaller_rank),
    "is of another round": _told(round_index=1),
    "is of another run": _told(start=ZEROS),
    "is of another base": _told(base=ZEROS),
    "has a NaN": _sent(_with_a_nan),
    "is too large": _longer,
    "is cut off on its way": _short,
}


class CuttingOff(Courier):
    """Offers files, of which some lose their end before they are fetched."""

    @contextmanager
    def offering(self, paths: Iterable[Path]) -> Iterator[Mapping[Path, tuple[str, int, str]]]:
        listed = list(paths)
        with super().offering(listed) as offered:
            for path in listed:
                if path.name == _SHORT:
                    path.write_bytes(path.read_bytes()[:-10])
            yield offered


class Site(SiteRole):
    def __init__(self) -> None:
        vars(answering)["Courier"] = CuttingOff
        super().__init__(Misbehaving, pulse_s=0.5)


class Lead(Coordinator):
    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._silence_s = SILENCE_S
