"""Not a word of a note in anything that a signed run writes, says, sends or raises.

Every note's words are made up, and every question to an engine or a site fails once.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.engines.remote.federations import SITES, experiment_text, run_apart
from tests.engines.remote.loopback import Loopback
from tests.engines.remote.test_attesting import AUDIT
from tests.experiment.fakes import Crash
from tests.sentinels import FORMS, STEM, Heard, found, places, word, write_sites

from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.engines.opening import engine_of
from fedmedlora.engines.rehearsal import rehearsal
from fedmedlora.engines.remote.attesting import SigningHere
from fedmedlora.engines.remote.messages import Failure, Grace, Message, Service
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.errors import EngineError, FedMedLoRAError, TrainingError
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.verifying import verify
from fedmedlora.training.base_models import BaseModel

PLACES = (*SITES, "checks")
ERRORS: tuple[Callable[[], Exception], ...] = (
    Crash,
    lambda: TrainingError("found too little memory, expected more"),
    lambda: EngineError("found no answer, expected one"),
    lambda: OSError(28, "No space left on device"),
    lambda: RuntimeError("found an odd shape, expected an even one"),
)


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[Heard]:
    heard = Heard()
    listening = logging.Handler()
    listening.emit = heard.records.append  # type: ignore[method-assign,assignment]
    caplog.set_level(logging.DEBUG)
    logging.getLogger().addHandler(listening)
    yield heard
    logging.getLogger().removeHandler(listening)


@dataclass
class Failing:
    """What fails once at each question that it was never asked before."""

    seen: set[str] = field(default_factory=set)

    def at(self, *question: object) -> None:
        if (key := repr(question)) not in self.seen:
            self.seen.add(key)
            error = ERRORS[len(self.seen) % len(ERRORS)]()
            raise error


class FailingEngine:
    """An engine that fails before and behind everything it does, once each."""

    def __init__(self, engine: Any, failing: Failing) -> None:  # noqa: ANN401 -- any engine
        self._engine, self._failing = engine, failing

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever it has
        part = getattr(self._engine, name)
        if not callable(part) or name in ("close", "blind"):
            return part
        several = name in ("train", "evaluate")
        return self._one_by_one(name, part) if several else self._at_once(name, part)

    def _at_once(self, name: str, part: Callable[..., Any]) -> Callable[..., Any]:
        def doing(*what: Any, **more: Any) -> Any:  # noqa: ANN401 -- as above
            told = [one for one in what if isinstance(one, str)]
            self._failing.at(name, told, "before")
            answer = part(*what, **more)
            self._failing.at(name, told, "behind")
            return answer

        return doing

    def _one_by_one(self, name: str, part: Callable[..., Any]) -> Callable[..., Any]:
        def doing(*what: Any, **more: Any) -> Iterator[Any]:  # noqa: ANN401 -- as above
            rounds = [plan.round_index for plan in what[2].values()] if name == "train" else what[2]
            for number, answer in enumerate(part(*what, **more)):
                self._failing.at(name, number, rounds, "before")
                yield answer
                self._failing.at(name, number, rounds, "behind")

        return doing


@dataclass
class FailingService:
    """A site that fails before and behind every kind of answer, once each."""

    site: str
    service: Service
    failing: Failing

    def answer(self, question: Message, folder: Path) -> Message:
        round_index = question.body.get("plan", {}).get("round_index")
        about = self.site, question.subject, round_index
        self._at(*about, "before")
        answer = self.service.answer(question, folder)
        self._at(*about, "behind")
        return answer

    def _at(self, *about: object) -> None:
        try:
            self.failing.at(*about)
        except FedMedLoRAError:
            raise
        except Exception as error:
            # As a site's process does with whatever is not of the domain: it keeps the words.
            raise EngineError(f"found a {type(error).__name__}, expected an answer") from error


@dataclass
class Overheard(Loopback):
    """A wire on which somebody listens."""

    heard: Heard = field(default_factory=Heard)

    def ask(
        self,
        questions: Mapping[str, Message],
        *,
        wait_s: float,
        most_bytes: int,
        grace: Grace | None = None,
    ) -> Iterator[tuple[str, Message | Failure]]:
        limits = {"wait_s": wait_s, "most_bytes": most_bytes}
        for site, answer in super().ask(questions, **limits, grace=grace):  # type: ignore[arg-type]
            if isinstance(answer, Failure):
                self.heard.messages.append((f"failure of {site}", repr(answer).encode()))
            yield site, answer

    def _travelled(self, message: Message) -> Message:
        sent = json.dumps(message.body), json.dumps(message.body, ensure_ascii=False)
        self.heard.messages += [(message.subject, one.encode()) for one in sent]
        self.heard.messages += [
            (f"{message.subject}, {name}", path.read_bytes())
            for name, path in message.files.items()
        ]
        return super()._travelled(message)


def require_silence(folder: Path, heard: Heard, *expected: str) -> None:
    """Check that no word of a note is anywhere, and that it was looked for in some places."""
    notes = [folder / name for name in PLACES]
    everywhere = list(places(folder, heard, notes=notes))
    assert found(iter(everywhere)) == []
    names = " ".join({name for name, _ in everywhere})
    assert [one for one in expected if one not in names] == []


def services(
    folder: Path, identities: Mapping[str, Identity], **policies: Policy
) -> dict[str, Service]:
    return {
        site: SiteService(
            site,
            data=folder / site,
            store=folder / "stores" / site,
            policy=policies.get(site, Policy()),
            signing=SigningHere(site, identities[site], folder / "stores" / site / "heads"),
        )
        for site in SITES
    }


@pytest.fixture
def identities() -> dict[str, Identity]:
    return {site: new_identity() for site in SITES}


def wire(folder: Path, services: Mapping[str, Service], heard: Heard) -> Overheard:
    (folder / "wire").mkdir(exist_ok=True)
    return Overheard(services, folder / "wire", heard=heard)


@pytest.mark.parametrize("coded", ["{}", '"{}"', "x{}", "xx{}"])
def test_a_word_is_found_in_every_form(coded: str, tmp_path: Path) -> None:
    import base64  # noqa: PLC0415

    said = coded.format(word())
    told = {
        "text": said.encode(),
        "escaped": json.dumps(said).encode(),
        "hex": said.encode().hex().encode(),
        "utf-16": said.encode("utf-16-le"),
        "base64": base64.b64encode(said.encode()),
    }
    for form, content in told.items():
        (tmp_path / "place").write_bytes(content)
        (first, *_) = found(places(tmp_path, Heard(), notes=()))
        assert first.startswith("place: ")
        assert form in " ".join(found(iter([("place", content)])))
    assert len(FORMS) == 7
    assert STEM not in str(tmp_path)


def test_a_signed_run_on_one_machine_that_fails_at_every_step_says_no_word(
    tmp_path: Path, bert: BaseModel, heard: Heard, capfd: pytest.CaptureFixture[str]
) -> None:
    write_sites(tmp_path, *PLACES)
    text = experiment_text(bert, "single_site", "fed_medlora_plus") + AUDIT
    for site in SITES:
        text = text.replace(f'name = "{site}"', f'name = "{site}"\npath = "{site}"')
    file = tmp_path / "small.toml"
    file.write_text(text.replace('name = "nvflare"', 'name = "local"'), encoding="utf-8")
    experiment, out, failing = read_experiment(file), tmp_path / "run", Failing()
    cohorts = load_cohorts(experiment)
    types = annotated_types(cohorts)
    RunStore.create(out, experiment_path=file, environment={}).close()

    def go_on() -> None:
        with RunStore.open(out, writable=True) as store:
            opening = engine_of("own", experiment, cohorts, types, shelf=store.adapters, environ={})
            with opening as engine:
                spoilt: Any = FailingEngine(engine, failing)
                with rehearsal(experiment, spoilt, store, cohorts) as notary:
                    run(experiment, spoilt, store, cohorts, notary=notary)

    num_failures = until_done(go_on, heard)

    heard.printed += capfd.readouterr()
    assert num_failures > 20
    assert verify(out).faults == []
    databases = "run.sqlite, rounds", "run.sqlite, journal", "ledger.sqlite, nodes"
    files = "run/results.json", "run/adapters/", "run/heads/heart.jsonl", "run/identities/heart"
    require_silence(tmp_path, heard, *databases, *files, "log fedmedlora", "raised Crash")


def until_done(go_on: Callable[[], None], heard: Heard) -> int:
    """Return how often something failed until nothing is left to fail."""
    for number in range(300):
        try:
            go_on()
        except Exception as error:  # noqa: BLE001 -- whatever we had it raise
            heard.errors.append(error)
        else:
            return number
    return pytest.fail("the run never came to its end")


def test_signed_sites_that_fail_at_every_question_say_no_word(
    tmp_path: Path,
    bert: BaseModel,
    heard: Heard,
    identities: dict[str, Identity],
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_sites(tmp_path, *PLACES)
    text, operator, failing = experiment_text(bert, "fed_medlora"), new_identity(), Failing()

    def go_on() -> None:
        spoilt = {
            site: FailingService(site, service, failing)
            for site, service in services(tmp_path, identities).items()
        }
        transport = wire(tmp_path, spoilt, heard)
        resume = (tmp_path / "apart").exists()
        # Rooms of an earlier session may be there still.
        transport.number = iter(range(len(heard.messages), 10**9))
        run_apart(tmp_path, text + AUDIT, transport, operator=operator, resume=resume)

    num_failures = until_done(go_on, heard)

    heard.printed += capfd.readouterr()
    # Most are a site's absence, which the round goes on without.
    assert num_failures > 0
    assert len(failing.seen) > 20
    assert verify(tmp_path / "apart").faults == []
    subjects = "sent join", "sent open", "sent train, update", "sent evaluate", "sent witness"
    files = "apart/results.json", "stores/heart/heads/", "stores/heart/held", "wire/file"
    require_silence(tmp_path, heard, *subjects, *files, "sent failure of heart", "log fedmedlora")


def test_what_a_site_does_not_permit_is_refused_without_a_word(
    tmp_path: Path, bert: BaseModel, heard: Heard, identities: dict[str, Identity]
) -> None:
    write_sites(tmp_path, *PLACES)
    text = experiment_text(bert, "fed_medlora") + AUDIT
    strict = services(tmp_path, identities, heart=Policy(rounds=1), bones=Policy(update_bytes=1))

    with pytest.raises(FedMedLoRAError) as caught:
        run_apart(tmp_path, text, wire(tmp_path, strict, heard), operator=new_identity())

    heard.errors.append(caught.value)
    require_silence(tmp_path, heard, "sent failure of heart", "raised ")


def test_training_that_comes_to_no_number_says_no_word(
    tmp_path: Path, bert: BaseModel, heard: Heard, identities: dict[str, Identity]
) -> None:
    write_sites(tmp_path, *PLACES)
    text = experiment_text(bert, "fed_medlora") + AUDIT
    text = text.replace("learning_rate = 0.01", "learning_rate = 1e30")
    transport = wire(tmp_path, services(tmp_path, identities), heard)

    with pytest.raises(FedMedLoRAError) as caught:
        run_apart(tmp_path, text, transport, operator=new_identity())

    heard.errors.append(caught.value)
    require_silence(tmp_path, heard, "sent train", "raised ", "apart/run.sqlite")


@pytest.mark.parametrize("broken", ["a head file", "another's keys", "none"])
def test_a_broken_identity_says_no_word(
    tmp_path: Path,
    bert: BaseModel,
    heard: Heard,
    identities: dict[str, Identity],
    broken: str,
) -> None:
    write_sites(tmp_path, *PLACES)
    text, operator = experiment_text(bert, "fed_medlora", rounds=1) + AUDIT, new_identity()
    sites = services(tmp_path, identities)
    if broken == "none":
        sites["bones"] = SiteService(
            "bones", data=tmp_path / "bones", store=tmp_path / "stores", policy=Policy()
        )
    if broken == "another's keys":
        sites["bones"]._signing.identity = identities["heart"]  # type: ignore[attr-defined]
    transport = wire(tmp_path, sites, heard)
    if broken == "a head file":
        spoiling: Any = sites["bones"]
        sites["bones"] = _SpoilingHeads(spoiling, tmp_path / "stores" / "bones" / "heads")
        transport.services = sites

    try:
        run_apart(tmp_path, text, transport, operator=operator)
    except FedMedLoRAError as error:
        heard.errors.append(error)

    require_silence(tmp_path, heard, "sent failure of bones" if broken != "another's keys" else "")


@dataclass
class _SpoilingHeads:
    service: Service
    heads: Path

    def answer(self, question: Message, folder: Path) -> Message:
        if question.subject == "witness":
            for path in self.heads.glob("*.jsonl"):
                path.write_bytes(path.read_bytes()[:-50])
        return self.service.answer(question, folder)
