import io

from fedmedlora.cli.progress import Progress
from fedmedlora.errors import Fault

FAULT = Fault("a.txt", "no text", "a note")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO, *, begun: int = 0) -> str:
    clock = iter([100.0, 100.0, 110.0, 110.0])
    with Progress(stream, lambda: 1000 + begun, lambda: next(clock), begun=begun) as progress:
        progress.tell(begun + 10, [FAULT])
    return stream.getvalue()


def test_on_a_terminal_it_says_how_long_it_will_take() -> None:
    # 10 notes in 10 s, 990 to come.
    assert told(Terminal()) == (
        "0 of 1000 notes\r\x1b[K"
        "a.txt: found no text, expected a note\n"
        "10 of 1000 notes, 16 min 30 s left\r\x1b[K"
    )


def test_what_was_read_before_took_no_time() -> None:
    assert "510 of 1500 notes, 16 min 30 s left" in told(Terminal(), begun=500)


def test_elsewhere_it_says_what_is_wrong_and_no_more() -> None:
    assert told(io.StringIO()) == "a.txt: found no text, expected a note\n"
