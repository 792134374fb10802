"""A run between processes, on the base in the package: what comes out is what one machine gives."""

import shutil
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.nvflare.loopback import Loopback, loopback, until
from tests.engines.remote.federations import run_whole

from fedmedlora.cli.notes import write_hospitals
from fedmedlora.engines.nvflare.coordinator import LedRun, lead, running_server
from fedmedlora.engines.nvflare.ends import ROLES
from fedmedlora.engines.nvflare.processes import is_running
from fedmedlora.engines.nvflare.session import Server
from fedmedlora.engines.nvflare.site import place_notes
from fedmedlora.engines.remote.sealing import make_key
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.formats.site_files import site_digest
from fedmedlora.formats.site_folder import read_site

SITES = ("cardiology", "oncology", "psychiatry")
EXPERIMENT = """
[experiment]
name = "loopback"
rounds = 2
arms = ["fed_medlora"]

[model]
base = "bundled"

[training]
num_threads = 1
learning_rate = 0.004

[communication]
codec = "int8"

[evaluation]
round_notes = 1
final_notes = 2
replicates = 10
drawn_notes = 0

[engine]
name = "nvflare"
answer_s = 120.0
"""


def written(
    folder: Path, *, sites: Sequence[str] = SITES, form: str = "tagging", codec: str = "int8"
) -> Path:
    if not (folder / "hospitals").exists():
        write_hospitals(folder / "hospitals", seed=0, num_notes=20)
    entries = "".join(f'[[sites]]\nname = "{s}"\npath = "hospitals/{s}"\n' for s in sites)
    text = EXPERIMENT.replace('"bundled"', f'"bundled"\nformulation = "{form}"')
    file = folder / f"{form}-{codec}.toml"
    file.write_text(text.replace('"int8"', f'"{codec}"') + entries, encoding="utf-8")
    return file


def rounds_of(folder: Path) -> list[dict[str, Any]]:
    with RunStore.open(folder) as store:
        return [{**one, "seconds": 0} for one in store.rounds("fed_medlora")]


def calibration_of(folder: Path) -> dict[str, Any]:
    with RunStore.open(folder) as store:
        told: dict[str, Any] = (store.arm("fed_medlora") or {})["calibration"]
        return told


@contextmanager
def sites_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *sites: str, waits: Collection[str] = ()
) -> Iterator[tuple[Loopback, Server]]:
    """Give a federation whose sites have their notes, and its server's session."""
    now = datetime.now(UTC)
    with loopback(folder / "kits", monkeypatch) as federation:
        federation.provision(*sites, roles=ROLES)
        with running_server(folder / "kits" / "coordinator", now=now) as server:
            for site in sites:
                place_notes(folder / "kits" / site, folder / "hospitals" / site, now=now)
            federation.start(*(site for site in sites if site not in waits))
            yield federation, server


def begun(file: Path, out: Path) -> LedRun:
    RunStore.create(out, experiment_path=file, environment={}).close()
    return LedRun(read_experiment(file), out)


@pytest.mark.loopback
@pytest.mark.slow
@pytest.mark.parametrize("num_sites", [3, 5])
def test_each_form_and_codec_ends_in_the_bytes_of_one_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_sites: int
) -> None:
    sites = (*SITES, "paediatrics", "orthopaedics")[:num_sites]
    files = [
        written(tmp_path, sites=sites, form=form, codec=codec)
        for form in ("tagging", "markup")
        for codec in ("float32", "int8")
    ]
    with sites_started(tmp_path, monkeypatch, *sites) as (_, server):
        for file in files:
            lead(begun(file, tmp_path / f"{file.stem}-apart"), server)

    for file in files:
        run_whole(file, tmp_path / file.stem)
        rounds = rounds_of(tmp_path / file.stem)
        assert rounds_of(tmp_path / f"{file.stem}-apart") == rounds
        assert [set(one["shares"]) for one in rounds] == [set(sites)] * 2
        told = calibration_of(tmp_path / file.stem)
        assert calibration_of(tmp_path / f"{file.stem}-apart") == told
        assert told["sites"].keys() == set(sites)


@pytest.mark.loopback
@pytest.mark.slow
def test_a_new_site_adapts_and_peers_score_one_another_between_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = ("zero_shot", "fed_medlora_plus", "local_only", "adapted", "joined")
    file = written(tmp_path)
    text = file.read_text("utf-8").replace('["fed_medlora"]', f"{list(arms)}".replace("'", '"'))
    text = text.replace("[communication]", '[aggregation]\nvalidation = "peers"\n\n[communication]')
    text = text.replace('hospitals/psychiatry"\n', 'hospitals/psychiatry"\nrole = "new_site"\n')
    file.write_text(text, encoding="utf-8")
    led = begun(file, tmp_path / "apart")

    newcomer = "psychiatry"
    with sites_started(tmp_path, monkeypatch, *SITES, waits=(newcomer,)) as (federation, server):
        # It trains on its own notes alone, which its policy has to let.
        policy = tmp_path / "kits" / newcomer / "local" / "policy.toml"
        policy.write_text("single_site = true\n", encoding="utf-8")
        federation.start(newcomer)
        lead(led, server)

    run_whole(file, tmp_path / "here")
    with RunStore.open(led.run) as apart, RunStore.open(tmp_path / "here") as here:
        assert apart.arms() == here.arms()
        assert len(apart.arms()) == len(arms)
        for arm in apart.arms():
            assert apart.finals(arm) == here.finals(arm)


@pytest.mark.loopback
@pytest.mark.slow
def test_a_late_joiner_is_taken_into_the_next_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path)
    text = file.read_text("utf-8").replace("rounds = 2", "rounds = 6\npatience = 9\nquorum = 2")
    text = text.replace("answer_s", "late_joiners = true\nanswer_s")
    file.write_text(text, encoding="utf-8")
    led = begun(file, tmp_path / "apart")
    early, late = SITES[:2], SITES[2]

    with (
        ThreadPoolExecutor(1) as beside,
        sites_started(tmp_path, monkeypatch, *SITES, waits=(late,)) as (federation, server),
    ):
        leading = beside.submit(lead, led, server)
        until(lambda: rounds_of(led.run), what="a round", patience_s=120)
        federation.start(late)
        leading.result(timeout=300)

    shares = [set(one["shares"]) for one in rounds_of(led.run)]
    assert shares[0] == set(early)
    assert shares[-1] == set(SITES)
    with RunStore.open(led.run) as store:
        assert set(store.finals("fed_medlora")) == set(SITES)


@pytest.mark.loopback
@pytest.mark.slow
def test_a_site_that_is_killed_and_comes_back_changes_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path)
    run_whole(file, tmp_path / "here")
    led = begun(file, tmp_path / "apart")

    # The server ends before the thread is waited for, whatever happens.
    with (
        ThreadPoolExecutor(1) as beside,
        sites_started(tmp_path, monkeypatch, *SITES) as (federation, server),
    ):
        leading = beside.submit(lead, led, server)
        until(lambda: rounds_of(led.run), what="a round", patience_s=120)
        federation.kill("oncology")
        # Its process for the job notices a moment later.
        until(lambda: not is_running(tmp_path / "kits" / "oncology"), what="its end")
        federation.start("oncology")
        leading.result(timeout=180)

    assert rounds_of(led.run) == rounds_of(tmp_path / "here")


@pytest.mark.loopback
@pytest.mark.slow
def test_blind_rounds_between_processes_end_within_a_millionth_of_the_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, codec="float32")
    checks = tmp_path / "hospitals" / "validation"
    pinned = site_digest(read_site(checks, required=("dev",)))
    entry = f'[[sites]]\npath = "{checks}"\nrole = "server"\nsha256 = "{pinned}"\n'
    few = "validation_sentences = 20\nvalidation_heads = 5"
    texts = {
        "seen": f'[aggregation]\nvalidation = "server"\n{few}\n',
        "blind": f'[aggregation]\nsees = "sum"\nvalidation = "own"\n{few}\n',
    }
    text = file.read_text("utf-8").replace('"fed_medlora"', '"fed_medlora_plus"')
    for name, aggregation in texts.items():
        own = text.replace("[evaluation]", f"{aggregation}[evaluation]") + entry
        (tmp_path / f"{name}.toml").write_text(own, encoding="utf-8")
    run_whole(tmp_path / "seen.toml", tmp_path / "seen")
    make_key(tmp_path / "blind.key")

    with sites_started(tmp_path, monkeypatch, *SITES, waits=SITES) as (federation, server):
        for site in SITES:
            local = tmp_path / "kits" / site / "local"
            shutil.copyfile(tmp_path / "blind.key", local / "blind.key")
            shutil.copytree(checks, local / "validation")
        federation.start(*SITES)
        lead(begun(tmp_path / "blind.toml", tmp_path / "blind"), server)

    adapters = []
    for name in texts:
        with RunStore.open(tmp_path / name) as store:
            rounds = store.rounds("fed_medlora_plus")
            assert [set(one["shares"]) for one in rounds] == [set(SITES)] * 2
            adapters.append(dict(store.adapters.get(rounds[0]["adapter"])))
    seen, blind = adapters
    assert 0 < max(float(np.abs(seen[key] - blind[key]).max()) for key in seen) < 1e-6
    # Nothing that a site trained has come to the coordinator's machine but their sum.
    kept = {path.stem for path in (tmp_path / "blind" / "adapters").iterdir()}
    assert kept == {one["adapter"] for one in rounds}
