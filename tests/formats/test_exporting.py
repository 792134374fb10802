from dataclasses import replace
from pathlib import Path

import pytest
from tests.formats.exchange.invented import BARE, HARD, PLAIN, kept
from tests.full_disk import files_of_at_most

from fedmedlora.clinical.labels import ENTITY_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Labels, Note, SiteNotes
from fedmedlora.errors import InputError, StoreError
from fedmedlora.formats.exporting import export_site
from fedmedlora.formats.importing import import_site
from fedmedlora.formats.note_format import NoteFormat, note_formats

FORMATS = {name: format_ for name, format_ in note_formats().items() if format_.read}


def site(*train: Note) -> SiteNotes:
    splits = {"train": train, "dev": (PLAIN,), "test": (BARE,)}
    named = {split: tuple(replace(n, site="heart") for n in splits[split]) for split in splits}
    return SiteNotes("heart", Labels(ENTITY_TYPES, RELATION_TYPES), public=False, splits=named)


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)
def test_what_is_exported_is_imported(tmp_path: Path, format_: NoteFormat) -> None:
    given = site(replace(HARD, fields={"summary": "rash", "options": ("yes", "no")}))

    lost = export_site(tmp_path / "out", given, format_)

    back = import_site(tmp_path / "out", format_, name="heart", types={})

    # One file for all splits may stand beside them.
    left_out = {
        k: n for k, n in back.left_out.items() if k != "files and folders beside the splits"
    }
    assert left_out == ({} if "fields" in format_.lacks else {"fields": 2})
    for split, notes in site(HARD).splits.items():
        assert [kept(n, {}, lacks=format_.lacks) for n in back.site.splits[split]] == [
            kept(n, {}, lacks=format_.lacks) for n in notes
        ]
    assert lost == {what: 2 if what == "fields" else 1 for what in format_.lacks}


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()

    with pytest.raises(InputError, match="expected a new or an empty folder"):
        export_site(tmp_path, site(HARD), FORMATS["brat"])

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_names_that_some_disks_take_for_one_are_refused(tmp_path: Path) -> None:
    two = site(replace(HARD, id="a1"), replace(HARD, id="A1"))

    with pytest.raises(InputError, match="differs from another's in capital letters alone"):
        export_site(tmp_path / "out", two, FORMATS["brat"])

    export_site(tmp_path / "out", two, FORMATS["jsonl"])


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    long = replace(HARD, text=HARD.text + "x" * 9000)

    with files_of_at_most(4000), pytest.raises(StoreError, match="free the disk"):
        export_site(tmp_path / "out", site(long), FORMATS["bioc"])

    assert [*tmp_path.iterdir()] == []
