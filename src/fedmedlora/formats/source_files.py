"""The text files of another tool: whole text, or what is wrong with the file."""

from collections.abc import Iterator
from pathlib import Path

from fedmedlora.errors import Fault

_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""Characters at which one tool or another ends a line."""
_ON_ONE_LINE = {ord(break_): " " for break_ in f"{_BREAKS}\t"}


def bytes_of(file: Path) -> bytes | Fault:
    """Return the content of a file."""
    try:
        return file.read_bytes()
    except OSError as error:
        return Fault(str(file), f"'{error.strerror}' on reading", "a readable file")


def text_of(file: Path) -> str | Fault:
    """Return the text of a file, character by character as it is there."""
    content = bytes_of(file)
    if isinstance(content, Fault):
        return content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line, byte = line_and_byte(content, error.start)
        found = f"byte 0x{content[error.start]:02x} at byte {byte} of the line"
        return Fault(f"{file}:{line}", found, "UTF-8 text", "save the file as UTF-8")


def line_and_byte(content: bytes, index: int) -> tuple[int, int]:
    """Return in which line a byte stands and where in it, both counted from 1."""
    before = content[:index]
    return before.count(b"\n") + 1, index - before.rfind(b"\n")


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that is not white, with its number from 1; they end at LF or CR LF."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.removesuffix("\r")


def on_one_line(text: str) -> str:
    """Return a text of the same length without anything that ends a line or a column."""
    return text.translate(_ON_ONE_LINE)


def files_under(source: Path, *endings: str) -> list[Path]:
    """Return the file itself, or those of a folder and its folders with such an ending, sorted."""
    if source.is_file():
        return [source]
    return sorted(
        path for path in source.rglob("*") if path.suffix.lower() in endings and path.is_file()
    )


def lines_of(file: Path) -> Iterator[tuple[int, str] | Fault]:
    """Yield the lines of a long file one by one, without their ends, white ones too."""
    number = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    text = line.decode("utf-8")
                except UnicodeDecodeError as error:
                    found = f"byte 0x{line[error.start]:02x} at byte {error.start + 1} of the line"
                    yield Fault(f"{file}:{number}", found, "UTF-8 text", "save the file as UTF-8")
                else:
                    yield number, text.removesuffix("\n").removesuffix("\r")
    except OSError as error:
        yield Fault(f"{file}:{number + 1}", f"'{error.strerror}' on reading", "a readable file")
