"""Runs in which something goes wrong at a site or at the server: one line says what, and where."""

import re
import resource
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from tests.engines.nvflare.hospitals import (
    Hospitals,
    hospitals,
    led,
    reasons_of,
    rounds_of,
    text_of,
)
from tests.engines.nvflare.loopback import until
from tests.engines.nvflare.misbehaving import tell
from tests.engines.remote.federations import SITES, run_apart, run_here, services, write_sites
from tests.engines.remote.loopback import Loopback as Wire
from tests.engines.remote.spoiling import Spoiling, failing
from tests.full_disk import processes_on_a_full_disk

from fedmedlora.engines.nvflare.coordinator import lead
from fedmedlora.engines.nvflare.processes import group_of
from fedmedlora.engines.nvflare.session import Server
from fedmedlora.errors import EngineError
from fedmedlora.experiment.store import RunStore
from fedmedlora.training.base_models import BaseModel

pytestmark = pytest.mark.loopback

FAULTS = {
    "is of another rank": r"update of heart: adapter parameter '[^']+': found \(1, 32\), "
    r"expected \(2, 32\); all sites must train the same base model .* "
    r"\(only the LoRA rank differs: found 1, expected 2\)",
    "is of another round": "update of heart: round: found 1, expected 3; train again from the "
    "current global adapter",
    "is of another run": "update of heart: starting adapter: found 0{64}, expected [0-9a-f]{64}; "
    "train again from the current global adapter",
    "is of another base": "update of heart: base model: found 0{64}, expected [0-9a-f]{64}; "
    "install the base model again",
    "has a NaN": r"update of heart: adapter parameter '[^']+': found 1 of \d+ values NaN or "
    "infinite, expected finite values; lower the learning rate of the site",
    "is too large": r"heart: found an answer of 50000000 bytes, expected at most \d+",
    "is cut off on its way": r"heart: found \d+ bytes of the file 'update', expected \d+",
    "has a full disk": r"heart: /.*/heart/store/kept/[0-9a-f]+\.safetensors: found 'File too "
    "large' on writing, expected room and permission for .*; free the disk .*",
}
ROUNDS = len(FAULTS) + 2


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospitals]:
    with hospitals(tmp_path_factory.mktemp("hospitals")) as at:
        yield at


@pytest.fixture(scope="module")
def server(at: Hospitals) -> Iterator[Server]:
    with led(at) as server:
        yield server


def test_what_cannot_be_used_is_refused_in_one_line_and_leaves_no_trace(
    at: Hospitals,
    server: Server,
    tmp_path: Path,
    bert: BaseModel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = text_of(bert, rounds=ROUNDS)
    begun = at.begun("refusals", text)
    # In the first and the last round it behaves.
    tell(at.kit("heart"), dict(enumerate(FAULTS, start=2)))

    lead(begun, server)

    found = rounds_of(begun.run)
    refused = [{}, *({"heart": reason} for reason in FAULTS.values()), {}]
    for told, expected in zip(reasons_of(found), refused, strict=True):
        assert told.keys() == expected.keys()
        for site, reason in expected.items():
            assert re.fullmatch(reason, told[site])
            assert caplog.text.count(told[site]) == 1
    logs = {path: path.read_text() for path in at.folder.rglob("log.txt")}
    disk = found[-2]["absences"][0]["reason"].removeprefix("heart: ")
    told_there = [log for path, log in logs.items() if at.kit("heart") in path.parents]
    assert "".join(told_there).count(disk) == 1
    # A word of the notes.
    assert "fever" not in "".join(logs.values()) + caplog.text
    assert [one["adapter"] for one in found] == adapters_where_heart_does_not_answer(tmp_path, text)


def adapters_where_heart_does_not_answer(folder: Path, text: str) -> list[str]:
    write_sites(folder)
    all_ = services(folder)
    heart = Spoiling(all_["heart"], "train", failing, after=1, until=1 + len(FAULTS))
    (folder / "wire").mkdir()
    run = run_apart(folder, text, Wire({**all_, "heart": heart}, folder / "wire"))
    return [one["adapter"] for one in rounds_of(run)]


def test_a_site_with_another_base_or_tokenizer_is_told_so_and_not_let_in(
    at: Hospitals, server: Server, bert: BaseModel, caplog: pytest.LogCaptureFixture
) -> None:
    for folder in (at.folder, *(at.folder / site for site in SITES)):
        shutil.copytree(bert.folder, folder / "base")
    for site, file in (("bones", "model.safetensors"), ("lungs", "tokenizer.json")):
        other = at.folder / site / "base" / file
        other.write_bytes(other.read_bytes() + b"\n")
    begun = at.begun("other_base", text_of(bert, rounds=1).replace(str(bert.folder), "./base"))

    with pytest.raises(EngineError) as told:
        lead(begun, server)

    bones, lungs = str(told.value).splitlines()
    assert re.fullmatch(
        f"bones: base model '.*/bones/base': found sha256 [0-9a-f]{{64}}, expected {bert.digest}; "
        "install the base model .*",
        bones,
    )
    assert re.fullmatch(
        "lungs: base model '.*/lungs/base': found another config.json or tokenizer .*", lungs
    )
    # Whoever called says it.
    assert bones not in caplog.text
    assert rounds_of(begun.run) == []


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits other processes")
def test_a_full_disk_at_the_server_stops_a_run_that_then_ends_in_the_same_bytes(
    at: Hospitals, server: Server, tmp_path: Path, bert: BaseModel
) -> None:
    text = text_of(bert, rounds=2)
    begun = at.begun("full_disk", text)
    heart = at.kit("heart")
    tell(heart, {2: "waits"})

    with ThreadPoolExecutor(1) as beside:
        leading = beside.submit(lead, begun, server)
        try:
            came = lambda: (heart / "waits").exists() or leading.done()  # noqa: E731
            until(came, what="heart's second round", patience_s=120)
            # Three in the first round, and the others' in the second.
            until(lambda: num_answers(begun.run) == 5, what="the others' answers")
            processes = psutil.Process(group_of(at.kit("coordinator")))
            pids = [processes.pid, *(each.pid for each in processes.children(recursive=True))]
            with processes_on_a_full_disk(pids, num_bytes=5000):
                (heart / "goes_on").touch()
                with pytest.raises(EngineError) as told:
                    leading.result(timeout=180)
        finally:
            (heart / "goes_on").touch()

    assert re.fullmatch(
        r"/.*/spool: found no room for the answer of heart \(File too large\), expected some; free "
        "the disk, then start again: what was recorded is kept",
        str(told.value),
    )
    assert len(rounds_of(begun.run)) == 1
    lead(begun, server)
    write_sites(tmp_path)
    assert rounds_of(begun.run) == rounds_of(run_here(tmp_path, text))


def num_answers(run: Path) -> int:
    with RunStore.open(run) as store:
        return len(store.site_update_keys())
