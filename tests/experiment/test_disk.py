import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from fedmedlora.errors import StoreError
from fedmedlora.experiment.disk import lock_folder, store_errors


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_called_one(number: int) -> None:
    told = r"^run: found no space left .*; free some space"

    with pytest.raises(StoreError, match=told), store_errors(Path("run")):
        raise OSError(number, os.strerror(number))


def test_trouble_of_the_database_is_a_store_error_with_its_reason() -> None:
    with (
        pytest.raises(StoreError, match="found 'no such table: rounds'"),
        store_errors(Path("run")),
    ):
        sqlite3.connect(":memory:").execute("SELECT * FROM rounds")


def test_a_folder_has_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        lock_folder(tmp_path),
        pytest.raises(StoreError, match="found another process at work in it"),
    ):
        lock_folder(tmp_path)

    lock_folder(tmp_path).close()


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; "
        "from fedmedlora.experiment.disk import lock_folder; "
        "file = lock_folder(Path(sys.argv[1])); print('locked', flush=True); time.sleep(60)"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreError, match="another process"):
            lock_folder(tmp_path)

        holder.kill()

    lock_folder(tmp_path).close()
