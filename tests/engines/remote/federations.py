"""Three tiny sites and a server's notes, run on one machine and run by asking each of them."""

from dataclasses import replace
from pathlib import Path

from tests.engines.remote.loopback import Loopback
from tests.engines.test_local import LABELS, note

from fedmedlora.audit.identity import Identity
from fedmedlora.clinical.notes import Entity, Note, SiteNotes
from fedmedlora.engines.opening import engine_of
from fedmedlora.engines.remote.attesting import auditing
from fedmedlora.engines.remote.audited import NOT_AUDITED
from fedmedlora.engines.remote.coordinating import coordinate
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import RunStore
from fedmedlora.formats.site_folder import write_site
from fedmedlora.training.base_models import BaseModel

SITES = ("heart", "bones", "lungs")
EXPERIMENT = """
[experiment]
name = "small"
seed = 3
rounds = ROUNDS
arms = ARMS

[model]
base = "BASE"
formulation = "FORM"
window_tokens = 40
lora = { rank = 2, alpha = 4 }

[training]
num_threads = 1
batch_size = 2
learning_rate = 0.01

[aggregation]
validation = "server"

[communication]
codec = "CODEC"

[evaluation]
round_notes = 2
final_notes = 2
replicates = 20

[engine]
name = "nvflare"
"""


def experiment_text(
    base: BaseModel,
    *arms: str,
    codec: str = "float32",
    form: str = "tagging",
    rounds: int = 2,
    newcomer: str = "",
) -> str:
    listed = "[" + ", ".join(f'"{arm}"' for arm in arms) + "]"
    values = {
        "BASE": str(base.folder),
        "ARMS": listed,
        "CODEC": codec,
        "FORM": form,
        "ROUNDS": f"{rounds}",
    }
    text = EXPERIMENT
    for key, value in values.items():
        text = text.replace(key, value)
    roles = {site: "new_site" if site == newcomer else "train" for site in SITES}
    sites = "".join(f'[[sites]]\nname = "{site}"\nrole = "{roles[site]}"\n' for site in SITES)
    return text + sites + '[[sites]]\npath = "checks"\nrole = "server"\n'


def write_sites(folder: Path) -> None:
    """Write a folder of notes for each site and the server, each with more than the one before."""
    for number, name in enumerate((*SITES, "checks"), start=1):
        splits = {split: _notes(name, split, number) for split in ("train", "dev", "test")}
        write_site(folder / name, SiteNotes(name, LABELS, name == "heart", splits))


def _notes(site: str, split: str, number: int) -> tuple[Note, ...]:
    return tuple(_moved(replace(note(f"{split}{i}"), site=site), i) for i in range(number))


def _moved(one: Note, times: int) -> Note:
    begin = "fever " * times
    entities = tuple(
        Entity(e.id, e.type, e.start + len(begin), e.end + len(begin)) for e in one.entities
    )
    return replace(one, text=begin + one.text, entities=entities)


def run_here(folder: Path, text: str) -> Path:
    """Return the folder of a run over all sites in this process."""
    local = text
    for site in SITES:
        local = local.replace(f'name = "{site}"', f'name = "{site}"\npath = "{site}"')
    file = folder / "here.toml"
    file.write_text(local, encoding="utf-8")
    run_whole(file, out := folder / "here")
    return out


def run_whole(file: Path, out: Path) -> None:
    """Run an experiment over all of its sites in this process."""
    experiment = read_experiment(file)
    cohorts = load_cohorts(experiment)
    types = annotated_types(cohorts)
    with (
        RunStore.create(out, experiment_path=file, environment={}) as store,
        engine_of("own", experiment, cohorts, types, shelf=store.adapters, environ={}) as engine,
    ):
        run(experiment, engine, store, cohorts)


def services(folder: Path, **policies: Policy) -> dict[str, SiteService]:
    """Return what answers at each site; what it keeps lies beside its notes."""
    return {
        site: SiteService(
            site,
            data=folder / site,
            store=folder / f"{site}_store",
            policy=policies.get(site, Policy()),
        )
        for site in SITES
    }


def run_apart(
    folder: Path,
    text: str,
    transport: Loopback,
    *,
    resume: bool = False,
    operator: Identity | None = None,
) -> Path:
    """Return the folder of a run that asks each site, signed where there is an operator."""
    file, out = folder / "apart.toml", folder / "apart"
    file.write_text(text, encoding="utf-8")
    experiment = read_experiment(file)
    opened = (
        RunStore.open(out, writable=True)
        if resume
        else RunStore.create(out, experiment_path=file, environment={})
    )
    with opened as store:
        audit = auditing(experiment, store, [operator]) if operator else NOT_AUDITED
        coordinate(experiment, text, store, transport, audit)
    return out
