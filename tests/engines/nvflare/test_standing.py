"""How a federation stands, seen from a kit in which no process runs."""

from pathlib import Path

from fedmedlora.engines.nvflare.standing import lines_of, note_run, standing_of
from fedmedlora.experiment.store import RunStore

EXPERIMENT = """
[experiment]
name = "two"
rounds = 3
arms = ["fed_medlora"]
[model]
base = "bundled"
[training]
[engine]
name = "nvflare"
[[sites]]
name = "ash"
[[sites]]
name = "birch"
"""


def test_who_has_handed_in_for_the_round_under_way_is_told(tmp_path: Path) -> None:
    file, kit, run = tmp_path / "two.toml", tmp_path / "kit", tmp_path / "run"
    file.write_text(EXPERIMENT, encoding="utf-8")
    kit.mkdir()
    with RunStore.create(run, experiment_path=file, environment={}) as store:
        store.put_site_update("key", {"site": "birch"})
    note_run(kit, run)

    standing = standing_of(kit, now=0.0)

    assert {name: one.handed_in for name, one in standing.sites.items()} == {
        "ash": False,
        "birch": True,
    }
    assert list(lines_of(standing))[-1] == (
        "birch: not connected, 0 bytes up, 0 down, has handed in"
    )
