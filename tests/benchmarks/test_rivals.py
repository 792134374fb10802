"""Rivals run on demand only; here, that what is read off them is right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from contest.loopback import started, until, write_adapter
from contest.nvflare_log import round_seconds
from contest.peaks import watched

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LOG = """2026-01-02 03:04:05,500 - FedAvg - INFO - [run=1] -{bar}Round 0 started.{bar}
2026-01-02 03:04:06,000 - FedAvg - INFO - [run=1] - Aggregated 1/1 results
2026-01-02 03:04:07,000 - FedAvg - INFO - [run=1] -{bar}Round 1 started.{bar}
2026-01-02 03:04:07,250 - FedAvg - INFO - [run=1] -
====
 Finished FedAvg.
====
"""


def test_a_round_lasts_until_the_next_one_starts() -> None:
    # 7 - 5.5 and 7.25 - 7
    assert round_seconds(LOG.format(bar="---")) == [1.5, 0.25]


def test_the_adapter_is_ten_megabytes(tmp_path: Path) -> None:
    num_bytes = write_adapter(tmp_path / "adapter.safetensors")

    # 64 tensors of 16 x 2442 values of 4 bytes
    assert num_bytes == 10_002_432


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_peak_of_a_process_that_has_ended_is_known() -> None:
    holds = "large = bytearray(b'1') * 100_000_000\ndel large\nimport time\ntime.sleep(1)"
    small = "small = 1\nimport time\ntime.sleep(1)"

    # Whoever runs the tests may have other processes.
    with watched(
        lambda words: next((k for k in ("large =", "small =") if k in words), None)
    ) as peaks:
        for words in (holds, small, holds):
            subprocess.run([sys.executable, "-c", words], check=True)

    assert peaks["large ="]["processes"] == 2
    assert peaks["small ="]["processes"] == 1
    assert peaks["small ="]["bytes"] + 90_000_000 < peaks["large ="]["bytes"]


def test_what_fails_shows_the_last_words_of_what_was_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "site.txt"
    command = [sys.executable, "-uc", "print('here')\nimport time\ntime.sleep(60)"]

    def waits_in_vain() -> None:
        with started(command, log):
            until(lambda: log.read_text() != "", "words")
            until(lambda: False, "a site", timeout_s=1)

    with pytest.raises(SystemExit, match="a site: not within 1 s"):
        waits_in_vain()

    assert "here" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_rounds_in_which_nobody_trains_go_through_the_engine_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "engine.json"
    asked = ["--sites", "2", "--rounds", "3", "--megabytes", "0.1", "--lean", "--out", str(out)]

    subprocess.run([sys.executable, "engine.py", *asked], cwd=BENCHMARKS, check=True)

    ours = json.loads(out.read_text(encoding="utf-8"))["ours"]
    assert len(ours["seconds"]) == 3
    assert ours["peaks"]["job at a site"]["processes"] == 2
