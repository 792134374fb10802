import re
from importlib.resources import files

import pytest

STYLE = files("fedmedlora.reporting").joinpath("style.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", part))
    for part in STYLE.split(".arm-zero {", 1)[0].split("prefers-color-scheme: dark", 1)
)
INKS = [
    *("ink", "soft", "link", "zero", "single", "central", "fed1", "fed2", "fed3", "fed4"),
    *("local", "adapted", "joined", "problem", "treatment", "test", "drug", "modifier"),
]


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour.

    Source: WCAG 2.2, definition of relative luminance.
    """
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "raised"])
@pytest.mark.parametrize("ink", INKS)
def test_every_ink_can_be_read(colours: dict[str, str], ground: str, ink: str) -> None:
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("step", range(11))
def test_every_heat_can_be_read(colours: dict[str, str], step: int) -> None:
    assert contrast(colours[f"on-heat{step}"], colours[f"heat{step}"]) >= 4.5


def test_dark_names_every_colour_that_light_names() -> None:
    assert set(DARK) == set(LIGHT)


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert not re.search(r"url\(|@import|@font-face|https?:|</", STYLE)


def test_paper_opens_what_scrolls() -> None:
    printed = STYLE.split("@media print", 1)[1]

    assert "overflow: visible" in printed
