"""What may be kept of an answer outside the portal: what the public reads, by those who leave no trace of signing in. Nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dash import Dash

from components.records import Page
from core.viewer import PUBLIC, PUBLIC_PAGES, PUBLIC_STATUS
from tests.shell import fakes
from tests.shell.conftest import Asker

PUBLIC_GETS = ("/", "/_dash-layout", "/_dash-dependencies", "/export/open/all/people?at=/")
SECRET = "s" * 20


def controls(answer: Any) -> tuple[str, str]:
    """(Cache-Control, Vary but for the coding) of an answer."""
    return answer.headers["Cache-Control"], ", ".join(one for one in varies(answer) if one != "Accept-Encoding")


def varies(answer: Any) -> list[str]:
    """What an answer depends on, in the order of the alphabet."""
    return sorted(one.strip() for line in answer.headers.getlist("Vary") for one in line.split(","))


@pytest.mark.parametrize("path", PUBLIC_GETS)
def test_the_public_s_gets_may_be_kept_for_a_short_time(asker: Asker, path: str) -> None:
    if path.startswith("/export"):
        path = "/export/open/all/good?at=/"
    answer = asker.be(PUBLIC).client.get(path)
    control, vary = controls(answer)
    assert answer.status_code == 200
    assert control in ("public, max-age=60", "public, max-age=30")
    assert "Cookie" in vary
    assert "Set-Cookie" not in answer.headers
    again = asker.client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert asker.client.get(path, headers={"If-None-Match": 'W/"another"'}).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_both_forms_of_an_answer_say_that_there_is_another(asker: Asker, coding: str) -> None:
    answer = asker.be(PUBLIC).client.get("/_dash-dependencies", headers={"Accept-Encoding": coding})
    assert answer.headers.get("Content-Encoding", "identity") == coding
    assert "Accept-Encoding" in varies(answer)


@pytest.mark.parametrize("path", [*PUBLIC_GETS, "/staff", "/healthz", "/queries/open/all", "/robots.txt"])
@pytest.mark.parametrize("who", ["user", "other", "staff"])
def test_nothing_of_the_signed_in_may_be_kept(asker: Asker, who: str, path: str) -> None:
    asker.be(PUBLIC).client.get(path)  # the public's is kept already
    answer = asker.be(fakes.VIEWERS[who]).client.get(path)
    # an address that is the same for all is not asked who asks: it may be kept where no session is sent along
    if path != "/_dash-dependencies":
        assert controls(answer)[0] == "no-store", path
        assert "ETag" not in answer.headers


@pytest.mark.parametrize("path", PUBLIC_GETS)
def test_a_trace_of_signing_in_is_enough_to_keep_nothing(asker: Asker, path: str) -> None:
    """A session that has ended, or could not be read for a moment, looks like the public's."""
    asker.be(PUBLIC)
    asker.client.set_cookie("turtle", "ended")
    assert controls(asker.client.get(path))[0] == "no-store"
    asker.client.delete_cookie("turtle")
    assert controls(asker.client.get(path, headers={"X-Remote-User": "mira"}))[0] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/healthz", "/nowhere", "/user/mira", "/staff", "/export/open/own/people?at=/", "/export/open/team/people?at=/", "/export/open/gone/people?at=/",
        "/export/open/none/people", "/queries/open/all", "/search?q=x", "/names", "/readyz", "/_reload-hash",
    ],
)  # fmt: skip
def test_nothing_else_may_be_kept(asker: Asker, path: str) -> None:
    answer = asker.be(PUBLIC).client.get(path)
    if answer.status_code == 200 and path in ("/staff",):  # the empty frame, the same for every address
        assert controls(answer)[0] == "public, max-age=60"
    else:
        assert controls(answer)[0] == "no-store", answer.status_code


@pytest.mark.parametrize("path", ["/", "/nowhere", "/healthz"])
def test_posts_are_never_kept(asker: Asker, path: str) -> None:
    assert controls(asker.be(PUBLIC).section("open:all"))[0] == "no-store"
    assert controls(asker.be(PUBLIC).layout(path))[0] == "no-store"


def _site(make_app: Callable[..., Dash], **over: Any) -> Any:
    return make_app(sign_in={"method": "header", "secret": SECRET, "trusted_peers": ["127.0.0.1"], "staff": ["ada"]}, **over).server.test_client()


def test_behind_a_proxy_that_signs_in_what_depends_on_who_asks_is_asked_again_each_time(make_app: Callable[..., Dash]) -> None:
    """The browser's cookies may be the same before and after; a cache behind that proxy sees its header."""
    client = _site(make_app)
    assert controls(client.get("/")) == ("public, max-age=60", "Cookie, X-Remote-User")
    for path in ("/_dash-layout", "/export/open/all/good?at=/"):
        assert controls(client.get(path)) == ("public, no-cache", "Cookie, X-Remote-User")
    signed_in = client.get("/_dash-layout", headers={"X-Remote-User": "ada", "X-Portal-Secret": SECRET})
    assert "ada" in signed_in.text and controls(signed_in)[0] == "no-store"
    assert "ada" not in client.get("/_dash-layout").text


def test_assets_are_kept_for_ever_where_the_address_changes_with_them(asker: Asker) -> None:
    def get(path: str, **headers: str) -> Any:
        with asker.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()}) as answer:
            return answer

    assert controls(get("/assets/theme-init.js"))[0] == "public, max-age=86400"
    assert controls(get("/assets/theme-init.js?m=1"))[0] == "public, max-age=31536000, immutable"
    bundle = next(part for part in get("/").text.split('"') if "/_dash-component-suites/dash/dash-renderer/" in part)
    assert controls(get(bundle))[0] == "public, max-age=31536000, immutable"
    tag = get("/assets/turtle/60-paint.js", Accept_Encoding="br").headers["ETag"]
    assert get("/assets/turtle/60-paint.js", If_None_Match=tag).status_code == 304


def test_search_engines_find_public_pages_only(asker: Asker) -> None:
    assert "X-Robots-Tag" not in asker.be(PUBLIC).client.get("/").headers
    for path in ("/staff", "/user/mira", "/nowhere", "/export/open/all/people?at=/", "/_dash-layout"):
        assert "noindex" in asker.client.get(path).headers["X-Robots-Tag"]
    assert asker.client.get("/robots.txt").text.splitlines() == ["User-agent: *", "Allow: /$", "Allow: /assets/", "Allow: /_dash-", "Disallow: /"]


# site.public → the pages of this portal that everybody may open
MODES = {"all": {"/", "/overview"}, "status": {"/"}, "none": set()}


@pytest.fixture
def pages() -> tuple[Page, ...]:
    """A front page, a second public page, and one for those signed in."""
    front = fakes._page("status", "/", PUBLIC_STATUS, (fakes._section("all", PUBLIC_STATUS),))
    second = fakes._page("overview", "/overview", PUBLIC_PAGES, (fakes._section("all", PUBLIC_PAGES),))
    return front, second, fakes.PAGES[2]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_public_is_set(make_app: Callable[..., Dash], pages: tuple[Page, ...], monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    now = {"now": PUBLIC}
    monkeypatch.setattr("components.viewers.Viewers.of", lambda self, profile: now["now"])
    asker = Asker(make_app(pages=pages, site={"public": mode}), now)
    for path, key in (("/", "status"), ("/overview", "overview")):
        shown = path in MODES[mode]
        assert ("tt-section" in asker.layout(path).text) == shown
        assert ("Please sign in" in asker.layout(path).text) == (not shown)
        assert asker.section(f"{key}:all", path).status_code == (200 if shown else 401)
        assert asker.client.get(f"/export/{key}/all/people?at={path}").status_code == (200 if shown else 401)
        assert ("X-Robots-Tag" not in asker.client.get(path).headers) == shown
        assert (f"Allow: {path}$" in asker.client.get("/robots.txt").text) == shown
        assert (f'"href":"{path}","className":"tt-nav"' in _ordered(asker.client.get("/_dash-layout").get_json())) == shown
    asker.be(fakes.USER)
    menu = _ordered(asker.client.get("/_dash-layout").get_json())
    for path, key in (("/", "status"), ("/overview", "overview")):
        assert "tt-section" in asker.layout(path).text
        assert asker.section(f"{key}:all", path).status_code == 200
        assert f'"href":"{path}","className":"tt-nav"' in menu


def _ordered(layout: Any) -> str:
    """The menu's entries as text."""
    from tests.access.asker import walk

    return " ".join(f'"href":"{props["href"]}","className":"tt-nav"' for props in walk(layout) if props.get("className") == "tt-nav")


def test_where_nothing_is_public_no_page_leads_to_one(make_app: Callable[..., Dash], pages: tuple[Page, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.viewers.Viewers.of", lambda self, profile: PUBLIC)
    asker = Asker(make_app(pages=pages, site={"public": "none"}), {"now": PUBLIC})
    for path in ("/", "/staff", "/nowhere"):
        assert "Cluster status" not in asker.layout(path).text
    assert asker.client.get("/robots.txt").text.splitlines() == ["User-agent: *", "Disallow: /"]


def test_the_public_can_change_nothing(asker: Asker) -> None:
    """Two callbacks answer the public: the page's router and that of sections, which check the page's own rule; both only read."""
    open_to_all = {
        output for output, known in asker.app.callback_map.items()
        if "callback" in known and getattr(known["callback"], "access", None) in (None, fakes.ANYONE)
    }  # fmt: skip
    assert len(open_to_all) == 2
    for rule in asker.app.server.url_map.iter_rules():
        if "POST" in rule.methods:
            assert rule.rule in ("/_dash-update-component", "/signin", "/signout"), rule.rule
    for method in ("post", "put", "delete", "patch"):
        for path in ("/", "/export/open/all/people", "/healthz", "/robots.txt", "/assets/theme-init.js", "/_dash-layout", "/_dash-dependencies"):
            assert getattr(asker.be(PUBLIC).client, method)(path).status_code in (401, 403, 404, 405), (method, path)
