"""Hospital to hospital: federation provision, start, status, stop."""

import argparse
import logging
import subprocess
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from fedmedlora.cli.answers import answer
from fedmedlora.cli.reading import write_report
from fedmedlora.engines.nvflare.activity import Activity
from fedmedlora.engines.nvflare.coordinator import LedRun, lead, running_server
from fedmedlora.engines.nvflare.ends import ROLES
from fedmedlora.engines.nvflare.kits import open_kit, require_kit
from fedmedlora.engines.nvflare.owner import owning
from fedmedlora.engines.nvflare.owner import stop as stop_all
from fedmedlora.engines.nvflare.processes import check_let_in, end, start_site
from fedmedlora.engines.nvflare.provisioning import Federation
from fedmedlora.engines.nvflare.provisioning import provision as make_kits
from fedmedlora.engines.nvflare.site import place_notes, unlock
from fedmedlora.engines.nvflare.standing import lines_of, note_run, standing_of
from fedmedlora.engines.remote.coordinating import leave_for_good
from fedmedlora.engines.remote.sealing import make_key
from fedmedlora.errors import EngineError, Fault, InputError
from fedmedlora.experiment.config import engine_name, read_experiment
from fedmedlora.experiment.database import has_run
from fedmedlora.experiment.environment import environment
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore

logger = logging.getLogger(__name__)

_LOOK_S = 0.5
_AGAIN_S = 3.0


def provision(options: argparse.Namespace) -> int:
    """Make the start-up kits of an experiment's sites and of whoever coordinates."""
    experiment = _between_hospitals(options.experiment)
    made = make_kits(
        sorted(experiment.sites_elsewhere()),
        federation=Federation(experiment.name, experiment.engine.host, experiment.engine.port),
        out=options.out,
        roles=ROLES,
        now=datetime.now(UTC),
        listen=experiment.engine.listen,
        days=options.days,
        renew=options.renew or (),
    )
    kits = {name: str(path) for name, path in made.items()}
    answer(options, {"kits": kits}, [f"{name}: {path}" for name, path in kits.items()])
    return 0


def key(options: argparse.Namespace) -> int:
    """Make the key that the sites of blind rounds share, and the coordinator must not have."""
    made = make_key(options.file)
    said = f"{options.file}: copy it to local/blind.key in each site's kit, by no coordinator's way"
    answer(options, {"file": str(options.file), "id": made.id}, [said])
    return 0


def coordinator(options: argparse.Namespace) -> int:
    """Run the server, and the experiment with the sites that come, until it is done."""
    experiment = _between_hospitals(options.experiment)
    # Before anything is written for a kit that cannot be started.
    open_kit(options.kit, role="coordinator", now=datetime.now(UTC))
    unlock(options.kit, options.passphrase_fd, needed=experiment.audit.is_on)
    out: Path = options.out or Path("runs") / experiment.name
    with owning(options.kit):
        with _begun(out, options.experiment) as store:
            store.require_same(experiment)
            # Where it runs, and how long it waits, may be said anew of a run that has begun.
            experiment = replace(store.experiment(), engine=experiment.engine)
            leave_for_good(experiment, store, options.without or ())
        with running_server(options.kit, now=datetime.now(UTC)) as server:
            note_run(options.kit, out)
            lead(LedRun(experiment, out), server)
    report = out / "report.html"
    write_report([out], report)
    places = {"run": str(out), "report": str(report), "results": str(out / "results.json")}
    answer(options, places, [str(report)])
    return 0


def _begun(out: Path, experiment: Path) -> RunStore:
    if has_run(out):
        return RunStore.open(out, writable=True)
    return RunStore.create(out, experiment_path=experiment, environment=environment())


def site(options: argparse.Namespace) -> int:
    """Take part in a federation with the notes of this site, until it is stopped."""
    kit: Path = options.kit
    open_kit(kit, role="site", now=datetime.now(UTC))
    unlock(kit, options.passphrase_fd, needed=False)
    with owning(kit):
        # Not before: it would change the notes of the command that runs.
        place_notes(kit, options.data, now=datetime.now(UTC))
        activity = Activity(kit)
        process = _started(kit)
        logger.info("%s takes part; Ctrl-C or `federation stop` ends it", kit.name)
        try:
            while process.poll() is None:
                for line in activity.new_lines():
                    logger.info("%s: %s", kit.name, line)
                time.sleep(_LOOK_S)
            check_let_in(kit, process)
        finally:
            end(process)
    return 0


def _started(kit: Path) -> subprocess.Popen[bytes]:
    """Return a site's process once the coordinator can be reached."""
    said = ""
    while True:
        try:
            return start_site(kit, now=datetime.now(UTC))
        except EngineError as error:
            if str(error) != said:
                logger.warning("%s", error)
                said = str(error)
            time.sleep(_AGAIN_S)


def status(options: argparse.Namespace) -> int:
    """Say who is connected, when last heard, and how far the run is."""
    require_kit(options.kit)
    standing = standing_of(options.kit, now=time.time())
    answer(options, asdict(standing), list(lines_of(standing)))
    return 0


def stop(options: argparse.Namespace) -> int:
    """End what runs from a kit; a run goes on when it is started again."""
    require_kit(options.kit)
    was = stop_all(options.kit)
    said = "stopped" if was else "nothing ran from it"
    answer(options, {"kit": str(options.kit), "ran": was}, [f"{options.kit}: {said}"])
    return 0


def _between_hospitals(path: Path) -> Experiment:
    # Asked first: of an experiment of one machine all else would be wrong, too.
    if (name := engine_name(path)) != "nvflare":
        advice = "set it, and name the sites"
        raise InputError([Fault(f"{path}: [engine].name", repr(name), '"nvflare"', advice)])
    return read_experiment(path)
