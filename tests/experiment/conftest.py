from pathlib import Path

import pytest
from tests.experiment.smallest import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    for site in ("heart", "bones", "new", "server"):
        (tmp_path / site).mkdir()

    def write_text(text: str) -> Path:
        path = tmp_path / "demo.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text
