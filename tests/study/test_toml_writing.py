import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.study.toml_writing import toml

_TEXTS = st.text(st.characters(codec="utf-8"))
_PLAIN = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | _TEXTS
    | st.dates()
    | st.times()
    | st.datetimes()
)
_VALUES = st.recursive(
    _PLAIN, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=8
)


@given(st.dictionaries(_TEXTS, _VALUES, max_size=4))
def test_reading_gives_the_same_again(tables: dict[str, Any]) -> None:
    assert tomllib.loads(toml(tables)) == tables


def test_it_looks_as_people_write_it() -> None:
    tables = {"model": {"lora": {"rank": 2}, "base": "tiny"}, "sites": [{"path": "a"}, {}], "x": 1}

    assert toml(tables).split("\n") == [
        "x = 1",
        "",
        "[model]",
        'base = "tiny"',
        "",
        "[model.lora]",
        "rank = 2",
        "",
        "[[sites]]",
        'path = "a"',
        "",
        "[[sites]]",
        "",
    ]
