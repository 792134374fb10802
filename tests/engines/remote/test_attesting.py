"""Signed rounds of sites that are asked: what each signs, and what the coordinator can prove."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from tests.engines.remote.spoiling import Spoiling, end_after_a_round, rounds_of, wire

from fedmedlora.audit.chains.opening import open_chain
from fedmedlora.audit.enrolment import enrol, handed_over, let_in
from fedmedlora.audit.heads import HeadFile
from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.audit.ledger import Ledger
from fedmedlora.engines.remote.attesting import SigningHere
from fedmedlora.engines.remote.messages import Message, Service
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.errors import EngineError, IdentityError, QuorumError
from fedmedlora.experiment.run_ledger import last_enrolments, ledger_on, remember, revoke_site
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.verifying import verify
from fedmedlora.training.base_models import BaseModel

AUDIT = '\n[audit]\nledger = "embedded"\nkeep_updates = true\n'


def signing_services(
    folder: Path,
    identities: dict[str, Identity],
    *,
    wanted: bool = False,
    **former: Sequence[Identity],
) -> dict[str, Service]:
    """Return sites that sign, some of them in the place of what they signed with before.

    Args:
        wanted: Whether they hand in nothing that is not signed.
    """
    return {
        site: SiteService(
            site,
            data=folder / site,
            store=folder / f"{site}_store",
            policy=Policy(audit=wanted),
            signing=SigningHere(
                site, identities[site], folder / f"{site}_store" / "heads", former.get(site, ())
            ),
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


def test_sites_keep_the_heads_of_each_run_of_one_operator(
    tmp_path: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    write_sites(tmp_path)
    for name in ("first", "second"):
        transport = wire(tmp_path, signing_services(tmp_path, identities))
        run = run_apart(tmp_path, text, transport, operator=operator).rename(tmp_path / name)

        # Three rounds and the run, by three sites.
        verdict = verify(run)
        assert (verdict.faults, verdict.counts["countersigned heads"]) == ([], 4 * 3)
    assert len(heads_at(tmp_path)) == 2 * 3


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


def test_a_site_that_wants_its_updates_signed_takes_no_part_where_nothing_is(
    tmp_path: Path, bert: BaseModel, identities: dict[str, Identity]
) -> None:
    write_sites(tmp_path)
    all_ = signing_services(tmp_path, identities, wanted=True)

    with pytest.raises(EngineError, match=r"policy\.toml of the site: audit: found \[audit\]"):
        run_apart(tmp_path, experiment_text(bert, "fed_medlora"), wire(tmp_path, all_))


def test_a_site_that_wants_its_updates_signed_trains_for_no_other_round(
    tmp_path: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    def stripped(question: Message) -> Message:
        plan = {**question.body["plan"], "run": ""}
        return replace(question, body={**question.body, "plan": plan})

    write_sites(tmp_path)
    # The coordinator says one thing and asks for another.
    sites: dict[str, Service] = {
        site: Asking(one, "train", stripped)
        for site, one in signing_services(tmp_path, identities, wanted=True).items()
    }

    with pytest.raises(QuorumError, match="audit: found a training that nobody signs asked for"):
        run_apart(tmp_path, text, wire(tmp_path, sites), operator=operator)


@dataclass
class Asking:
    """A service that is asked something else than its coordinator's own program asks."""

    service: Service
    subject: str
    change: Callable[[Message], Message]

    def answer(self, question: Message, folder: Path) -> Message:
        changed = self.change(question) if question.subject == self.subject else question
        return self.service.answer(changed, folder)


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


@contextmanager
def ledger_of(run: Path, operator: Identity) -> Iterator[tuple[RunStore, Ledger]]:
    """Give a run and its ledger between two sessions, as its operator has them."""
    with (
        RunStore.open(run, writable=True) as store,
        open_chain("embedded", run, operator.chain_key) as chain,
    ):
        yield store, ledger_on(chain, operator, store)[0]


@pytest.fixture
def operator() -> Identity:
    return new_identity()


@pytest.fixture
def text(bert: BaseModel) -> str:
    return experiment_text(bert, "fed_medlora", rounds=3) + AUDIT


@pytest.fixture
def begun(tmp_path: Path, text: str, identities: dict[str, Identity], operator: Identity) -> Path:
    """Return the folder of a run whose first round is closed."""
    write_sites(tmp_path)
    transport = wire(tmp_path, signing_services(tmp_path, identities))
    end_after_a_round(transport)
    run = run_apart(tmp_path, text, transport, operator=operator)
    assert len(rounds_of(run)) == 1
    return run


def names(run: Path, site: str) -> list[str]:
    """Return by what a run has known a site."""
    with RunStore.open(run) as store:
        return [one["did"] for one in store.meta("audit")["enrolled"][site]]


def codes(document: dict[str, Any]) -> dict[str, str]:
    return {one["site"]: one["code"] for one in document["absences"]}


def heads_at(folder: Path) -> list[Path]:
    return [path for site in SITES for path in (folder / f"{site}_store" / "heads").iterdir()]


def test_a_site_goes_on_with_new_keys_to_which_its_old_ones_consent(
    tmp_path: Path, begun: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    new, between = new_identity(), new_identity()
    # Replaced twice since the ledger heard of it.
    former = (between, identities["bones"])
    there = signing_services(tmp_path, {**identities, "bones": new}, bones=former)

    run_apart(tmp_path, text, wire(tmp_path, there), operator=operator, resume=True)

    assert [len(one["shares"]) for one in rounds_of(begun)] == [3, 3, 3]
    assert names(begun, "bones") == [identities["bones"].did, new.did]
    verdict = verify(begun, heads=heads_at(tmp_path))
    assert (verdict.faults, verdict.remarks) == ([], [])
    counts = verdict.counts
    assert (counts["updates"], counts["enrolments"], counts["rotations"]) == (9, 4, 1)
    # Nobody's old keys are good for anything now.
    with ledger_of(begun, operator) as (_, ledger):
        found = {one: ledger.site(one.address) for one in (identities["bones"], new)}
        assert [one and one.until is None for one in found.values()] == [False, True]


def test_a_coordinator_killed_before_it_noted_new_keys_notes_them_when_it_goes_on(
    tmp_path: Path, begun: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    new, old = new_identity(), identities["bones"]
    with ledger_of(begun, operator) as (store, ledger):
        before = last_enrolments(store, ledger.domain)["bones"]
        one = enrol(new, ledger.domain, most_tokens=before.most_tokens, notes="0" * 64)
        consents = handed_over([old], new, ledger.domain)
        let_in(one, ledger, before=before, consents=consents)
    assert names(begun, "bones") == [old.did]
    there = signing_services(tmp_path, {**identities, "bones": new}, bones=(old,))

    run_apart(tmp_path, text, wire(tmp_path, there), operator=operator, resume=True)

    assert names(begun, "bones") == [old.did, new.did]
    assert [len(one["shares"]) for one in rounds_of(begun)] == [3, 3, 3]


def test_keys_that_were_replaced_sign_nothing_any_more(
    tmp_path: Path, begun: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    new, old = new_identity(), identities["bones"]
    with ledger_of(begun, operator) as (store, ledger):
        before = last_enrolments(store, ledger.domain)["bones"]
        one = enrol(new, ledger.domain, most_tokens=before.most_tokens, notes="0" * 64)
        let_in(one, ledger, before=before, consents=handed_over([old], new, ledger.domain))
        remember("bones", one, store)

    stolen = wire(tmp_path, signing_services(tmp_path, identities))
    run_apart(tmp_path, text, stolen, operator=operator, resume=True)

    assert [codes(one) for one in rounds_of(begun)[1:]] == [{"bones": "wrong_signer"}] * 2
    assert names(begun, "bones") == [old.did, new.did]
    assert verify(begun).faults == []


def test_a_site_that_its_coordinator_revoked_is_refused_and_the_run_goes_on(
    tmp_path: Path, begun: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    block = revoke_site(begun, "lungs", [operator])

    again = wire(tmp_path, signing_services(tmp_path, identities))
    run_apart(tmp_path, text, again, operator=operator, resume=True)

    documents = rounds_of(begun)
    assert [codes(one) for one in documents[1:]] == [{"lungs": "revoked_site"}] * 2
    assert [sorted(one["shares"]) for one in documents[1:]] == [["bones", "heart"]] * 2
    verdict = verify(begun, heads=heads_at(tmp_path))
    assert (verdict.faults, verdict.remarks) == ([], [f"lungs: revoked with block {block}"])


def test_a_revoked_site_does_not_come_back_by_new_keys(
    tmp_path: Path, begun: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    new, old = new_identity(), identities["lungs"]
    revoke_site(begun, "lungs", [operator])
    there = signing_services(tmp_path, {**identities, "lungs": new}, lungs=(old,))

    run_apart(tmp_path, text, wire(tmp_path, there), operator=operator, resume=True)

    assert names(begun, "lungs") == [old.did]
    assert all(sorted(one["shares"]) == ["bones", "heart"] for one in rounds_of(begun)[1:])
    assert verify(begun).faults == []


def test_nobody_but_the_operator_of_a_run_revokes(
    begun: Path, identities: dict[str, Identity], operator: Identity
) -> None:
    for strangers in ([new_identity()], [identities["lungs"]]):
        with pytest.raises(IdentityError, match=f"found the identity .*, expected {operator.did}"):
            revoke_site(begun, "lungs", strangers)
    # What the operator signed with when the run began, before it replaced its own keys.
    assert revoke_site(begun, "lungs", [new_identity(), operator]) > 0


def test_an_operator_that_gave_a_sites_name_to_other_keys_is_found(
    tmp_path: Path, begun: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    made_up = new_identity()
    with ledger_of(begun, operator) as (store, ledger):
        one = enrol(made_up, ledger.domain, most_tokens=10**6, notes="0" * 64)
        let_in(one, ledger, before=None, consents=())
        remember("lungs", one, store)
    there = signing_services(tmp_path, {**identities, "lungs": made_up})

    run_apart(tmp_path, text, wire(tmp_path, there), operator=operator, resume=True)

    assert [len(one["shares"]) for one in rounds_of(begun)] == [3, 3, 3]
    assert verify(begun).faults == [
        "enrolment of lungs: found keys to which those before never consented"
    ]


def test_what_a_site_handed_in_before_it_went_away_is_proved_without_it(
    tmp_path: Path, begun: Path, text: str, identities: dict[str, Identity], operator: Identity
) -> None:
    there = signing_services(tmp_path, identities)
    transport = wire(tmp_path, there)

    def goes(answer: Message) -> Message:
        transport.away.add("bones")
        return answer

    def ends(answer: Message) -> Message:
        away.ending = True
        return answer

    # They are asked in the order lungs, heart, bones; the session ends as bones is gone.
    transport.services = {**there, "lungs": Spoiling(there["lungs"], "train", goes)}
    run_apart(tmp_path, text, transport, operator=operator, resume=True)
    assert len(rounds_of(begun)) == 1

    away = wire(tmp_path, there)
    away.services = {**there, "bones": Spoiling(there["bones"], "train", ends)}
    away.away.add("lungs")
    run_apart(tmp_path, text, away, operator=operator, resume=True)

    (_, second) = rounds_of(begun)
    assert sorted(second["shares"]) == ["bones", "heart", "lungs"]
    assert verify(begun).faults == []


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


def test_keys_that_no_run_has_noted_yet_are_revoked_too(
    begun: Path, identities: dict[str, Identity], operator: Identity
) -> None:
    new, old = new_identity(), identities["bones"]
    with ledger_of(begun, operator) as (store, ledger):
        before = last_enrolments(store, ledger.domain)["bones"]
        one = enrol(new, ledger.domain, most_tokens=before.most_tokens, notes="0" * 64)
        let_in(one, ledger, before=before, consents=handed_over([old], new, ledger.domain))

    block = revoke_site(begun, "bones", [operator])

    with ledger_of(begun, operator) as (_, ledger):
        found = ledger.site(new.address)
        assert found is not None
        assert found.until == block
