"""What all drawings have in common: a frame that can be read aloud, marks, and what they mean.

Lines differ by mark and dash and not only by colour; both come round again after four.
"""

from collections.abc import Mapping

from fedmedlora.reporting.markup import Html, element, text, words

_NUM_LOOKS = 4


def drawing(title: str, said: str, *shapes: Html, **attributes: str) -> Html:
    """Return an inline drawing with its title, and in words what can be seen on it."""
    described = (words("title", title), words("desc", said))
    return element("svg", *described, *shapes, role="img", aria_label=title, **attributes)


def figure(caption: str, *content: Html, class_: str | None = None) -> Html:
    """Return what belongs together below one caption."""
    return element("figure", words("figcaption", caption), *content, class_=class_)


def look(index: int, colour: str) -> str:
    """Return the style classes of the line with this index and of its marks."""
    return f"{colour} line{index % _NUM_LOOKS}"


def marker(index: int, x: float, y: float) -> Html:
    """Return the mark of the line with this index."""
    if index % _NUM_LOOKS == 0:
        return element("circle", cx=float(x), cy=float(y), r=3.6, class_="mark")
    shape = (
        "M-3.4-3.4h6.8v6.8h-6.8z",
        "M0-4.6L4.4 3.4H-4.4z",
        "M0-4.9L4.9 0L0 4.9L-4.9 0z",
    )[index % _NUM_LOOKS - 1]
    return element("path", d=shape, transform=f"translate({x:.5g} {y:.5g})", class_="mark")


def legend_of_lines(known: Mapping[str, tuple[int, str]]) -> Html:
    """Return what each line stands for.

    Args:
        known: Label to the line's index and colour.
    """
    line = element("line", x1="0", x2="28", y1="7", y2="7", class_="line")
    return _legend(known, 28, line)


def legend_of_marks(known: Mapping[str, tuple[int, str]]) -> Html:
    """Return what each mark stands for, as `legend_of_lines` does."""
    return _legend(known, 14)


def _legend(known: Mapping[str, tuple[int, str]], width: int, *behind: Html) -> Html:
    items = [
        element("li", _key(index, width, *behind), text(label), class_=look(index, colour))
        for label, (index, colour) in known.items()
    ]
    return element("ul", *items, class_="legend")


def _key(index: int, width: int, *behind: Html) -> Html:
    mark = marker(index, width / 2, 7)
    return element("svg", *behind, mark, width=str(width), height="14", aria_hidden="true")
