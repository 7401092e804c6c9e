"""Looks at whole pages as one person: what each section a page offers says, and what holds for every answer whatever failed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from tests.access.asker import Asker
from tests.failures.world import PAGES, leaks, page_text, said

SECONDS = 10.0  # the deadline of a section
ACCOUNT, NODE = "/account/rrg-pi1_cpu", "/node/c3"
# page → the addresses looked at
MEMBERS = {
    "status": ("/", "/?account=rrg-pi1_cpu", "/?partition=cpu", "/?node=c1"), "user": ("/user/alice",), "accounts": ("/accounts",),
    "account": (ACCOUNT, f"{ACCOUNT}?view=jobs", f"{ACCOUNT}?view=report"), "nodes": ("/nodes",), "node": (NODE,),
}  # fmt: skip
STAFF = {
    "top": ("/top",), "top_gpu": ("/top/gpu",), "top_memory": ("/top/memory",), "top_lustre": ("/top/lustre",), "top_waste": ("/top/waste",),
    "scheduling": ("/scheduling",),
}  # fmt: skip
PROJECT, MACHINE = "/cloud/lab1", "/cloud/lab1/0f8fad5b-d9cb-469f-a165-70867728950e"
PUBLIC = {
    "scheduler": ("/scheduler",), "filesystems": ("/filesystems",), "logins": ("/logins",), "transfers": ("/transfers",), "software": ("/software",),
}
STORED = {"quotas": ("/quotas?user=alice",), "cloud": ("/cloud",), "cloud_project": (PROJECT,), "cloud_instance": (MACHINE,)}
EVERY = MEMBERS | STAFF | PUBLIC | STORED
HOSTS = {"login_nodes": {"login1": {}}, "transfer_nodes": {"dtn1": {}}}
STORAGE = {"areas": {"home": {"path": "/lustre/home"}}}


def offered(person: Asker, key: str, path: str) -> list[Any]:
    """The sections a page's answer asks the browser to load; none where the page itself says what is wrong."""
    answer = person.page(path)
    assert page_text(answer)
    assert machinery(answer) == [], path
    body = answer.get_data(as_text=True)
    return [section for section in PAGES[key].sections if f'"{key}:{section.key}"' in body]


def machinery(answer: Any) -> list[str]:
    """What of the machinery an answer shows; staff are told the metric's name, by which they mend it."""
    return [found for found in leaks(answer) if not found.startswith("slurm_")]


def words(person: Asker, key: str, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(page:section, what it says) of each section offered: in time, answered, nothing of the machinery."""
    for section in offered(person, key, path):
        began = time.monotonic()
        answer = person.section(PAGES[key], section, path)
        place = f"{key}:{section.key}"
        assert time.monotonic() - began < SECONDS, place
        assert machinery(answer) == [], place
        assert "could not be drawn" not in answer.get_data(as_text=True), place
        yield place, said(answer)


def everything(person: Asker, pages: dict[str, tuple[str, ...]] = EVERY) -> dict[str, str]:
    """"page:section address" → all that it says in one line; no section may say nothing."""
    found = {}
    for key, paths in pages.items():
        for path in paths:
            for place, text in words(person, key, path):
                assert text, (place, path)
                found[f"{place} {path}"] = " | ".join(text.values())
    return found
