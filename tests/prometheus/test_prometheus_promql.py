"""PromQL as text: escaping, selectors, site filters."""

from __future__ import annotations

import promql_parser
import pytest

from core.errors import SettingsError
from core.settings import Prometheus, Settings
from datasources.prometheus import promql
from tests.prometheus.known_samples import NASTY


def test_a_value_with_quotes() -> None:
    assert promql.quote('a"b\\c') == '"a\\"b\\\\c"'
    assert promql.quote("a\nb") == '"a\\x0ab"'
    assert promql.quote("é😀{}") == '"é😀{}"'


def test_a_regex_of_names() -> None:
    assert promql.any_of(["c2", "c1", "c1"]) == "c1|c2"
    assert promql.any_of(["a.b", "x|y", "p$"]) == r"a\.b|p\$|x\|y"
    assert promql.any_of([7, 10]) == "10|7"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (promql.selector("up", ""), "up"),
        (promql.selector("up", 'cluster="x"'), 'up{cluster="x"}'),
        (promql.selector("up", "", job=5), 'up{job="5"}'),
        (promql.selector("up", "", job=(5,)), 'up{job="5"}'),
        (promql.selector("up", 'c="x"', 'mode!="idle"', job=(5, 6)), 'up{job=~"5|6",mode!="idle",c="x"}'),
        (promql.selector(promql.names(("a", "b", "a")), 'c="x"', job=5), '{__name__=~"a|b",job="5",c="x"}'),
        (promql.selector(promql.names(("a",)), "", job=5), 'a{job="5"}'),
        (promql.hosts_matcher("instance", ["c1", "c2"], ".x.ca"), 'instance=~"(?:c1|c2)\\\\.x\\\\.ca(?::[0-9]+)?"'),
        (promql.hosts_matcher("instance", ["c1"], "", "-oob"), 'instance=~"(?:c1)-oob(?::[0-9]+)?"'),
    ],
)
def test_selectors(made: str, text: str) -> None:
    assert made == text


@pytest.mark.parametrize("value", [NASTY, "", '"', "\\", "\x00\x1f\x7f", "`'#", '"} or up{a!="'])
def test_every_value_parses_as_one_selector(value: str) -> None:
    if value:
        for one in (promql.selector("m", 'a="b"', user=value), promql.selector("m", 'a="b"', user=promql.any_of([value]))):
            parsed = promql_parser.parse(one)
            assert isinstance(parsed, promql_parser.VectorSelector) and len(parsed.matchers.matchers) == 2
    else:
        with pytest.raises(ValueError, match="empty value"):
            promql.selector("m", "", user=value)


@pytest.mark.parametrize("name", ["", "1a", "a b", 'a{b="c"}', "a|b", "a-b"])
def test_what_is_no_metric(name: str) -> None:
    with pytest.raises(ValueError, match="not a metric name"):
        promql.selector(name, "")
    with pytest.raises(ValueError, match="not a metric name"):
        promql.names((name,))


@pytest.mark.parametrize(
    ("value", "host"),
    [("c1", "c1"), ("c1:9100", "c1"), ("c1.x.ca:9100", "c1"), ("c1-oob.x.ca", "c1"), ("c1-oob", "c1"), ("c1.y.ca", "c1.y.ca"), ("", "")],
)
def test_host_names(value: str, host: str) -> None:
    assert promql.host_name(value, ".x.ca", "-oob") == host


def filters(**by_module: str) -> Settings:
    return Settings(prometheus=Prometheus(url="http://x", filter=by_module))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ('cluster="narval"', 'cluster="narval"'),
        (' cluster = "narval" , env!~"test|dev",', 'cluster="narval",env!~"test|dev"'),
        ('a="x,\\"}y"', 'a="x,\\"}y"'),
    ],
)
def test_site_filters(text: str, canonical: str) -> None:
    assert promql.site_filters(filters(default=text)) == {"default": canonical}


@pytest.mark.parametrize("text", ["cluster=narval", 'cluster="x"}', '{cluster="x"}', 'cluster="x" or up', "cluster='x'", 'a="x"b="y"', '="x"', 'a="x\n"'])
def test_a_filter_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match=r"prometheus\.filter\.cloud"):
        promql.site_filters(filters(cloud=text))


def test_each_module_has_its_filter() -> None:
    settings = filters(default='cluster="narval"', cloud='region="east"', status="")
    assert promql.site_filter(settings) == 'cluster="narval"'
    assert promql.site_filter(settings, "jobstats") == 'cluster="narval"'
    assert promql.site_filter(settings, "cloud") == 'region="east"'
    assert promql.site_filter(settings, "status") == ""
    assert promql.site_filter(Settings()) == ""
