"""Blind rounds between sites that are asked, with real encryption and a real, tiny model."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.engines.remote.federations import (
    SITES,
    experiment_text,
    run_apart,
    run_here,
    write_sites,
)
from tests.engines.remote.loopback import Loopback
from tests.engines.remote.spoiling import Spoiling, failing, rounds_of, wire

from fedmedlora.adapters.shelves import FolderShelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.blind import BlindHere
from fedmedlora.engines.remote.messages import Message, Service
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.sealing import Sealing, make_key, read_key
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.errors import EngineError, FedMedLoRAError, InputError, QuorumError
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.site_round import NORMS
from fedmedlora.formats.site_files import site_digest
from fedmedlora.formats.site_folder import read_site
from fedmedlora.training.base_models import BaseModel

PLUS = "fed_medlora_plus"


def prepared(folder: Path) -> None:
    """Write the notes, and at each site the key that they share and a copy of the server's."""
    write_sites(folder)
    make_key(folder / "blind.key")
    for site in SITES:
        local = folder / f"{site}_local"
        shutil.copytree(folder / "checks", local / "validation")
        shutil.copyfile(folder / "blind.key", local / "blind.key")


def text_of(folder: Path, base: BaseModel, *arms: str, rounds: int = 2, blind: bool = True) -> str:
    text = experiment_text(base, *arms, rounds=rounds)
    pinned = site_digest(read_site(folder / "checks", required=("dev",)))
    text = text.replace('role = "server"\n', f'role = "server"\nsha256 = "{pinned}"\n')
    own = 'sees = "sum"\nvalidation = "own"'
    return text.replace('validation = "server"', own) if blind else text


def services(folder: Path, **policies: Policy) -> dict[str, Service]:
    return {
        site: SiteService(
            site,
            data=folder / site,
            store=folder / f"{site}_store",
            policy=policies.get(site, Policy(blind=True)),
            local=folder / f"{site}_local",
        )
        for site in SITES
    }


def adapter_of(run: Path, arm: str = PLUS) -> AdapterWeights:
    with RunStore.open(run) as store:
        return dict(store.adapters.get(store.rounds(arm)[-1]["adapter"]))


def furthest(one: AdapterWeights, other: AdapterWeights) -> float:
    return max(float(np.abs(one[n] - other[n]).max()) for n in one)


def subjects(transport: Loopback) -> set[str]:
    return {subject for _, subject, _ in transport.asked}


@pytest.mark.parametrize("rounds", [1, 3])
def test_sites_that_are_asked_blindly_end_within_a_millionth_of_the_open(
    tmp_path: Path, bert: BaseModel, rounds: int
) -> None:
    prepared(tmp_path)
    # At ten times the rate AdamW makes 3e-6 of it in three rounds, as it does of any last bit.
    texts = [
        text_of(tmp_path, bert, PLUS, rounds=rounds, blind=blind).replace(
            "learning_rate = 0.01", "learning_rate = 0.001"
        )
        for blind in (False, True)
    ]
    seen = run_here(tmp_path, texts[0])
    blind = run_apart(tmp_path, texts[1], wire(tmp_path, services(tmp_path)))

    assert 0 < furthest(adapter_of(blind), adapter_of(seen)) < 1e-6
    (one, *_), (other, *_) = rounds_of(blind, PLUS), rounds_of(seen, PLUS)
    # What each site scored by itself is what the server scored.
    assert one["reports"] == other["reports"]
    assert one["shares"] == other["shares"]


def test_so_do_they_where_a_site_fails_to_encrypt(tmp_path: Path, bert: BaseModel) -> None:
    here, there = tmp_path / "blind", tmp_path / "open"
    for folder in (here, there):
        folder.mkdir()
        prepared(folder)
    blindly, openly = services(here), services(there, **dict.fromkeys(SITES, Policy()))
    blindly["lungs"] = Spoiling(blindly["lungs"], "seal", failing)
    openly["lungs"] = Spoiling(openly["lungs"], "train", failing)

    blind = run_apart(here, text_of(here, bert, PLUS, rounds=1), wire(here, blindly))
    seen = run_apart(there, text_of(there, bert, PLUS, rounds=1, blind=False), wire(there, openly))

    (absence,) = rounds_of(blind, PLUS)[0]["absences"]
    assert absence["site"] == "lungs"
    assert "found too little memory" in absence["reason"]
    assert furthest(adapter_of(blind), adapter_of(seen)) < 1e-6


def test_nothing_that_a_site_trained_reaches_the_server(tmp_path: Path, bert: BaseModel) -> None:
    prepared(tmp_path)
    transport = wire(tmp_path, services(tmp_path))
    run = run_apart(tmp_path, text_of(tmp_path, bert, PLUS, rounds=1), transport)

    # What stayed lies at the sites, the sum too.
    (sent,) = {round_["sum"]["sha256"] for round_ in rounds_of(run, PLUS)}
    kept = {p.stem: p for site in SITES for p in adapters_at(tmp_path, site)}
    updates = [kept[name].read_bytes() for name in kept if name != sent]
    assert len(updates) == 3
    came = [path.read_bytes() for path in transport.came if path.exists()]
    came += [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    # Of each the last third, which is values and no header.
    assert not any(one[-len(one) // 3 :] in other for one in updates for other in came)
    assert subjects(transport) >= {"own_loss", "seal", "unseal", "tell"}
    assert "show" not in subjects(transport)
    # Committed first, scored second, encrypted third.
    order = [subject for _, subject, _ in transport.asked if subject != "hold"]
    assert order.index("train") < order.index("own_loss") < order.index("seal")
    assert max(i for i, s in enumerate(order) if s == "train") < order.index("own_loss")


def test_a_run_that_was_cut_while_the_sum_was_opened_trains_nobody_again(
    tmp_path: Path, bert: BaseModel
) -> None:
    prepared(tmp_path)
    text, sites = text_of(tmp_path, bert, PLUS, rounds=1), services(tmp_path)
    spoilt = {site: Spoiling(service, "unseal", failing) for site, service in sites.items()}
    with pytest.raises(QuorumError, match="sum: found nothing"):
        run_apart(tmp_path, text, wire(tmp_path, spoilt))

    (tmp_path / "second").mkdir()
    transport = wire(tmp_path / "second", services(tmp_path))
    run = run_apart(tmp_path, text, transport, resume=True)

    assert "train" not in subjects(transport)
    assert len(rounds_of(run, PLUS)) == 1


def test_a_site_with_another_key_is_named(tmp_path: Path, bert: BaseModel) -> None:
    prepared(tmp_path)
    (tmp_path / "lungs_local" / "blind.key").unlink()
    make_key(tmp_path / "lungs_local" / "blind.key")

    with pytest.raises(QuorumError, match="sealed update of lungs: found the key"):
        run_apart(tmp_path, text_of(tmp_path, bert, PLUS), wire(tmp_path, services(tmp_path)))


def test_a_site_without_a_key_is_absent_and_says_why(tmp_path: Path, bert: BaseModel) -> None:
    prepared(tmp_path)
    (tmp_path / "lungs_local" / "blind.key").unlink()
    transport = wire(tmp_path, services(tmp_path))

    run = run_apart(tmp_path, text_of(tmp_path, bert, PLUS, rounds=1), transport)

    (absence,) = rounds_of(run, PLUS)[0]["absences"]
    assert absence["site"] == "lungs"
    assert "blind key: found none" in absence["reason"]


def test_a_site_whose_copy_of_the_servers_notes_is_another_does_not_take_part(
    tmp_path: Path, bert: BaseModel
) -> None:
    prepared(tmp_path)
    shutil.rmtree(tmp_path / "lungs_local" / "validation")
    shutil.copytree(tmp_path / "heart", tmp_path / "lungs_local" / "validation")

    with pytest.raises(EngineError, match=r"validation: sha256: found .* experiment pins it"):
        run_apart(tmp_path, text_of(tmp_path, bert, PLUS), wire(tmp_path, services(tmp_path)))


def test_an_audit_shows_one_update_and_no_more_than_the_rate_says(
    tmp_path: Path, bert: BaseModel
) -> None:
    prepared(tmp_path)
    text = text_of(tmp_path, bert, PLUS, rounds=1).replace("sees =", "audit_rate = 1.0\nsees =")
    sites = services(tmp_path, **dict.fromkeys(SITES, Policy()))
    run = run_apart(tmp_path, text, wire(tmp_path, sites))

    audit = rounds_of(run, PLUS)[0]["audit"]
    assert audit["fault"] is None

    folder = tmp_path / "room"
    folder.mkdir()
    sealing = sites[audit["site"]]._opened.sealing  # type: ignore[attr-defined]
    # One of two rounds, of new sites, that an experiment may have; the limit is what is left.
    sealing.shown.add("1" * 64)
    question = Message("show", {"stays": "0" * 64})
    with pytest.raises(EngineError, match="found an update asked for, expected 2 at most"):
        sites[audit["site"]].answer(question, folder)


def adapters_at(folder: Path, site: str) -> list[Path]:
    """Return the files of adapters that a site keeps, without those of how far its updates went."""
    kept = (folder / f"{site}_store" / "kept").iterdir()
    return [path for path in kept if NORMS.encode() not in path.read_bytes()]


def asked_of(folder: Path, base: BaseModel, question: Callable[[RunStore], Message]) -> None:
    prepared(folder)
    sites = services(folder)
    run = run_apart(folder, text_of(folder, base, PLUS, rounds=1), wire(folder, sites))
    (folder / "room").mkdir()
    with RunStore.open(run) as store:
        sites["heart"].answer(question(store), folder / "room")


def test_a_site_tells_sums_alone(tmp_path: Path, bert: BaseModel) -> None:
    def update(store: RunStore) -> Message:
        told = store.rounds(PLUS)[-1]["sum"]["sha256"]
        (own,) = {path.stem for path in adapters_at(tmp_path, "heart")} - {told}
        return Message("tell", {"sha256": own})

    with pytest.raises(EngineError, match="expected that of a sum that was opened here"):
        asked_of(tmp_path, bert, update)


def test_a_site_shows_nothing_that_it_keeps_for_itself(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    kept = shelf.put({"own/q.lora_A.weight": np.zeros((1, 2), np.float32)})
    here = BlindHere(shelf, None, lambda _: 0.0)

    with pytest.raises(EngineError, match="found what it keeps for itself asked for"):
        Sealing("heart", here, SITES, 1).answer(None, Message("show", {"stays": kept}), tmp_path)


@pytest.mark.parametrize("members", [["heart"], ["bones", "lungs"], ["heart", "ghost"]])
def test_a_site_encrypts_for_sums_of_several_known_sites_alone(
    tmp_path: Path, bert: BaseModel, members: list[str]
) -> None:
    def seal(store: RunStore) -> Message:
        before = store.rounds(PLUS)[-1]["adapter"]
        return Message("seal", {"bundle": before, "stays": "", "rank": None, "members": members})

    with pytest.raises(EngineError, match="expected one of several of heart, bones, lungs"):
        asked_of(tmp_path, bert, seal)


def test_a_site_that_must_be_blind_takes_part_in_nothing_else(
    tmp_path: Path, bert: BaseModel
) -> None:
    prepared(tmp_path)
    text = text_of(tmp_path, bert, PLUS, blind=False)

    with pytest.raises(EngineError, match='blind: found sees = "updates" asked for'):
        run_apart(tmp_path, text, wire(tmp_path, services(tmp_path)))


def test_a_server_that_asks_for_an_update_all_the_same_gets_none(
    tmp_path: Path, bert: BaseModel
) -> None:
    prepared(tmp_path)
    sites = services(tmp_path, **dict.fromkeys(SITES, Policy()))
    transport = wire(tmp_path, {site: InTheOpen(one) for site, one in sites.items()})

    with pytest.raises(FedMedLoRAError, match="found an update asked for, expected its digest"):
        run_apart(tmp_path, text_of(tmp_path, bert, PLUS), transport)


class InTheOpen:
    """A service that is asked as if the server were to see updates."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def answer(self, question: Message, folder: Path) -> Message:
        if question.subject == "train":
            plan = {**question.body["plan"], "limits": None}
            question = replace(question, body={**question.body, "plan": plan})
        return self._service.answer(question, folder)


def test_a_key_is_for_its_owner_alone_and_never_written_over(tmp_path: Path) -> None:
    key = make_key(tmp_path / "blind.key")

    assert (tmp_path / "blind.key").stat().st_mode & 0o777 == 0o600
    assert read_key(tmp_path) == key
    assert read_key(tmp_path / "elsewhere") is None
    with pytest.raises(InputError, match="found a file, expected none yet"):
        make_key(tmp_path / "blind.key")
