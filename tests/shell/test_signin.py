"""Who a request is from: headers only from the proxy, personas only on the demo's database."""

from __future__ import annotations

import re

import pytest

from components.signin import Header, _inside
from core.errors import SettingsError, SourceDown
from tests.shell import fakes

SECRET = "correct horse battery"
PROXY = {"method": "header", "secret": SECRET, "trusted_peers": ("10.1.0.0/24",)}


def _profile(made, headers: list[tuple[str, str]], peer: str | None) -> dict | None:
    environ = {"REMOTE_ADDR": peer} if peer is not None else {"REMOTE_ADDR": ""}
    with made.server.test_request_context("/", headers=headers, environ_overrides=environ):
        return Header(made.turtle_settings).profile()


@pytest.fixture
def proxied(make_app, tmp_path):
    made = make_app(sign_in=PROXY)
    made.turtle_settings = fakes.settings_for(tmp_path, sign_in=PROXY)
    return made


GOOD = [("X-Remote-User", "mira"), ("X-Portal-Secret", SECRET)]


def test_the_proxy_is_believed(proxied) -> None:
    assert _profile(proxied, GOOD, "10.1.0.7")["login"] == "mira"


@pytest.mark.parametrize(
    ("headers", "peer"),
    [
        (GOOD, "10.2.0.7"), (GOOD, ""), (GOOD[:1], "10.1.0.7"), ([GOOD[0], ("X-Portal-Secret", "wrong")], "10.1.0.7"),
        ([*GOOD, ("X-Forwarded-For", "10.1.0.7")], "10.2.0.7"), ([("X-Remote-User", "root"), *GOOD], "10.1.0.7"),
        ([("X-Remote-User", "mira,root"), GOOD[1]], "10.1.0.7"), ([("X-Remote-User", " "), GOOD[1]], "10.1.0.7"),
        ([GOOD[0], ("X-Portal-Secret", "")], "10.1.0.7"), (GOOD, "not an address"),
    ],
)  # fmt: skip
def test_spoofed_headers_are_refused(proxied, headers, peer) -> None:
    assert _profile(proxied, headers, peer) is None


def test_a_short_secret_stops_the_start(make_app) -> None:
    with pytest.raises(SettingsError, match="secret"):
        make_app(sign_in={**PROXY, "secret": "short"})


def test_a_header_means_nothing_when_the_method_is_another(make_app) -> None:
    client = make_app(sign_in={"method": "none"}).server.test_client()
    assert client.get("/queries/open/all", headers=dict(GOOD)).status_code == 401


class Marked:
    """A database that bears the demo's mark, or not."""

    def __init__(self, rows: list[dict]) -> None:
        self.found = rows

    @property
    def schema(self):
        raise SourceDown("slurm", "no tables here")

    def kept(self, key, make, seconds=0):
        return make()

    def rows(self, statement):
        return self.found


PERSONAS = {"method": "personas"}
ROWS = [{"position": 0, "login": "mira", "full_name": "Mira <b>", "staff": 0, "role": "idle GPU", "behaviour": "x"}]


def _token(page: str) -> str:
    return re.search(r'name="token" value="([^"]+)"', page)[1]


def test_personas_sign_in_and_out(make_app) -> None:
    client = make_app(sign_in=PERSONAS, slurm=Marked(ROWS)).server.test_client()
    page = client.get("/signin").text
    assert "Mira &lt;b&gt;" in page
    answer = client.post("/signin", data={"login": "mira", "token": _token(page), "next": "/jobs"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "form", [{"login": "mira"}, {"login": "mira", "token": "x"}, {"login": "root", "token": "TOKEN"}]
)
def test_forged_sign_ins_are_refused(make_app, form: dict) -> None:
    client = make_app(sign_in=PERSONAS, slurm=Marked(ROWS)).server.test_client()
    token = _token(client.get("/signin").text)
    sent = {key: value.replace("TOKEN", token) for key, value in form.items()}
    assert client.post("/signin", data=sent).status_code == 403


def test_without_the_mark_nobody_signs_in(make_app) -> None:
    client = make_app(sign_in=PERSONAS, slurm=Marked([])).server.test_client()
    page = client.get("/signin").text
    assert "nobody to sign in as" in page


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil", "javascript:x", "", "/a\r\nX: y"]
)
def test_signing_in_never_leads_outside(tmp_path, target: str) -> None:
    assert _inside(fakes.settings_for(tmp_path), target) == "/"


def test_while_the_database_is_away_personas_stay_signed_in(make_app) -> None:
    database = Marked(ROWS)
    client = make_app(sign_in=PERSONAS, slurm=database).server.test_client()
    client.post("/signin", data={"login": "mira", "token": _token(client.get("/signin").text), "next": "/"})
    assert "Sign out" in client.get("/_dash-layout").text

    def away(statement):
        raise SourceDown("slurm", "no route")

    database.rows = away
    assert "Sign out" in client.get("/_dash-layout").text
    database.rows = lambda statement: []
    assert "Sign out" not in client.get("/_dash-layout").text


def test_where_nobody_can_sign_in_no_way_in_is_shown(make_app) -> None:
    for over in ({"method": "none"}, PROXY):
        client = make_app(sign_in=over).server.test_client()
        assert '"data-sign-in":"1"' not in client.get("/_dash-layout").text
    client = make_app(sign_in={**PROXY, "sign_in_url": "https://sso.example.org/in"}).server.test_client()
    assert "https://sso.example.org/in" in client.get("/_dash-layout").text.replace("\\u002f", "/")
