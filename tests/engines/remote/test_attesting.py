"""Signed rounds of sites that are asked: what each signs, and what the coordinator can prove."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.engines.remote.federations import (
    SITES,
    experiment_text,
    run_apart,
    run_here,
    write_sites,
)
from tests.engines.remote.spoiling import Spoiling, end_after_a_round, rounds_of, wire

from fedmedlora.audit.heads import HeadFile
from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.engines.remote.attesting import SigningHere
from fedmedlora.engines.remote.messages import Message, Service
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.errors import EngineError, QuorumError
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.verifying import verify
from fedmedlora.training.base_models import BaseModel

AUDIT = '\n[audit]\nledger = "embedded"\nkeep_updates = true\n'


def signing_services(folder: Path, identities: dict[str, Identity]) -> dict[str, Service]:
    return {
        site: SiteService(
            site,
            data=folder / site,
            store=folder / f"{site}_store",
            policy=Policy(),
            signing=SigningHere(site, identities[site], folder / f"{site}_store" / "heads"),
        )
        for site in SITES
    }


@pytest.fixture
def identities() -> dict[str, Identity]:
    return {site: new_identity() for site in SITES}


def test_sites_that_are_asked_sign_for_themselves(
    tmp_path: Path, bert: BaseModel, identities: dict[str, Identity]
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "fed_medlora", codec="int8")
    operator = new_identity()
    transport = wire(tmp_path, signing_services(tmp_path, identities))

    run = run_apart(tmp_path, text + AUDIT, transport, operator=operator)

    kept = [path for site in SITES for path in (tmp_path / f"{site}_store" / "heads").iterdir()]
    verdict = verify(run, heads=kept)
    assert (verdict.faults, verdict.remarks) == ([], [])
    # Two rounds and the run, each countersigned by three, who keep it at home.
    counts = verdict.counts
    assert (counts["updates"], counts["aggregates recomputed"]) == (6, 2)
    assert (counts["countersigned heads"], counts["heads"]) == (9, 3 + 9)
    assert len(HeadFile(kept[0]).heads(operator.did)) == 3
    # No key of a site has come here, and the adapters are those of one machine.
    assert not (run / "identities").exists()
    here = rounds_of(run_here(tmp_path, text))
    assert [one["adapter"] for one in rounds_of(run)] == [one["adapter"] for one in here]


def test_what_a_site_has_signed_counts_when_the_run_goes_on_without_it(
    tmp_path: Path, bert: BaseModel, identities: dict[str, Identity]
) -> None:
    class Cut(Exception):  # noqa: N818 -- what a kill looks like from inside
        pass

    def cut(_: Message) -> Message:
        raise Cut

    write_sites(tmp_path)
    text, operator = experiment_text(bert, "fed_medlora", rounds=1) + AUDIT, new_identity()
    all_ = signing_services(tmp_path, identities)
    # Asked last: the others have handed in.
    transport = wire(tmp_path, {**all_, "bones": Spoiling(all_["bones"], "train", cut)})
    with pytest.raises(Cut):
        run_apart(tmp_path, text, transport, operator=operator)

    (tmp_path / "later").mkdir()
    later = wire(tmp_path / "later", signing_services(tmp_path, identities))
    later.away = {"heart"}
    with pytest.raises(QuorumError, match="found none of heart"):
        run_apart(tmp_path, text, later, operator=operator, resume=True)

    (document,) = rounds_of(tmp_path / "apart")
    assert document["absences"] == []
    assert sorted(document["shares"]) == ["bones", "heart", "lungs"]
    verdict = verify(tmp_path / "apart")
    assert (verdict.faults, verdict.counts["updates"]) == ([], 3)
    # Who is away countersigns nothing: the heads of the round and of the run were seen by two.
    assert verdict.counts["countersigned heads"] == 2 * 2


def test_a_site_without_an_identity_takes_no_part(
    tmp_path: Path, bert: BaseModel, identities: dict[str, Identity]
) -> None:
    write_sites(tmp_path)
    all_ = signing_services(tmp_path, identities)
    data, store = tmp_path / "bones", tmp_path / "s"
    plain = SiteService("bones", data=data, store=store, policy=Policy())
    unsigned: dict[str, Service] = {**all_, "bones": plain}
    text = experiment_text(bert, "fed_medlora") + AUDIT

    with pytest.raises(EngineError, match=r"bones.*no identity of this site.*identity create"):
        run_apart(tmp_path, text, wire(tmp_path, unsigned), operator=new_identity())


def test_what_was_changed_on_its_way_is_refused(
    tmp_path: Path, bert: BaseModel, identities: dict[str, Identity]
) -> None:
    def more(answer: Message) -> Message:
        return replace(answer, body={**answer.body, "num_tokens": 7})

    def unsigned(answer: Message) -> Message:
        return replace(answer, body={**answer.body, "attestation": None})

    write_sites(tmp_path)
    all_ = signing_services(tmp_path, identities)
    spoilt: dict[str, Service] = {
        **all_,
        "bones": Spoiling(all_["bones"], "train", more),
        "lungs": Spoiling(all_["lungs"], "train", unsigned),
    }
    text = experiment_text(bert, "fed_medlora", rounds=1) + AUDIT

    run = run_apart(tmp_path, text, wire(tmp_path, spoilt), operator=new_identity())

    (document,) = rounds_of(run)
    codes = {one["site"]: one["code"] for one in document["absences"]}
    assert codes == {"bones": "altered_report", "lungs": "unsigned"}
    assert list(document["shares"]) == ["heart"]
    assert verify(run).faults == []


def test_another_sites_keys_do_not_come_in_under_a_name_that_is_known(
    tmp_path: Path, bert: BaseModel, identities: dict[str, Identity]
) -> None:
    write_sites(tmp_path)
    text, operator = experiment_text(bert, "fed_medlora", rounds=2) + AUDIT, new_identity()
    first = wire(tmp_path, signing_services(tmp_path, identities))
    end_after_a_round(first)
    run = run_apart(tmp_path, text, first, operator=operator)
    stolen = {**identities, "lungs": new_identity()}

    later = wire(tmp_path, signing_services(tmp_path, stolen))
    run_apart(tmp_path, text, later, operator=operator, resume=True)

    with RunStore.open(run) as store:
        assert [one["did"] for one in store.meta("audit")["enrolled"]["lungs"]] == [
            identities["lungs"].did
        ]
