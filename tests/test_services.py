"""The servers of the test run do what the tests rely on."""

import pytest

from tests import services

SAMPLES = """# TYPE turtle_speed gauge
turtle_speed{instance="n1:9100"} 3 1700000000
turtle_speed{instance="n1:9100"} 4 1700000060
# EOF
"""


def test_mariadb_keeps_letters_and_creates_anew(mariadb, tmp_path):
    dump = tmp_path / "dump.sql"
    dump.write_text("create table t (name text); insert into t values ('é 数');", encoding="utf-8")
    for _ in range(2):
        assert mariadb.create("letters", dump).endswith("/letters?charset=utf8mb4")
    assert mariadb.execute("select name from t", "letters").splitlines() == ["name", "é 数"]


def test_mariadb_answers_over_tcp(mariadb):
    from sqlalchemy import create_engine, text

    engine = create_engine(mariadb.url)
    with engine.connect() as connection:
        assert connection.execute(text("select 1 + 1")).scalar_one() == 2
    engine.dispose()


def test_prometheus_holds_the_samples(prometheus_from):
    import requests

    url = prometheus_from(SAMPLES)
    assert prometheus_from(SAMPLES) == url
    answer = requests.get(f"{url}/api/v1/query", {"query": "turtle_speed", "time": 1700000060}, timeout=5).json()
    assert answer["data"]["result"][0]["value"] == [1700000060, "4"]


def test_a_missing_program_names_its_package(monkeypatch):
    monkeypatch.setattr(services.shutil, "which", lambda name, path: None)
    with pytest.raises(services.Missing, match="apt-get install --no-install-recommends chromium-driver"):
        services.program("chromedriver")


def test_browser_shows_an_application(open_app):
    from dash import Dash, html

    app = Dash(__name__)
    app.layout = html.Div("hello", id="greeting")
    browser = open_app(app)
    browser.wait_for_text_to_equal("#greeting", "hello")
    assert browser.get_logs() == []


def test_oidc_provider_publishes_its_addresses(oidc):
    import requests

    oidc.add("ada", {"email": "ada@example.org"})
    found = requests.get(f"{oidc.issuer}/.well-known/openid-configuration", timeout=5).json()
    assert found["issuer"].rstrip("/") == oidc.issuer
