import resource
from pathlib import Path
from typing import Any

import pytest
from psutil import Process
from tests.engines.nvflare.echoing import SENTINEL
from tests.engines.nvflare.loopback import Job, Loopback, until
from tests.full_disk import processes_on_a_full_disk

from fedmedlora.engines.nvflare.processes import group_of

pytestmark = pytest.mark.loopback

ALL = ("ash", "birch", "cedar")


def text_below(folder: Path) -> str:
    return "".join(
        path.read_text(errors="replace") for path in folder.rglob("*.txt") if path.is_file()
    )


def test_ten_megabytes_come_back_as_they_were_sent(job: Job, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.write_bytes(bytes(range(250)) * 40_000)

    told = job.ask({site: {"files": {"adapter": str(adapter)}} for site in ALL})

    assert set(told) == set(ALL)
    for site in ALL:
        assert Path(told[site]["files"]["adapter"]).read_bytes() == adapter.read_bytes()


def test_a_service_lives_as_long_as_the_job(job: Job) -> None:
    first = job.ask({"ash": {}})["ash"]["body"]["answered"]

    assert job.ask({"ash": {"body": {"a": [1]}}})["ash"]["body"] == {
        "a": [1],
        "answered": first + 1,
    }


def test_what_goes_wrong_at_one_site_is_told_and_the_others_answer(job: Job) -> None:
    told = job.ask({"ash": {"subject": "fail"}, "birch": {}, "cedar": {"subject": "no_json"}})

    assert told["ash"]["failure"] == "ash: the loss is not a number"
    assert "birch" in told
    assert "body" in told["birch"]
    assert told["cedar"]["failure"].startswith("cedar: found an answer that")


def test_an_unforeseen_error_is_told_without_its_words(job: Job, federation: Loopback) -> None:
    told = job.ask({"ash": {"subject": "crash"}})

    assert told["ash"]["failure"].startswith("ash: found a KeyError, expected an answer")
    assert "KeyError" in text_below(federation.folder / "ash")
    assert SENTINEL not in text_below(federation.folder)


def test_an_oversized_answer_is_refused_before_it_is_stored(job: Job) -> None:
    big = {"subject": "big", "body": {"bytes": 2_000_000}}

    told = job.ask({"ash": big, "birch": {}}, most_bytes=1_999_999)

    expected = "ash: found an answer of 2000000 bytes, expected at most 1999999"
    assert told["ash"]["failure"] == expected
    assert "body" in told["birch"]
    assert "files" in job.ask({"ash": big}, most_bytes=2_000_000)["ash"]


def test_a_late_answer_is_dropped_and_the_next_question_is_answered(job: Job) -> None:
    told = job.ask({"ash": {"subject": "sleep", "body": {"s": 1.5}}, "birch": {}}, wait_s=0.5)

    assert told["ash"]["failure"] == "ash: found no answer within 0.5 s, expected one"
    assert told["birch"]["after_s"] < 0.5
    following = job.ask({"ash": {"body": {"next": 1}}}, patience_s=20)
    assert following["ash"]["body"]["next"] == 1


def test_stragglers_have_their_grace_once_there_is_a_quorum(job: Job) -> None:
    slow = {"ash": {"subject": "sleep", "body": {"s": 2}}, "birch": {}, "cedar": {}}

    told = job.ask(slow, grace=(2, 0.3))
    assert told["ash"]["failure"] == (
        "ash: found no answer within 0.3 s of the quorum's, expected one"
    )
    assert "body" in told["cedar"]

    # A failure is no answer.
    told = job.ask({**slow, "cedar": {"subject": "fail"}}, grace=(2, 0.3), patience_s=20)
    assert "body" in told["ash"]


def test_a_straggler_is_asked_nothing_until_it_is_done(job: Job) -> None:
    slow = {"ash": {"subject": "sleep", "body": {"s": 4}}, "birch": {}, "cedar": {}}
    all_: dict[str, dict[str, Any]] = {site: {} for site in ALL}
    job.ask(slow, grace=(2, 0.2))

    told = job.ask(all_)
    assert told["ash"]["failure"] == (
        "ash: found it still at work on an earlier question, expected it to be ready"
    )
    assert max(each["after_s"] for each in told.values()) < 1
    assert "body" in told["birch"]
    assert "body" in told["cedar"]
    until(lambda: job.ready() == {"birch", "cedar"}, what="ash to be left out")

    job.wait_for(*ALL)
    told = job.ask(all_)
    assert "body" in told["ash"]
    assert told["ash"]["after_s"] < 1


def test_a_site_that_is_not_there_is_told_at_once(job: Job) -> None:
    told = job.ask({"dogwood": {}, "ash": {}}, wait_s=10)

    assert told["dogwood"]["failure"].startswith("dogwood: found not in reach")
    assert told["dogwood"]["after_s"] < 1
    assert "body" in told["ash"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits other processes")
def test_a_site_on_a_full_disk_says_so_and_answers_when_there_is_room(
    job: Job, federation: Loopback, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    adapter.write_bytes(bytes(10_000))
    question = {"ash": {"files": {"adapter": str(adapter)}}, "birch": {}}
    pids = [each.pid for each in Process(group_of(federation.folder / "ash")).children()]

    with processes_on_a_full_disk(pids, num_bytes=5_000):
        told = job.ask(question)

    assert told["ash"]["failure"] == (
        "ash: found 'File too large' on reading or writing a file, expected room and permission; "
        "look at the disk of the site's kit"
    )
    assert "body" in told["birch"]
    assert "files" in job.ask(question)["ash"]
