"""The page in a browser, as people use it: with a mouse, with keys alone, on a narrow screen."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.experiment.fakes import FakeEngine, cohorts, new_store, toml
from tests.serving.pages import served

from fedmedlora import bundled
from fedmedlora.experiment.run import run
from fedmedlora.formats.site_folder import read_site
from fedmedlora.serving.app import Served
from fedmedlora.serving.opening import guarded, open_page
from fedmedlora.synthetic.hospitals import synthesize

playwright = pytest.importorskip("playwright.sync_api", reason="`make .venv/browsers` installs it")

expect = playwright.expect
pytestmark = pytest.mark.slow

_AXE = Path(__file__).parents[2] / ".axe" / "node_modules" / "axe-core" / "axe.min.js"
_CHROMIUM = shutil.which("chromium")
NOTE = "No pain today.\r\nSevere \U0001f600 pain of the left knee."

Page = Any


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if _CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as started:
        # As root, as in a container, Chromium has no sandbox of its own.
        opened = started.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def listening(page: Served, token: str | None = None) -> Iterator[str]:
    """Yield the address of a page that is served until the block ends."""
    server = uvicorn.Server(uvicorn.Config(lambda *_: None, port=0, log_level="error"))
    socket = server.config.bind_socket()
    port: int = socket.getsockname()[1]
    app = guarded(page, port=port, token=token)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()
        socket.close()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "knee.txt").write_bytes(NOTE.encode())
    return folder


@contextmanager
def opened(browser: Any, address: str, **how: Any) -> Iterator[Page]:  # noqa: ANN401
    """Yield a page that is loaded and has no fault until the block ends."""
    context = browser.new_context(**how)
    page, faults = context.new_page(), []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#marking button", state="attached")
    yield page
    context.close()
    assert faults == []
    assert [url for url in asked if not url.startswith(address.partition("#")[0])] == []


def extracted(page: Page) -> None:
    page.select_option("#notes", "knee.txt")
    expect(page.locator("#note-title")).to_have_text("knee.txt")
    page.click("#extract")
    page.wait_for_selector("#list [data-id=T1]")


def test_a_note_is_opened_read_corrected_saved_and_comes_back(
    browser: Any,  # noqa: ANN401
    notes: Path,
    tmp_path: Path,
) -> None:
    with listening(served(notes, tmp_path / "kept")) as address, opened(browser, address) as page:
        extracted(page)
        page.locator("#note [data-start]", has_text="knee").evaluate(
            """(span) => {
              const at = span.firstChild.data.indexOf("left knee");
              const range = document.createRange();
              range.setStart(span.firstChild, at);
              range.setEnd(span.firstChild, at + 9);
              document.getSelection().addRange(range);
              document.getElementById("note").dispatchEvent(new MouseEvent("mouseup"));
            }"""
        )
        page.select_option("#kinds", "bodyloc")
        page.click("[aria-label='Take away negation No']")
        page.click("#save")
        expect(page.locator("#said")).to_contain_text("Saved")
        page.reload()
        page.wait_for_selector("#notes option[value='knee.txt']", state="attached")
        page.select_option("#notes", "knee.txt")
        page.wait_for_selector("#list [data-id]")
        shown = page.inner_text("#note")

    (note,) = read_site(tmp_path / "kept", required=()).splits["train"]
    marked = {(one.type, note.text[one.start : one.end]) for one in note.entities}
    assert note.text == NOTE
    assert marked == {("problem", "pain"), ("bodyloc", "left knee")}
    heads = {one.id: one for one in note.entities}
    (tie,) = note.relations
    assert (tie.type, heads[tie.head].start) == ("bodyloc", NOTE.rindex("pain"))
    assert "bodyloc → 2" in shown


def test_keys_alone_are_enough(browser: Any, notes: Path, tmp_path: Path) -> None:  # noqa: ANN401
    with listening(served(notes, tmp_path / "kept")) as address, opened(browser, address) as page:
        # What is not listed yet cannot be chosen by its letter.
        page.wait_for_selector("#notes option[value='knee.txt']", state="attached")
        page.locator("#notes").focus()
        page.keyboard.press("k")
        expect(page.locator("#note-title")).to_have_text("knee.txt")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#list [data-id=T1]")
        page.locator("#note").focus()
        # The second entity, which is the first pain, goes; the third word becomes a test.
        page.keyboard.press("n")
        page.keyboard.press("n")
        page.keyboard.press("Delete")
        page.keyboard.press("Escape")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("3")
        page.keyboard.press("Control+s")
        expect(page.locator("#said")).to_contain_text("Saved")

    (note,) = read_site(tmp_path / "kept", required=()).splits["train"]
    marked = {(one.type, note.text[one.start : one.end]) for one in note.entities}
    assert marked == {("test", "today."), ("problem", "pain")}
    assert note.relations == ()


def test_what_was_done_can_be_taken_back(browser: Any, notes: Path) -> None:  # noqa: ANN401
    with listening(served(notes)) as address, opened(browser, address) as page:
        extracted(page)
        before = page.inner_text("#note")
        page.click("[aria-label='Take away problem pain'] >> nth=0")
        changed = page.inner_text("#note")
        page.click("#undo")

        assert changed != before
        assert page.inner_text("#note") == before


def test_two_readers_stand_side_by_side(browser: Any, notes: Path) -> None:  # noqa: ANN401
    with listening(served(notes)) as address, opened(browser, address) as page:
        page.select_option("#reader", "nothing")
        page.select_option("#beside", "pains")
        page.fill("#pasted", NOTE)
        page.click("#extract")
        page.wait_for_selector("#other-note .label.extra")

        assert page.locator("#other-note .label.extra").count() == 3
        assert "found by it alone (+): 3" in page.inner_text("#other-tally")


def test_a_federation_is_shown(browser: Any, tmp_path: Path) -> None:  # noqa: ANN401
    with new_store(tmp_path, toml()) as store:
        run(store.experiment(), FakeEngine(), store, cohorts())
    with listening(served(run=tmp_path / "run")) as address, opened(browser, address) as page:
        page.click("#show-federation")
        page.wait_for_selector("#federation meter")
        told = page.inner_text("#federation")

    assert "Updates that go too far are scaled down" in told
    assert "Nothing of this run is sealed." in told


def test_a_token_opens_a_page_that_others_can_reach(browser: Any) -> None:  # noqa: ANN401
    token = "a-token-of-many-signs"  # noqa: S105 -- made up
    with listening(served(), token) as address:
        with opened(browser, f"{address}#token={token}") as page:
            page.fill("#pasted", "pain")
            page.click("#extract")
            page.wait_for_selector("#list [data-id=T1]")
            assert token not in page.url
        closed = browser.new_page()
        closed.goto(address)
        expect(closed.locator("#said")).to_contain_text("token")
        closed.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_everybody_can_use_it(
    browser: Any,  # noqa: ANN401
    notes: Path,
    tmp_path: Path,
    scheme: str,
    width: int,
) -> None:
    if not _AXE.exists():
        pytest.skip("no axe-core; `make .axe/ready` installs it with npm")
    with new_store(tmp_path, toml()) as store:
        run(store.experiment(), FakeEngine(), store, cohorts())
    how = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "bypass_csp": True}
    page_of = served(notes, tmp_path / "kept", tmp_path / "run")
    with listening(page_of) as address, opened(browser, address, **how) as page:
        extracted(page)
        page.click("#note .label >> nth=0")
        page.evaluate(_AXE.read_text("utf-8"))
        reading = page.evaluate("axe.run()")
        is_wider = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        page.click("#show-federation")
        page.wait_for_selector("#federation meter")
        federation = page.evaluate("axe.run()")

    assert _serious(reading) == []
    assert _serious(federation) == []
    assert not is_wider


def _serious(found: Any) -> list[str]:  # noqa: ANN401
    return [
        f"{one['id']}: {one['nodes'][0]['html']}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def test_it_is_quick(browser: Any) -> None:  # noqa: ANN401
    _, site = synthesize(seed=0, num_notes=5)["cardiology"]
    words = [word for note in site.splits["dev"] for word in note.text.split()]
    text = " ".join((words * 400)[:400])
    page_of = open_page([bundled.ADAPTER], arm=None, notes=None, save=None)
    loaded, read = [], []

    with listening(page_of) as address:
        for _ in range(3):
            began = time.monotonic()
            with opened(browser, address) as page:
                loaded.append(time.monotonic() - began)
                page.fill("#pasted", text)
                began = time.monotonic()
                page.click("#extract")
                page.wait_for_selector("#list [data-id=T1]")
                read.append(time.monotonic() - began)

    # The best of three, for other work may be going on.
    assert min(loaded) < 1, loaded
    assert min(read) < 3, read
