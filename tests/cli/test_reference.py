from pathlib import Path

from fedmedlora.cli.parser import build_parser
from fedmedlora.cli.reference import commands, reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_what_the_parser_says() -> None:
    again = "run `python -m fedmedlora.cli.reference > docs/cli.md`"

    assert PAGE.read_text("utf-8") == reference(), again


def test_every_command_and_every_option_stands_in_the_page() -> None:
    page = reference()

    for command in commands(build_parser()):
        assert f"## {command.prog}\n" in page
    assert "[--arms A,B]" in page
    assert "`--rounds N`: rounds; default `2`" in page
    assert "fedmedlora report RUN [RUN ...] [--out FILE.html]" in page
    # Required, so not in brackets.
    assert "fedmedlora data synthesize --out DIR [--seed N]" in page
