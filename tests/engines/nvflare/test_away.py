"""A coordinator that cannot be reached for a while, and a site that leaves for good."""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.engines.nvflare.cable import Cable
from tests.engines.nvflare.hospitals import (
    ARM,
    Hospitals,
    hospitals,
    led,
    reasons_of,
    rounds_of,
    text_of,
)
from tests.engines.nvflare.loopback import free_port, until
from tests.engines.nvflare.misbehaving import tell
from tests.engines.remote.federations import run_here, write_sites

from fedmedlora.engines.nvflare.coordinator import LedRun, lead
from fedmedlora.engines.nvflare.session import Server
from fedmedlora.engines.remote.coordinating import leave_for_good
from fedmedlora.errors import EngineError
from fedmedlora.experiment.store import RunStore
from fedmedlora.training.base_models import BaseModel

pytestmark = [pytest.mark.loopback, pytest.mark.slow]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Hospitals]:
    with hospitals(tmp_path / "hospitals") as at:
        yield at


@contextmanager
def waiting(
    at: Hospitals, run: LedRun, server: Server, *, round_index: int
) -> Iterator[Future[None]]:
    """Lead a run until heart waits in a round."""
    tell(at.kit("heart"), {round_index: "waits"})
    with ThreadPoolExecutor(1) as beside:
        leading = beside.submit(lead, run, server)
        try:
            came = lambda: (at.kit("heart") / "waits").exists() or leading.done()  # noqa: E731
            until(came, what="heart to wait", patience_s=120)
            yield leading
        finally:
            (at.kit("heart") / "goes_on").touch()


@pytest.mark.parametrize("away_s", [8, 60])
def test_a_coordinator_that_cannot_be_reached_for_a_while_changes_no_byte(
    at: Hospitals, tmp_path: Path, bert: BaseModel, caplog: pytest.LogCaptureFixture, away_s: int
) -> None:
    caplog.set_level("INFO", logger="fedmedlora.engines.nvflare.coordinator")
    text = text_of(bert, rounds=3).replace("return_s = 5.0", "return_s = 30.0")
    begun = at.begun("away", text)
    inside = free_port()
    at.move_server(inside)
    cable = Cable(at.federation.port, inside)

    with led(at) as server, waiting(at, begun, server, round_index=2) as leading:
        cable.cut()
        os.killpg(at.federation.processes["lungs"].pid, signal.SIGSTOP)
        time.sleep(away_s)
        (at.kit("heart") / "goes_on").touch()
        cable.mend()
        # The others are there before.
        time.sleep(8)
        os.killpg(at.federation.processes["lungs"].pid, signal.SIGCONT)
        leading.result(timeout=240)
    cable.cut()

    # NVFLARE takes no site back into a job: the next one has them, whoever is there first.
    begun_for = re.findall(r"a job for (.*) begins", caplog.text)
    assert begun_for == ["bones, heart, lungs"] * 2
    write_sites(tmp_path)
    assert rounds_of(begun.run) == rounds_of(run_here(tmp_path, text))


def test_a_run_goes_on_without_a_site_that_leaves_for_good_and_says_what_it_lacks(
    at: Hospitals, bert: BaseModel, caplog: pytest.LogCaptureFixture
) -> None:
    begun = at.begun("left", text_of(bert, rounds=3))

    with led(at) as server, waiting(at, begun, server, round_index=2) as leading:
        at.federation.kill("heart")
        with pytest.raises(EngineError) as told:
            leading.result(timeout=240)
        with RunStore.open(begun.run, writable=True) as store:
            leave_for_good(begun.experiment, store, ["heart"])
        lead(begun, server)

    # Its notes were never read in the end, and nobody else can do that.
    assert str(told.value) == (
        "arm fed_medlora: final scores: found none of heart, expected them; see that the site "
        "answers, and go on (a federation can also be started --without one that left)"
    )
    found = rounds_of(begun.run)
    gone = "heart: found not in reach, expected in this job and ready"
    assert reasons_of(found) == [{}, {"heart": gone}, {"heart": gone}]
    assert [sorted(one["shares"]) for one in found[1:]] == [["bones", "lungs"]] * 2
    for i in (2, 3):
        assert caplog.text.count(f"fed_medlora: round {i} goes without heart: {gone}") == 1
    with RunStore.open(begun.run) as store:
        assert store.finals(ARM).keys() == {"bones", "lungs"}
