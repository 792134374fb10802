"""Rounds in which the server sees the sum alone, beside the same rounds in the open."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.experiment.fakes import A, B, FakeEngine, cohorts, experiment, new_store, toml

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.blind import BlindHere
from fedmedlora.errors import InputError, QuorumError
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import Document
from fedmedlora.federation.blind import Stayed
from fedmedlora.privacy.ckks import Key, new_key
from fedmedlora.privacy.sealed import read_header, shapes_of
from fedmedlora.sites import SiteRole

SITES: tuple[tuple[str, SiteRole], ...] = (
    ("heart", "train"),
    ("bones", "train"),
    ("lungs", "train"),
    ("checks", "server"),
)
PLUS = "fed_medlora_plus"


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


@dataclass(frozen=True)
class Misbehaving:
    """Blind sites of which some do not do as they are asked.

    Attributes:
        unsealed: Sites that send no encrypted update.
        gone: Sites that do not open the sum.
        other: Sites that say another digest of it.
        another: Sites that show another update than they told of.
        losses_of: What is told in place of a site's loss.
        mute: Sites that tell no loss.
    """

    sites: BlindHere
    unsealed: Sequence[str] = ()
    gone: Sequence[str] = ()
    other: Sequence[str] = ()
    another: Sequence[str] = ()
    losses_of: Mapping[str, float] | None = None
    mute: Sequence[str] = ()

    def losses(self, stayed: Sequence[Stayed], bundle: AdapterWeights) -> Mapping[str, float]:
        told = {**self.sites.losses(stayed, bundle), **(self.losses_of or {})}
        return {site: told[site] for site in told if site not in self.mute}

    def sealed(
        self, stayed: Sequence[Stayed], bundle: AdapterWeights, folder: Path
    ) -> Iterator[tuple[str, Path | str]]:
        for site, found in self.sites.sealed(stayed, bundle, folder):
            if site not in self.unsealed:
                yield site, found

    def opened(
        self, total: Path, stayed: Sequence[Stayed], bundle: AdapterWeights
    ) -> Iterator[tuple[str, str | None]]:
        for site, sha256 in self.sites.opened(total, stayed, bundle):
            if site not in self.gone:
                yield site, "0" * 64 if site in self.other else sha256

    def told(self, site: str, sha256: str) -> AdapterWeights | None:
        return self.sites.told(site, sha256)

    def shown(self, one: Stayed) -> AdapterWeights | None:
        shown = self.sites.shown(one)
        if shown is None or one.site not in self.another:
            return shown
        return {**shown, A: shown[A] + np.float32(1)}


@dataclass
class BlindFake(FakeEngine):
    """The fake engine, with blind sites that do not do as they are asked."""

    spoilt_sites: Mapping[str, object] | None = None

    def blind(self) -> Misbehaving:
        return Misbehaving(super().blind(), **(self.spoilt_sites or {}))  # type: ignore[arg-type]


def text(arm: str, *, blind: bool, rounds: int = 3, audit_rate: float = 0.0) -> str:
    told = toml([arm], SITES, rounds=rounds)
    sees = f'sees = "sum"\naudit_rate = {audit_rate}\nvalidation = "own"'
    return told.replace('validation = "server"', sees) if blind else told


def ran(folder: Path, told: str, engine: FakeEngine) -> tuple[Document, AdapterWeights]:
    """Return the last round of the only arm, and the global adapter after it."""
    with new_store(folder, told) as store:
        run(experiment(told), engine, store, cohorts(SITES))
        (arm,) = store.arms()
        document = store.rounds(arm)[-1]
        return document, dict(store.adapters.get(document["adapter"]))


@pytest.mark.parametrize("arm", ["fed_medlora", PLUS, "fed_adam", "fed_sa_lora", "agnostic"])
@pytest.mark.parametrize("rounds", [1, 3])
def test_blind_and_open_end_within_a_millionth(
    tmp_path: Path, key: Key, arm: str, rounds: int
) -> None:
    seen = ran(tmp_path / "open", text(arm, blind=False, rounds=rounds), FakeEngine())
    blind = ran(
        tmp_path / "blind",
        text(arm, blind=True, rounds=rounds),
        FakeEngine(blind_key=key),
    )

    (one, adapter), (other, expected) = blind, seen
    assert one["round"] == other["round"] == rounds
    assert one["shares"] == pytest.approx(other["shares"], abs=1e-6)
    # Adam divides by a root of squares: what is off by 5e-7 before is off by more after.
    tolerance = 1e-3 if arm == "fed_adam" else 1e-6
    assert max(np.abs(adapter[n] - expected[n]).max() for n in (A, B)) < tolerance
    # Were it 0, both would have gone the same way. In fed_sa_lora A alone travels, whose whole
    # numbers float32 gives back.
    assert arm == "fed_sa_lora" or any((adapter[n] != expected[n]).any() for n in (A, B))


def test_so_do_they_where_a_site_is_gone_before_it_sends_what_it_encrypted(
    tmp_path: Path, key: Key
) -> None:
    silent = [("lungs", 1), ("lungs", 2), ("lungs", 3)]
    seen = ran(tmp_path / "open", text(PLUS, blind=False), FakeEngine(silent=silent))
    engine = BlindFake(blind_key=key, spoilt_sites={"unsealed": ("lungs",)})
    blind = ran(tmp_path / "blind", text(PLUS, blind=True), engine)

    (one, adapter), (other, expected) = blind, seen
    assert one["shares"] == pytest.approx(other["shares"], abs=1e-6)
    assert set(one["shares"]) == {"bones", "heart"}
    assert max(np.abs(adapter[n] - expected[n]).max() for n in (A, B)) < 1e-6
    (absence,) = one["absences"]
    assert absence["reason"].startswith("update of lungs: found no answer, expected its encrypted")


def test_a_sum_is_opened_without_a_site_that_is_in_it(tmp_path: Path, key: Key) -> None:
    engine = BlindFake(blind_key=key, spoilt_sites={"gone": ("bones", "heart")})
    document, _ = ran(tmp_path, text(PLUS, blind=True, rounds=1), engine)

    assert set(document["shares"]) == {"bones", "heart", "lungs"}
    assert document["sum"]["opened_by"] == ["lungs"]
    assert document["sum"]["told_by"] == "lungs"


def test_no_update_is_on_the_servers_disk(tmp_path: Path, key: Key) -> None:
    told = text(PLUS, blind=True, rounds=1)
    engine = FakeEngine(blind_key=key)
    ran(tmp_path, told, engine)

    # What trained stands on the sites' shelf, which here is memory of the engine.
    updates = [one[B].tobytes() for one in engine.shelf.kept.values() if B in one]  # type: ignore[attr-defined]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(updates) >= 3
    # The sum alone is told, and what follows from it is kept.
    assert sum(any(one in file for file in files) for one in updates) <= 1


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"other": ("heart",)}, "expected the same at all sites that open it"),
        ({"gone": ("bones", "heart", "lungs")}, "sum: found nothing, expected the same"),
        ({"unsealed": ("bones", "heart")}, "found 1 usable updates, expected at least 2"),
    ],
)
def test_a_round_without_a_sum_that_can_be_trusted_does_not_count(
    tmp_path: Path, key: Key, spoilt: Mapping[str, object], words: str
) -> None:
    told = text(PLUS, blind=True).replace("quorum = 2", "quorum = 1")
    engine = BlindFake(blind_key=key, spoilt_sites=spoilt)

    with new_store(tmp_path, told) as store:
        with pytest.raises(QuorumError, match=words):
            run(experiment(told), engine, store, cohorts(SITES))
        assert store.rounds(PLUS) == []

        run(experiment(told), FakeEngine(blind_key=key, shelf=engine.shelf), store, cohorts(SITES))
        assert len(store.rounds(PLUS)) == 3


def test_a_run_that_was_cut_goes_on_with_what_stayed(tmp_path: Path, key: Key) -> None:
    told = text(PLUS, blind=True)
    engine = FakeEngine(blind_key=key)
    failing = BlindFake(
        blind_key=key, shelf=engine.shelf, spoilt_sites={"gone": ("bones", "heart", "lungs")}
    )
    with new_store(tmp_path, told) as store:
        with pytest.raises(QuorumError):
            run(experiment(told), failing, store, cohorts(SITES))
        run(experiment(told), engine, store, cohorts(SITES))

    assert sorted(failing.asked) == [("bones", 1), ("heart", 1), ("lungs", 1)]
    assert [asked for asked in engine.asked if asked[1] == 1] == []


def test_values_that_are_not_finite_are_refused_at_the_site(tmp_path: Path, key: Key) -> None:
    engine = FakeEngine(blind_key=key)
    bad = {A: np.full((2, 3), np.nan, np.float32), B: np.zeros((3, 2), np.float32)}
    sha256 = engine.shelf.put(bad)
    sites = engine.blind()

    ((site, found),) = sites.sealed([Stayed("heart", sha256)], bad, tmp_path)

    assert site == "heart"
    assert isinstance(found, str)
    assert "found values NaN or infinite" in found
    assert list(tmp_path.iterdir()) == []


def test_a_site_of_a_smaller_rank_is_in_the_sum_as_in_the_open(tmp_path: Path, key: Key) -> None:
    wide = {A: np.zeros((2, 3), np.float32), B: np.zeros((3, 2), np.float32)}
    small = {A: np.ones((1, 3), np.float32), B: np.ones((3, 1), np.float32)}
    engine = FakeEngine(blind_key=key)
    sha256 = engine.shelf.put(small)

    sites = engine.blind()
    ((_, found),) = sites.sealed([Stayed("heart", sha256, 1)], wide, tmp_path)

    assert isinstance(found, Path)
    with found.open("rb") as file:
        assert read_header(file).shapes == shapes_of(wide)


@pytest.mark.parametrize(
    ("spoilt", "fault"),
    [
        ({}, None),
        ({"another": ("bones", "heart", "lungs")}, "as was told before"),
        ({"losses_of": dict.fromkeys(("bones", "heart", "lungs"), 0.001)}, "found a loss of"),
    ],
)
def test_an_audit_finds_another_update_and_another_loss(
    tmp_path: Path, key: Key, spoilt: Mapping[str, object], fault: str | None
) -> None:
    told = text(PLUS, blind=True, rounds=1, audit_rate=1.0)
    engine = BlindFake(blind_key=key, spoilt_sites=spoilt)

    document, _ = ran(tmp_path, told, engine)

    audit = document["audit"]
    assert audit["site"] in ("bones", "heart", "lungs")
    if fault is None:
        assert audit["fault"] is None
        assert document["absences"] == []
    else:
        assert fault in audit["fault"]
        (absent,) = document["absences"]
        assert (absent["site"], absent["reason"]) == (audit["site"], audit["fault"])
        assert absent["code"] == "failed_audit"
        assert audit["site"] not in document["shares"]


def test_a_site_that_sends_its_update_all_the_same_is_refused(tmp_path: Path, key: Key) -> None:
    engine = FakeEngine(blind_key=key, claims={"lungs": {"payload": b"an update", "stays": None}})

    document, _ = ran(tmp_path, text(PLUS, blind=True, rounds=1), engine)

    (absence,) = document["absences"]
    assert "found another answer, expected a digest alone" in absence["reason"]


def test_what_travels_for_the_sum_is_counted(tmp_path: Path, key: Key) -> None:
    told = text(PLUS, blind=True, rounds=1)
    document, _ = ran(tmp_path, told, FakeEngine(blind_key=key))

    # One block of 235 KB up and one down, for 12 values; one site tells the sum in 48 bytes.
    assert all(230_000 < n < 241_000 for n in document["bytes_up"].values())
    assert all(230_000 < n < 241_000 for n in document["bytes_down"].values())


def test_a_site_that_tells_no_loss_has_no_share(tmp_path: Path, key: Key) -> None:
    engine = BlindFake(blind_key=key, spoilt_sites={"mute": ("heart",)})

    document, _ = ran(tmp_path, text(PLUS, blind=True, rounds=1), engine)

    assert set(document["shares"]) == {"bones", "lungs"}
    (absence,) = document["absences"]
    assert "update of heart: validation_loss: found nan" in absence["reason"]


def test_a_site_that_keeps_its_update_from_a_round_in_the_open_is_refused(tmp_path: Path) -> None:
    engine = FakeEngine(claims={"lungs": {"payload": b"", "stays": "0" * 64}})

    document, _ = ran(tmp_path, text(PLUS, blind=False, rounds=1), engine)

    (absence,) = document["absences"]
    assert "found another answer, expected its bytes" in absence["reason"]


def test_what_a_site_keeps_for_itself_is_not_encrypted_for_others(tmp_path: Path, key: Key) -> None:
    engine = FakeEngine(blind_key=key)
    bundle = engine.initial()
    kept = engine.shelf.put({f"own/{A}": bundle[A]})

    ((_, found),) = engine.blind().sealed([Stayed("heart", kept)], bundle, tmp_path)

    assert isinstance(found, str)
    assert "found what a site keeps for itself, expected an update" in found


def test_a_missing_package_is_told_before_anybody_trains(
    tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tenseal", None)
    engine = FakeEngine(blind_key=key)

    with pytest.raises(InputError, match="package tenseal: found it missing"):
        ran(tmp_path, text(PLUS, blind=True), engine)

    assert engine.asked == []


def test_what_a_blind_run_does_not_promise_is_said(
    tmp_path: Path, key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        ran(tmp_path, text(PLUS, blind=True, rounds=1), FakeEngine(blind_key=key))

    assert "together with any one site it sees each of them" in caplog.text
