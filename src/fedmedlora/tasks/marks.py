"""The marks of mark-up: `<span class="problem">chest pain</span>`, as both papers write them."""

CLOSE = "</span>"
PARTS = ('<span class="', '">', CLOSE)
"""What every mark is made of, beside the name of its type."""


def opening(type_: str) -> str:
    """Return what stands before a span of a type."""
    first, last, _ = PARTS
    return f"{first}{type_}{last}"
