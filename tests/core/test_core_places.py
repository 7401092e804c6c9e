"""Settings of storage, public pages and the cloud; who may see a cloud project; which rule a public page has."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadInput, NotFound, NotSignedIn, SettingsError
from core.settings_file import load
from core.subjects import CLUSTER, account, cloud_project, instance
from core.viewer import (
    ANYONE,
    CLOUD_MEMBER_OR_STAFF,
    PUBLIC,
    PUBLIC_PAGES,
    PUBLIC_STATUS,
    SIGNED_IN,
    STAFF,
    Viewer,
    as_set,
    only_project,
)

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
MEMBER = Viewer(name="ada", cloud_projects=frozenset({"p1"}))


def settings_of(folder: Path, text: str):
    path = folder / "turtle.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, {})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "needs path"), ('source = "gpfs"', "needs fs"), ('source = "robinhood"', "needs robinhood"), ('source = "nfs"', "storage.areas.x.source"),
        ('path = "/x"\nlabel = "fileset"', "for source gpfs only"), ('path = "/x"\nlabel = "people"', "storage.areas.x.label"),
    ],
)  # fmt: skip
def test_an_area_says_where_it_is_measured(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings_of(tmp_path, f"[storage.areas.x]\n{table}\n")


def test_passwords_of_named_databases_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("s3cret\n")
    text = '[robinhood.rbh]\nurl = "mysql+pymysql://reader@127.0.0.1/rbh"\npassword_file = "{}"\n'
    found = settings_of(tmp_path, text.format(tmp_path / "pw")).robinhood["rbh"]
    assert found.password.get_secret_value() == "s3cret" and "s3cret" not in repr(found)
    with pytest.raises(SettingsError, match=r"robinhood\.rbh\.password_file = .*absent: cannot be read"):
        settings_of(tmp_path, text.format(tmp_path / "absent"))


@pytest.mark.parametrize("uuid", ["", UUID.upper(), UUID[:-1], UUID + "0", UUID.replace("-", ""), f"{UUID}|.*", f'{UUID}"}} or vector(1)', f"{UUID}\n"])
def test_what_is_no_uuid(uuid: str) -> None:
    with pytest.raises(BadInput):
        instance("p1", uuid)


def test_a_project_is_for_its_members() -> None:
    check = CLOUD_MEMBER_OR_STAFF.check
    for subject in (cloud_project("p1"), instance("p1", UUID)):
        check(MEMBER, subject)
        check(Viewer(name="root", is_staff=True), subject)
        with pytest.raises(NotSignedIn):
            check(PUBLIC, subject)
        with pytest.raises(NotFound):
            check(Viewer(name="eve", cloud_projects=frozenset({"p", "p11", "P1"})), subject)
    for strange in (None, CLUSTER, account("p1"), cloud_project("p1 "), cloud_project("p1|.*"), instance("P1", UUID)):
        with pytest.raises(NotFound):
            check(MEMBER, strange)
    with pytest.raises(NotFound):
        only_project(PUBLIC, "p1")
    only_project(MEMBER, "p1")


def test_public_pages_are_as_public_as_the_setting_says() -> None:
    assert [as_set(PUBLIC_STATUS, public) for public in ("all", "status", "none")] == [ANYONE, ANYONE, SIGNED_IN]
    assert [as_set(PUBLIC_PAGES, public) for public in ("all", "status", "none")] == [ANYONE, SIGNED_IN, SIGNED_IN]
    assert as_set(STAFF, "all") is STAFF
    # one that was never put in its place opens nothing
    with pytest.raises(NotSignedIn):
        PUBLIC_PAGES.check(PUBLIC, CLUSTER)
