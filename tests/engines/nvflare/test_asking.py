from fedmedlora.engines.nvflare.asking import Presence


def sign(token: str, *, is_at_work: bool) -> dict[str, object]:
    return {"token": token, "ready": True, "is_at_work": is_at_work}


def late(site: str) -> Presence:
    presence = Presence(frozenset([site]), silence_s=60)
    presence.heard(site, sign("one", is_at_work=True))
    presence.let_pass(site, "one")
    return presence


def test_who_is_late_cannot_be_asked_but_is_there() -> None:
    presence = late("ash")

    presence.heard("ash", sign("one", is_at_work=True))

    assert presence.late() == {"ash"}
    assert presence.ready() == set()
    assert presence.is_there("ash", "one")
    assert not presence.absence("ash").lost


def test_who_is_done_or_never_got_the_question_is_late_no_more() -> None:
    presence = late("ash")

    presence.heard("ash", sign("one", is_at_work=False))

    assert presence.ready() == {"ash"}


def test_a_new_process_has_nothing_to_be_late_with() -> None:
    presence = late("ash")

    presence.heard("ash", sign("two", is_at_work=True))

    assert presence.ready() == {"ash"}
