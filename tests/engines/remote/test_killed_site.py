"""A site's own process, killed with -9 at any moment of a run and started again by itself."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.engines.remote.federations import (
    SITES,
    experiment_text,
    run_apart,
    run_here,
    write_sites,
)
from tests.engines.remote.killable import KilledSite, site_service, write_key
from tests.engines.remote.spoiling import complete, rounds_of, wire

from fedmedlora.audit.heads import HeadFile
from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.engines.remote.messages import Service
from fedmedlora.errors import EngineError, QuorumError
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.verifying import verify
from fedmedlora.privacy.accounting import composed
from fedmedlora.privacy.spending import Spending
from fedmedlora.training.base_models import BaseModel

AUDIT = '\n[audit]\nledger = "embedded"\nkeep_updates = true\n'
RECORD = '\n[privacy]\nmode = "record"\nnoise_multiplier = 1.5\nsteps = 8\n'
ARM = "fed_medlora"
VICTIM = "heart"
_MOST_SESSIONS = 150


def text_of(base: BaseModel, rounds: int) -> str:
    # A round without the killed site would be another round, so that none of those closes.
    text = experiment_text(base, ARM, codec="int8", rounds=rounds)
    return text.replace("seed = 3", "seed = 3\nquorum = 3\npatience = 100")


@contextmanager
def federation(folder: Path, kills: int) -> Iterator[tuple[KilledSite, dict[str, Service]]]:
    victim = KilledSite(VICTIM, folder, kills=kills, rng=random.Random(kills))  # noqa: S311
    try:
        others = {site: site_service(site, folder) for site in SITES if site != VICTIM}
        yield victim, {**others, VICTIM: victim}
    finally:
        victim.close()


def sessions(
    folder: Path, text: str, services: dict[str, Service], operator: Identity | None = None
) -> Iterator[Path]:
    """Yield the folder of a run after each time that it went on, until it is complete."""
    run = folder / "apart"
    for _ in range(_MOST_SESSIONS):
        # What ends the command, which is started again.
        with suppress(EngineError, QuorumError):
            transport = wire(folder, services)
            run_apart(folder, text, transport, resume=run.exists(), operator=operator)
        shutil.rmtree(folder / "wire")
        yield run
        if complete(run):
            return
    pytest.fail(f"found no end after {_MOST_SESSIONS} sessions")


@pytest.mark.slow
def test_killed_at_any_moment_a_site_hands_in_what_it_would_have(
    tmp_path: Path, bert: BaseModel
) -> None:
    num_kills = 50
    write_sites(tmp_path)
    text, operator = text_of(bert, rounds=num_kills), new_identity()
    for site in SITES:
        write_key(tmp_path, site, new_identity())

    rounds: list[dict[str, Any]] = []
    with federation(tmp_path, num_kills) as (victim, services):
        for run in sessions(tmp_path, text + AUDIT, services, operator):
            before, rounds = rounds, rounds_of(run)
            assert rounds[: len(before)] == before

    assert victim.killed.total() == num_kills
    # In the midst of its work, and between two questions.
    assert 0 < victim.killed["nothing"] < num_kills
    kept = [*tmp_path.glob("*_store/heads/*.jsonl")]
    verdict = verify(run, heads=kept)
    assert (verdict.faults, verdict.remarks) == ([], [])
    assert verdict.counts["rounds"] == verdict.counts["aggregates recomputed"] == num_kills
    assert verdict.counts["updates"] == 3 * num_kills
    with RunStore.open(run) as store:
        shown = len(store.seals.heads())
    assert [len(HeadFile(path).heads(operator.did)) for path in kept] == [shown] * 3
    here = rounds_of(run_here(tmp_path, text))
    assert [one["adapter"] for one in rounds] == [one["adapter"] for one in here]


@pytest.mark.slow
def test_killed_at_any_moment_a_site_has_paid_for_all_that_it_handed_in(
    tmp_path: Path, bert: BaseModel
) -> None:
    num_kills = 12
    write_sites(tmp_path)
    text = text_of(bert, rounds=num_kills) + RECORD

    never_came = 0
    with federation(tmp_path, num_kills) as (victim, services):
        for _ in sessions(tmp_path, text, services):
            paid = Spending(tmp_path / f"{VICTIM}_store").paid(VICTIM)
            uploads = [one.body["round_index"] for one in victim.answered if one.subject == "train"]
            payments = [one.round_index for one in paid]
            assert all(payments.count(index) >= uploads.count(index) for index in uploads)
            # What was paid for a training that was killed is not set off against its second one.
            before, never_came = never_came, len(payments) - len(uploads)
            assert never_came >= before

    assert victim.killed.total() == num_kills
    assert set(uploads) == set(range(1, num_kills + 1))
    assert never_came > 0
    # What it tells of the last round counts what was paid and never came, too.
    said = rounds_of(tmp_path / "apart")[-1]["privacy"][VICTIM]["epsilon"]
    assert said == composed((one.block for one in paid), 1e-5)
