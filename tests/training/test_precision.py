import pytest
import torch

from fedmedlora.training.precision import resolved


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_named_format_stays(dtype: str) -> None:
    assert resolved(dtype) == dtype  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        ({"avx2": True}, "float32"),
        ({"avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
    ],
)
def test_auto_is_narrow_only_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, abilities: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities)

    assert resolved("auto") == expected
