"""Who may ask for what: every page, section and route as everybody; forged and unknown requests are refused."""

from __future__ import annotations

import pytest

from tests.shell import fakes

SECTIONS = {
    # section, path → viewers it answers with data
    ("open:all", "/"): {"public", "user", "other", "staff"},
    ("open:own", "/"): {"user", "other", "staff"},
    ("open:team", "/"): {"staff"},
    ("person:mine", "/user/mira"): {"user", "staff"},
    ("staff:all", "/staff"): {"staff"},
}


@pytest.mark.parametrize("who", fakes.VIEWERS)
@pytest.mark.parametrize("section", SECTIONS, ids="".join)
def test_access_of_sections(asker, who: str, section: tuple[str, str]) -> None:
    answer = asker.be(fakes.VIEWERS[who]).section(*section)
    if who in SECTIONS[section]:
        assert answer.status_code == 200
        assert "bdata" in answer.text
    else:
        assert "bdata" not in answer.text
        assert answer.status_code == 401 if who == "public" else answer.status_code in (200, 403)


@pytest.mark.parametrize("who", fakes.VIEWERS)
@pytest.mark.parametrize("section", SECTIONS, ids="".join)
def test_access_of_csv(asker, who: str, section: tuple[str, str]) -> None:
    page, key = section[0].split(":")
    answer = asker.be(fakes.VIEWERS[who]).client.get(f"/export/{page}/{key}/people?at={section[1]}")
    assert (answer.status_code == 200) == (who in SECTIONS[section])
    assert ("cores" in answer.text) == (who in SECTIONS[section])


@pytest.mark.parametrize("who", fakes.VIEWERS)
@pytest.mark.parametrize("path", ["/", "/user/mira", "/staff"])
def test_access_of_pages(asker, who: str, path: str) -> None:
    allowed = {"/": {"public", "user", "other", "staff"}, "/user/mira": {"user", "staff"}, "/staff": {"staff"}}[path]
    answer = asker.be(fakes.VIEWERS[who]).layout(path)
    assert answer.status_code == 200
    assert ("tt-section" in answer.text) == (who in allowed)


@pytest.mark.parametrize("who", fakes.VIEWERS)
def test_queries_are_for_staff(asker, who: str) -> None:
    answer = asker.be(fakes.VIEWERS[who]).client.get("/queries/open/all")
    assert answer.status_code == {"public": 401, "staff": 200}.get(who, 403)


def test_absent_and_foreign_answer_the_same(asker) -> None:
    asker.be(fakes.USER)
    foreign, absent = asker.layout("/user/noor").get_json(), asker.layout("/user/nobody").get_json()
    assert str(foreign["response"]).replace("noor", "nobody") == str(absent["response"])


def test_a_section_of_no_page_is_refused(asker) -> None:
    assert asker.be(fakes.STAFFER).section("staff:invented").status_code == 403


def test_an_unknown_output_is_refused(asker) -> None:
    assert asker.be(fakes.STAFFER).section("open:all", output="secrets.children").status_code == 403


def test_a_callback_without_a_rule_is_refused(asker) -> None:
    key = next(key for key in asker.app.callback_map if "done" in key)
    del asker.app.callback_map[key]["callback"].access
    assert asker.be(fakes.STAFFER).section("open:all").status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"output": 3}', b"{"])
def test_nonsense_to_the_callback_address_is_refused(asker, body: bytes) -> None:
    answer = asker.client.post("/_dash-update-component", data=body, content_type="application/json")
    assert answer.status_code == 403


def test_ended_session_is_said_in_the_renderers_words(asker) -> None:
    answer = asker.section("open:own")
    assert answer.status_code == 401
    assert "JWT Expired" in answer.text


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_other_methods_change_nothing(asker, method: str) -> None:
    assert getattr(asker.be(fakes.STAFFER).client, method)("/staff").status_code in (403, 404, 405)


def test_headers_of_every_answer(asker) -> None:
    asker.be(fakes.USER)  # what everybody may keep of what the public reads: tests/shell/test_public_headers.py
    for path in ("/", "/healthz", "/nowhere", "/export/open/all/people"):
        headers = asker.client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe-eval" not in policy
        assert "script-src 'self' 'sha256-" in policy
        assert "'unsafe-inline'" not in policy.split("style-src")[0]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_the_frame_names_nobody_to_the_public(asker) -> None:
    asker.be(fakes.STAFFER).client.get("/")
    text = asker.be(fakes.PUBLIC).client.get("/_dash-layout").text + asker.client.get("/").text
    assert "sam" not in text.replace("same", "")
    assert "/staff" not in text


def test_no_two_callbacks_write_one_output(asker) -> None:
    assert len(asker.app._callback_list) == len(asker.app.callback_map)


def test_unknown_parameters_are_ignored(asker) -> None:
    answer = asker.layout("/", "?utm_source=x&name=staff&viewer=sam&layout=1")
    assert answer.status_code == 200
    assert "tt-section" in answer.text


def test_a_parameter_does_not_replace_a_path_variable(asker) -> None:
    answer = asker.be(fakes.USER).layout("/user/noor", "?name=mira")
    assert "tt-section" not in answer.text


def test_a_module_that_is_off_does_not_exist(make_app) -> None:
    made = make_app(modules={"status": False})
    assert made.server.test_client().get("/export/open/all/people").status_code == 404


def test_everything_lives_below_the_base_path(make_app) -> None:
    client = make_app(server={"base_path": "/portal/"}).server.test_client()
    assert client.get("/healthz").status_code == 404
    assert client.get("/portal/healthz").status_code == 200
    page = client.get("/portal/").text
    assert 'src="/portal/assets/theme-init.js"' in page


def test_the_base_path_without_its_slash_leads_home_and_names_no_host(make_app) -> None:
    client = make_app(server={"base_path": "/portal/"}).server.test_client()
    answer = client.get("/portal", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (308, "/portal/")
