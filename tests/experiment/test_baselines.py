import pytest
from tests.experiment.fakes import experiment, toml

from fedmedlora.errors import InputError

KEY = "sk-very-secret"


def endpoint(url: str) -> str | None:
    text = toml(["zero_shot"]) + f'[endpoint]\nurl = "{url}"\n'
    return experiment(text).endpoint.url


@pytest.mark.parametrize(
    "wrong",
    [
        f'[endpoint]\nurl = "http://name:{KEY}@127.0.0.1/v1"',
        f'[endpoint]\nurl = "https://example.org/v1?key={KEY}"',
        f'[endpoint]\nurl = ["https://example.org/v1?key={KEY}"]',
        f'[endpoint]\nkey_variable = "{KEY}"',
    ],
)
def test_an_error_does_not_tell_a_key(wrong: str) -> None:
    with pytest.raises(InputError) as caught:
        experiment(f"{toml(['zero_shot'])}{wrong}\n")

    told = str(caught.value)
    assert "found something else, which is not told as a key may be in it, expected a text" in told
    assert KEY not in told


def test_an_error_does_not_tell_a_key_beside_its_section() -> None:
    with pytest.raises(InputError) as caught:
        experiment(f'endpoint = "{KEY}"\n{toml(["zero_shot"])}')

    assert str(caught.value).endswith(
        "not told as a key may be in it, expected a table of keys and values"
    )
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "https://api.example.org/v1/",
        "https://gpu_01.example.org",
        "http://[::1]:8000/v1",
    ],
)
def test_an_address_is_read(url: str) -> None:
    assert endpoint(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000/v1",
        "ftp://127.0.0.1/v1",
        "http:///v1",
        "http://name:secret@127.0.0.1/v1",
        "http://127.0.0.1@example.org/v1",
        "http://example.org\\\\@127.0.0.1/v1",
        "https://example.org/v1?key=secret",
        "https://example.org/v1#there",
        "https://exa\\tmple.org/v1",
        "https://example.org:http/v1",
        " https://example.org/v1",
        "https://example.org/v1 ",
        # Read as an address of this machine by some and as a name by others.
        "http://127.1/v1",
        "http://999.1.1.1/v1",
        "http://[::1.]/v1",
        "http://[127.0.0.1]/v1",
        "http://example..org/v1",
        "http://example.org:0/v1",
        "http://example.org:70000/v1",
    ],
)
def test_an_address_that_could_be_understood_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"\[endpoint\].url: found .*, expected .* of the form"):
        endpoint(url)
