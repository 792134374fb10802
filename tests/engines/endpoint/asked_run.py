"""A run of both arms that ask an endpoint, over two sites with a note each.

A note is two sentences, so two questions about entities and one about each of its two heads.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.engines.endpoint.chat_server import Asked, Behave, Handler, envelope

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.engines.endpoint.opening import open_endpoint
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import annotated_types
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import RunStore

ARMS = ("endpoint_zero_shot", "endpoint_few_shot")
EXPERIMENT = """
[experiment]
name = "asked"
seed = 3
rounds = 1
arms = ["endpoint_zero_shot", "endpoint_few_shot"]

[model]
base = "minilm"

[endpoint]
url = "URL"
model = "m1"
key_variable = "THEIR_KEY"
attempts = 1
at_once = 1
timeout_s = 5.0
input_price = 2.0
output_price = 10.0

[evaluation]
replicates = 20

[[sites]]
path = "heart"

[[sites]]
path = "bones"
"""
ENVIRON = {"THEIR_KEY": "k1"}
ANSWERS: Mapping[str, list[tuple[str, str]]] = {
    "Severe pain.": [("problem", "pain")],
    "No aspirin.": [("drug", "aspirin")],
    "Severe [problem pain].": [("severity", "Severe")],
    "No [drug aspirin].": [("negation", "No")],
    "Mild cough.": [("problem", "cough")],
    "Stop ibuprofen.": [("drug", "ibuprofen")],
    "Mild [problem cough].": [("severity", "Mild")],
    "Stop [drug ibuprofen].": [("negation", "Stop")],
}
HEART = [*ANSWERS][:4]
BONES = [*ANSWERS][4:]


def note(site: str) -> Note:
    text = {"heart": "Severe pain. No aspirin.", "bones": "Mild cough. Stop ibuprofen."}[site]
    severity, problem, negation, drug = text.replace(".", "").split()
    words = {"severity": severity, "problem": problem, "negation": negation, "drug": drug}
    places = {type_: text.index(word) for type_, word in words.items()}
    entities = tuple(Entity(t, t, places[t], places[t] + len(words[t])) for t in words)
    relations = (
        Relation("severity", "problem", "severity"),
        Relation("negation", "drug", "negation"),
    )
    return Note(f"{site}1", site, text, entities, relations)


def cohort(site: str) -> Cohort:
    labels = Labels(("problem", "drug", "severity", "negation"), ("severity", "negation"))
    return Cohort(
        name=site,
        role="train",
        labels=labels,
        public=False,
        train=(note(site),),
        held_out=(),
        dev=(note(site),),
        final=(note(site),),
        final_split="test",
        sha256=site.ljust(64, "0"),
    )


def cohorts() -> dict[str, Cohort]:
    return {site: cohort(site) for site in ("heart", "bones")}


def window(asked: Asked) -> str:
    """Return the sentence that a question is about."""
    return asked.last.rpartition("\n")[2]


def knows_all(handler: Handler, asked: Asked) -> None:
    items = [{"type": type_, "text": text} for type_, text in ANSWERS[window(asked)]]
    handler.answer(200, envelope(json.dumps({"findings": items})))


def in_turn(*behaviours: Behave) -> Behave:
    """Return what does one thing after another, again and again."""
    done: list[Behave] = []

    def behave(handler: Handler, asked: Asked) -> None:
        done.append(behaviours[len(done) % len(behaviours)])
        done[-1](handler, asked)

    return behave


def begin(folder: Path, url: str) -> None:
    """Make the folder of a run that asks an address."""
    folder.mkdir(exist_ok=True)
    file = folder / "asked.toml"
    file.write_text(EXPERIMENT.replace("URL", url), encoding="utf-8")
    RunStore.create(folder / "run", experiment_path=file, environment={}).close()


def go_on(folder: Path) -> None:
    """Do what is missing of a run."""
    with RunStore.open(folder / "run", writable=True) as store:
        experiment = store.experiment()
        types = annotated_types(cohorts())
        engine = open_endpoint(experiment, cohorts(), types, environ=ENVIRON)
        run(experiment, engine, store, cohorts(), model="endpoint")


if __name__ == "__main__":
    go_on(Path(sys.argv[1]))
