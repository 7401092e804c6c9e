"""The settings file: what is wrong in it stops the start with words that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import Settings
from core.settings_file import load


def settings_of(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    path = tmp_path / "turtle.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, env or {})


def refused(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        settings_of(tmp_path, text, env)
    return str(error.value)


def test_nothing_given_is_a_portal_without_sources() -> None:
    settings = load(None, {})
    assert settings.prometheus.url == "" and settings.slurm.url == "" and settings.module_on("jobstats")


def test_an_unknown_key_names_file_key_and_what_is_allowed(tmp_path: Path) -> None:
    text = refused(tmp_path, "[prometheus]\nurll = 'http://x'\n")
    assert str(tmp_path / "turtle.toml") in text and "prometheus.urll" in text and "timeout_seconds" in text


def test_an_unknown_table_names_the_tables(tmp_path: Path) -> None:
    text = refused(tmp_path, "[promethius]\nurl = 'x'\n")
    assert "unknown key promethius" in text and "prometheus" in text.split("allowed here:")[1]


def test_an_unknown_key_inside_an_entry_names_what_an_entry_has(tmp_path: Path) -> None:
    text = refused(tmp_path, "[gpus.'NVIDIA B200']\nname = 'B200'\nwats = 1000\n")
    assert "gpus.NVIDIA B200.wats" in text and "watts" in text.split("allowed here:")[1]
    text = refused(tmp_path, "[[site.links]]\nname = 'a'\nurl = '/a'\nicon = 'x'\n")
    assert "same_path" in text.split("allowed here:")[1]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[prometheus]\ntimeout_seconds = 0\n", "prometheus.timeout_seconds"),
        ("[prometheus]\ntimeout_seconds = 'soon'\n", "prometheus.timeout_seconds"),
        ("[server]\nbase_path = 'portal'\n", "server.base_path"),
        ("[site]\nnames = 'maybe'\n", "site.names"),
        ("[metrics]\nhost_label = 'a-b'\n", "metrics.host_label"),
        ("[[site.links]]\nname = 'x'\nurl = 'javascript:alert(1)'\n", "site.links.0.url"),
        ("[site]\nsupport = 'javascript:alert(1)'\n", "site.support"),
        ("[sign_in]\ntrusted_peers = ['10.0.0.300']\n", "sign_in.trusted_peers"),
        ("[sign_in]\nuser_header = 'X Y'\n", "sign_in.user_header"),
        ("[prometheus]\nurl = 'there:9090'\n", "http://"),
        ("[slurm]\nurl = 'postgresql://x/y'\n", "mysql+pymysql://"),
        ("[portal]\nurl = 'oracle://x'\n", "postgresql+psycopg"),
        ("prometheus = 5\n", "prometheus"),
        ("modules = 5\n", "modules"),
        ("modules = 'status'\n", "modules"),
        ("[modules]\njobstat = true\n", "jobstat"),
        ("[thresholds]\ncpu_low = 1.5\n", "thresholds.cpu_low"),
    ],
)
def test_a_bad_value_names_its_key(tmp_path: Path, text: str, key: str) -> None:
    assert key in refused(tmp_path, text)


def test_a_bad_value_is_told_with_what_the_key_means(tmp_path: Path) -> None:
    assert "begins and ends with /" in refused(tmp_path, "[server]\nbase_path = 'portal'\n")


def test_no_toml_and_no_file(tmp_path: Path) -> None:
    assert "not valid TOML" in refused(tmp_path, "[site\n")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "absent.toml", {})


def test_the_environment_wins_and_is_named(tmp_path: Path) -> None:
    env = {"TURTLE_PROMETHEUS__URL": "http://there:9090", "TURTLE_PROMETHEUS__TIMEOUT_SECONDS": "3", "TURTLE_SITE__STAFF": "x"}
    text = refused(tmp_path, "[prometheus]\nurl = 'http://here:9090'\n", env)
    assert "environment TURTLE_SITE__STAFF" in text
    del env["TURTLE_SITE__STAFF"]
    settings = settings_of(tmp_path, "[prometheus]\nurl = 'http://here:9090'\n", env)
    assert (settings.prometheus.url, settings.prometheus.timeout_seconds) == ("http://there:9090", 3.0)


def test_texts_of_digits_from_the_environment_stay_texts() -> None:
    env = {"TURTLE_PROMETHEUS__TENANT": "42", "TURTLE_PROMETHEUS__PASSWORD": "0123", "TURTLE_SIGN_IN__STAFF": '["ada"]'}
    settings = load(None, env)
    assert settings.prometheus.tenant == "42"
    assert settings.prometheus.password.get_secret_value() == "0123"
    assert settings.sign_in.staff == ("ada",)


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("[site]\ntitle = 'Loggerhead'\n")
    assert load(None, {"TURTLE_CONFIG": str(path)}).site.title == "Loggerhead"


def test_secrets_come_from_files_and_never_show(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("s3cret-p4ss\n")
    settings = settings_of(tmp_path, f"[prometheus]\npassword_file = '{tmp_path}/pw'\n", {"TURTLE_SERVER__SECRET_KEY": "k3y-of-the-portal"})
    assert settings.prometheus.password.get_secret_value() == "s3cret-p4ss"
    assert settings.server.secret_key.get_secret_value() == "k3y-of-the-portal"
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "s3cret-p4ss" not in shown and "k3y-of-the-portal" not in shown


def test_headers_and_passwords_in_addresses_never_show(tmp_path: Path) -> None:
    """A password may hold any character but those an address escapes; one with an @ of its own is hidden as a whole."""
    settings = settings_of(
        tmp_path,
        "[prometheus]\nurl = 'https://me:pw-one@there/x'\n[prometheus.headers]\nX-Token = 'pw-two'\n"
        "[slurm]\nurl = 'mysql://reader:pw@three@db:3306/acct?x=1'\n[portal]\nurl = 'postgresql://a:pw-four@db/portal'\n",
    )
    assert settings.prometheus.headers["X-Token"].get_secret_value() == "pw-two"
    assert settings.slurm.url == "mysql://reader:pw@three@db:3306/acct?x=1"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.slurm), str(settings.portal)):
        assert not [secret for secret in ("pw-one", "pw-two", "three", "pw-four") if secret in shown]
    assert "mysql://reader:***@db:3306/acct" in repr(settings) and "sqlite:///" in repr(settings_of(tmp_path, ""))


def test_a_header_of_digits_from_the_environment_stays_a_text() -> None:
    settings = load(None, {"TURTLE_PROMETHEUS__HEADERS__X-KEY": "0123"})
    assert settings.prometheus.headers["x-key"].get_secret_value() == "0123"


def test_a_wrong_secret_is_not_repeated(tmp_path: Path) -> None:
    assert "12345678" not in refused(tmp_path, "[prometheus]\npassword = 12345678\n")
    assert "slurm.password_file" in refused(tmp_path, "[slurm]\npassword_file = '/nowhere/pw'\n")


def test_a_site_adds_to_models_and_exporters(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path, "[gpus.'NVIDIA B200']\nname = 'B200'\nwatts = 1000\n[metrics.exporters.node_exporter]\nscrape_seconds = 15\n"
    )
    assert settings.gpus["NVIDIA B200"].watts == 1000 and settings.gpus["NVIDIA H100 NVL"].watts == 400
    assert settings.exporter("node_exporter").scrape_seconds == 15
    assert settings.exporter("redfish_exporter").scrape_seconds == 90
    assert settings.exporter("never_heard_of").installed
