import pytest
from tests.experiment.fakes import experiment, toml

from fedmedlora.errors import InputError
from fedmedlora.experiment.baselines import Endpoint
from fedmedlora.experiment.sending import (
    asks_endpoint,
    endpoint_key,
    is_in_the_clear,
    is_private,
    sending_faults,
)
from fedmedlora.sites import SiteRole

AWAY = "https://api.example.org/v1"
ASKING = ["zero_shot", "endpoint_few_shot"]


def faults(url: str, *arms: str, sends_notes: bool = False) -> list[str]:
    text = toml(arms or ASKING) + (
        f'[endpoint]\nurl = "{url}"\nmodel = "m1"\nsends_notes = {str(sends_notes).lower()}\n'
    )
    return [str(fault) for fault in sending_faults(experiment(text), ["heart", "bones"])]


@pytest.mark.parametrize(
    "url",
    [
        AWAY,
        "http://10.0.0.7:8000/v1",
        "https://127.0.0.1.example.org/v1",
        "https://localhost.example.org/v1",
        "https://128.0.0.1/v1",
        "https://[::2]/v1",
        "https://[::ffff:10.0.0.7]/v1",
    ],
)
def test_notes_that_are_not_public_do_not_leave_this_machine(url: str) -> None:
    told = faults(url)

    assert [fault.split(":")[0] for fault in told] == ["site heart", "site bones"]
    assert all(f"found notes that are not public, to be sent to {url}, " in line for line in told)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://127.3.2.1/v1",
        "http://localhost:8000",
        "http://LOCALHOST:8000",
        "http://[::1]:8000/v1",
    ],
)
def test_notes_may_be_read_on_this_machine(url: str) -> None:
    assert faults(url) == []


@pytest.mark.parametrize(
    ("address", "in_the_clear"),
    [
        ("localhost:8000", False),
        ("127.3.2.1", False),
        ("[::1]", False),
        ("10.0.0.7:8000", False),
        ("172.31.0.1", False),
        ("192.168.1.1", False),
        ("[fd00::1]", False),
        ("172.32.0.1", True),
        ("192.169.1.1", True),
        ("[fe00::1]", True),
        # An address in an address is for others to read.
        ("[::ffff:8.8.8.8]", True),
        ("8.8.8.8", True),
        ("api.example.org", True),
        ("gpu01", True),
        ("localhost.example.org", True),
        ("10.0.0.7.example.org", True),
    ],
)
def test_nothing_goes_unencrypted_through_foreign_networks(
    address: str, in_the_clear: bool
) -> None:
    assert is_in_the_clear(f"http://{address}/v1") == in_the_clear
    assert not is_in_the_clear(f"https://{address}/v1")


def test_notes_leave_where_the_experiment_says_so() -> None:
    assert faults(AWAY, sends_notes=True) == []


def test_notes_do_not_leave_where_nobody_asks() -> None:
    assert faults(AWAY, "zero_shot", "bert") == []


@pytest.mark.parametrize(
    ("arms", "asks"),
    [
        (["zero_shot", "bert"], False),
        (["endpoint_zero_shot"], True),
        (["bert", "endpoint_few_shot"], True),
    ],
)
def test_some_arms_ask_an_endpoint(arms: list[str], asks: bool) -> None:
    assert asks_endpoint(arms) == asks


@pytest.mark.parametrize(
    ("role", "public", "private"),
    [
        ("train", False, True),
        ("new_site", False, True),
        ("external", False, True),
        ("train", True, False),
        ("server", False, False),
    ],
)
def test_notes_that_are_asked_about_are_private_unless_they_are_public(
    role: SiteRole, public: bool, private: bool
) -> None:
    assert is_private(role, public=public) == private


class TestKey:
    def test_is_what_the_variable_holds(self) -> None:
        endpoint = Endpoint(url=AWAY, key_variable="THEIR_KEY")

        assert endpoint_key(endpoint, {"THEIR_KEY": "sk-1\n", "OTHER": "sk-2"}) == "sk-1"

    def test_is_nothing_where_none_is_needed(self) -> None:
        assert endpoint_key(Endpoint(url=AWAY), {"": "sk-1"}) == ""

    @pytest.mark.parametrize(
        ("environ", "found"),
        [
            ({}, "nothing"),
            ({"THEIR_KEY": ""}, "nothing"),
            ({"THEIR_KEY": " \n"}, "nothing"),
            ({"THEIR_KEY": "sk 1"}, "signs that no key has"),
            ({"THEIR_KEY": "sk\r\nX: 1"}, "signs that no key has"),
            ({"THEIR_KEY": "schlüssel"}, "signs that no key has"),
        ],
    )
    def test_must_be_there(self, environ: dict[str, str], found: str) -> None:
        endpoint = Endpoint(url=AWAY, key_variable="THEIR_KEY")

        with pytest.raises(InputError) as caught:
            endpoint_key(endpoint, environ)

        assert str(caught.value) == (
            f"environment: THEIR_KEY: found {found}, expected the key of {AWAY}; export it, or set "
            'endpoint.key_variable = ""'
        )
