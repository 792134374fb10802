"""Who may talk to the page: decided before a request is looked into."""

import pytest
from starlette.testclient import TestClient
from tests.serving.pages import served

from fedmedlora.serving.app import application
from fedmedlora.serving.guard import MOST_A_MINUTE, MOST_BYTES, Guard

HERE = "localhost:8765"
TOKEN = "a-token-of-many-signs"  # noqa: S105 -- made up


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def client(*, token: str | None = None, clock: Clock | None = None) -> TestClient:
    hosts = None if token else frozenset({HERE})
    guard = Guard(application(served()), hosts, token, clock or Clock())
    return TestClient(guard, base_url=f"http://{HERE}")


QUESTION = {"reader": "pains", "text": "pain"}


def test_another_name_of_this_machine_is_refused() -> None:
    page = client()

    assert page.get("/api/desk").status_code == 200
    assert page.get("/api/desk", headers={"host": "evil.example:8765"}).status_code == 421
    assert page.get("/", headers={"host": "localhost:80"}).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
def test_other_pages_are_refused(origin: str) -> None:
    page = client()

    refused = page.post("/api/readings", json=QUESTION, headers={"origin": origin})
    own = page.post("/api/readings", json=QUESTION, headers={"origin": f"http://{HERE}"})

    assert (refused.status_code, own.status_code) == (403, 200)


@pytest.mark.parametrize("path", ["/api/desk", "/api/notes", "/openapi.json"])
@pytest.mark.parametrize("said", [None, "Bearer wrong", TOKEN, "Bearer é"])
def test_without_the_token_the_interface_is_closed(path: str, said: str | None) -> None:
    page = client(token=TOKEN)
    headers = {} if said is None else {b"authorization": said.encode("latin-1")}

    assert page.get(path, headers=headers).status_code == 401
    assert page.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert page.get("/").status_code == 200


def test_a_large_body_is_refused_whether_its_length_is_told_or_not() -> None:
    page = client()
    large = b"a" * (MOST_BYTES + 1)

    told = page.post("/api/readings", content=large)
    untold = page.post("/api/readings", content=iter([large[:1000], large]))

    assert (told.status_code, untold.status_code) == (413, 413)


def test_so_many_requests_a_minute_and_no_more() -> None:
    clock = Clock()
    page = client(clock=clock)

    answers = [page.post("/api/readings", json=QUESTION) for _ in range(MOST_A_MINUTE + 1)]
    clock.now += 61
    after = page.post("/api/readings", json=QUESTION)

    codes = [answer.status_code for answer in answers]
    assert codes == [200] * MOST_A_MINUTE + [429]
    assert answers[-1].headers["retry-after"] == "60"
    assert after.status_code == 200


def test_every_answer_forbids_other_hosts() -> None:
    page = client()

    for path in ("/", "/api/desk", "/nothing"):
        policy = page.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "default-src" in page.get("/", headers={"host": "x"}).headers["content-security-policy"]
