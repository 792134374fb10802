import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fedmedlora.engines.nvflare.kits import Roles, open_kit
from fedmedlora.engines.nvflare.provisioning import Federation, provision
from fedmedlora.errors import InputError

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FEDERATION = Federation("trial", "fed.example.org", 8443)
ROLES = Roles("ours.Coordinator", "ours.Site")


def provisioned(
    out: Path, *sites: str, federation: Federation = FEDERATION, days: int = 30, renew: str = ""
) -> set[str]:
    renewed = renew.split()
    made = provision(
        sites, federation=federation, out=out, roles=ROLES, now=NOW, days=days, renew=renewed
    )
    return set(made)


def serial(kit: Path) -> int:
    return x509.load_pem_x509_certificate((kit / "startup/client.crt").read_bytes()).serial_number


def test_each_site_gets_a_kit_that_says_who_it_is(tmp_path: Path) -> None:
    assert provisioned(tmp_path, "ash", "birch") == {"coordinator", "ash", "birch"}

    kit = open_kit(tmp_path / "ash", role="site", now=NOW)
    assert (kit.name, kit.federation, kit.address) == ("ash", "trial", "fed.example.org:8443")
    assert kit.expires == NOW + timedelta(days=30)
    assert open_kit(tmp_path / "coordinator", role="coordinator", now=NOW).name == "coordinator"
    with zipfile.ZipFile(tmp_path / "ash.zip") as packed:
        assert "ash/startup/client.key" in packed.namelist()
        assert not [name for name in packed.namelist() if "birch" in name or name.endswith(".sh")]


def test_the_authority_s_key_stays_with_whoever_provisions(tmp_path: Path) -> None:
    provisioned(tmp_path, "ash")

    keys = sorted(tmp_path.rglob("*.key"))
    assert [path for path in keys if path.name == "rootCA.key"] == [
        tmp_path / "authority/rootCA.key"
    ]
    assert {path.stat().st_mode & 0o777 for path in [*keys, tmp_path / "ash.zip"]} == {0o600}
    for folder in ("authority", "ash", "coordinator"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


def test_a_late_joiner_leaves_the_other_kits_as_they_are(tmp_path: Path) -> None:
    provisioned(tmp_path, "ash")
    (tmp_path / "ash" / "local" / "site.toml").write_text("notes = 1")
    before = serial(tmp_path / "ash")

    assert provisioned(tmp_path, "ash", "birch") == {"birch"}
    assert serial(tmp_path / "ash") == before
    root = [(tmp_path / name / "startup/rootCA.pem").read_bytes() for name in ("ash", "birch")]
    assert root[0] == root[1]


def test_a_renewed_kit_has_a_new_key_and_keeps_what_is_local(tmp_path: Path) -> None:
    provisioned(tmp_path, "ash", "birch")
    (tmp_path / "ash" / "local" / "site.toml").write_text("notes = 1")
    before = {name: serial(tmp_path / name) for name in ("ash", "birch")}
    key = (tmp_path / "ash/startup/client.key").read_bytes()

    assert provisioned(tmp_path, "ash", "birch", renew="ash") == {"ash"}
    assert serial(tmp_path / "ash") != before["ash"]
    assert (tmp_path / "ash/startup/client.key").read_bytes() != key
    assert serial(tmp_path / "birch") == before["birch"]
    assert (tmp_path / "ash/local/site.toml").exists()
    open_kit(tmp_path / "ash", role="site", now=NOW)


def test_nothing_but_our_classes_is_let_in_and_nothing_goes_out(tmp_path: Path) -> None:
    provisioned(tmp_path, "ash")

    site = json.loads((tmp_path / "ash/local/resources.json").read_text())
    assert site["class_allow_list"] == ["ours.Site"]
    assert site["class_list_enforcement_mode"] == "enforce"
    assert site["allow_log_streaming"] is False
    for name in ("ash", "coordinator"):
        people = json.loads((tmp_path / name / "local/authorization.json").read_text())
        rights = people["permissions"]["project_admin"]
        assert {rights["byoc"], rights["shell_commands"], rights["download_job"]} == {"none"}
        assert "/tmp" not in (tmp_path / name / "local/resources.json").read_text()  # noqa: S108


@pytest.mark.parametrize(
    ("sites", "found"),
    [
        (["Ash"], "the name 'Ash'"),
        (["ash tree"], "the name 'ash tree'"),
        (["a" * 64], "the name 'aaa"),
        (["ash\n"], "the name 'ash"),
        (["server"], "expected another: this one has a meaning of its own"),
        (["ash", "ash"], "'ash' twice, expected each site once"),
    ],
)
def test_a_name_that_cannot_be_used_is_told(tmp_path: Path, sites: list[str], found: str) -> None:
    with pytest.raises(InputError, match=found):
        provisioned(tmp_path, *sites)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("listen", "address"), [(None, "fed.example.org"), ("0.0.0.0", "0.0.0.0")])  # noqa: S104
def test_the_coordinator_listens_where_it_is_told(
    tmp_path: Path, listen: str | None, address: str
) -> None:
    provision(["ash"], federation=FEDERATION, out=tmp_path, roles=ROLES, now=NOW, listen=listen)

    server = json.loads((tmp_path / "coordinator/startup/fed_server.json").read_bytes())
    assert server["servers"][0]["service"]["target"] == f"{address}:8443"
    # What sites and the administrator call stays.
    assert open_kit(tmp_path / "ash", role="site", now=NOW).address == "fed.example.org:8443"


def test_another_federation_is_not_mixed_into_the_first(tmp_path: Path) -> None:
    provisioned(tmp_path, "ash")

    with pytest.raises(InputError, match="found port 8444, expected 8443; provision into another"):
        provisioned(tmp_path, "birch", federation=Federation("trial", "fed.example.org", 8444))
    with pytest.raises(InputError, match="renew: found 'cedar'"):
        provisioned(tmp_path, "ash", renew="cedar")


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("startup/client.crt", "found no certificate that can be read"),
        ("startup/client.key", "found no certificate that can be read"),
        ("local/kit.json", "found no kit, expected a start-up kit"),
    ],
)
def test_a_broken_kit_is_told(tmp_path: Path, file: str, found: str) -> None:
    provisioned(tmp_path, "ash")
    (tmp_path / "ash" / file).write_text("{}" if file.endswith("json") else "?")

    with pytest.raises(InputError, match=found):
        open_kit(tmp_path / "ash", role="site", now=NOW)


def test_a_key_of_another_certificate_and_the_wrong_role_are_told(tmp_path: Path) -> None:
    provisioned(tmp_path, "ash", "birch")
    (tmp_path / "ash/startup/client.key").write_bytes(
        (tmp_path / "birch/startup/client.key").read_bytes()
    )

    with pytest.raises(InputError, match="found a certificate of another key"):
        open_kit(tmp_path / "ash", role="site", now=NOW)
    with pytest.raises(InputError, match="found the kit of a coordinator, expected one of a site"):
        open_kit(tmp_path / "coordinator", role="site", now=NOW)
