"""What visitors are told of a failure is over with it: such an answer is kept for seconds, not for a scrape interval."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components import kept_answers
from tests.access.asker import Asker
from tests.failures.conftest import World
from tests.failures.sweep import HOSTS, PUBLIC, everything
from tests.failures.test_new_pages import LUSTRE, answering, nothing
from tests.prometheus.fake_server import reply

pytestmark = pytest.mark.services
OPEN = {"status": ("/",)} | PUBLIC
FAILED = ("cannot be reached", "too long to answer", "refused the question", "cannot be read", "not known", "could not be")
EMPTY = '{{"status":"success","data":{{"resultType":"vector","result":[{rows}]}}}}'
GPFS_DOWN = {"gpfs_": reply("no", 500, "text/plain"), "lustre_": reply(EMPTY.format(rows=LUSTRE))}


def metrics_down(world: World) -> None:
    world.metrics.down()


def accounting_down(world: World) -> None:
    world.database.down()


def one_of_two_exporters(world: World) -> None:
    answering(world, GPFS_DOWN, nothing)


def wrong(shown: dict[str, str]) -> dict[str, str]:
    """The places that tell of a failure."""
    return {place: text for place, text in shown.items() if any(words in text for words in FAILED)}


@pytest.mark.parametrize(("breaks", "least"), [(metrics_down, 12), (accounting_down, 3), (one_of_two_exporters, 2)])
def test_no_visitor_reads_of_a_failure_that_is_over(
    world: World, portal_of: Callable[..., Asker], monkeypatch: pytest.MonkeyPatch, breaks: Callable[[World], None], least: int
) -> None:
    """The first visitor makes the answers all others get; the servers come back, and the seconds are over."""
    monkeypatch.setattr(kept_answers, "FAILED_SECONDS", 0)
    visitor = portal_of(None, overview=HOSTS)
    breaks(world)
    failed = wrong(everything(visitor, OPEN))
    assert len(failed) >= least, failed
    world.metrics.up()
    world.database.up()
    assert wrong(everything(visitor, OPEN)) == {}


def test_while_the_failure_lasts_all_are_told_of_it_at_once(world: World, portal_of: Callable[..., Asker]) -> None:
    """Kept for some seconds: visitors do not each wait for a source that is away."""
    world.metrics.answer = reply("no", 500, "text/plain")
    visitor = portal_of(None, overview=HOSTS)
    first = everything(visitor, {"scheduler": ("/scheduler",)})
    asked = world.metrics.asked
    assert everything(visitor, {"scheduler": ("/scheduler",)}) == first and wrong(first)
    assert world.metrics.asked == asked
