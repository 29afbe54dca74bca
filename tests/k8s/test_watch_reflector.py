"""A reflector lists once and watches on, whatever becomes of its connection."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from runs_fleet.errors import RateLimited, Unavailable
from runs_fleet.providers.k8s.reflector import Reflector
from runs_fleet.providers.k8s.rest import Expired, Json, Rest
from tests.k8s.scripted import (
    Answer,
    ScriptedServer,
    changes,
    expired,
    page,
    refusal,
    thing,
)
from tests.simulator.waiting import until

PATIENCE = 100.0
PATH = "/api/v1/namespaces/one/pods"
Seen = tuple[str, str]


class Notebook:
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.seen = list[Seen]()

    def replace(self, things: list[Json]) -> None:
        self.seen += [("listed", each["metadata"]["name"]) for each in things]

    def note(self, thing: Json, *, gone: bool) -> None:
        self.seen.append(("gone" if gone else "noted", thing["metadata"]["name"]))


@contextmanager
def following(*answers: Answer) -> Iterator[tuple[Notebook, ScriptedServer]]:
    """A reflector that has heard all of these answers."""
    notebook = Notebook()
    with ScriptedServer(answers) as server:
        query = {"labelSelector": "a=b"}
        reflector = Reflector(Rest(server.client), PATH, query=query, sink=notebook)
        thread = threading.Thread(target=reflector.run)
        thread.start()
        try:
            until(lambda: len(server.asked) > len(answers), within=PATIENCE)
            yield notebook, server
        finally:
            reflector.stop()
            thread.join(PATIENCE)
        assert not thread.is_alive()


def versions(asked: Sequence[dict[str, str]]) -> list[str]:
    """Say from where each request went on; a list has no version."""
    return [each.get("resourceVersion", "list") for each in asked]


def test_all_pages_are_listed_then_changes_noted() -> None:
    with following(
        page(thing("a", "1"), version="5", more="mark"),
        page(thing("b", "2"), version="5"),
        changes(("ADDED", thing("c", "6")), ("DELETED", thing("a", "7"))),
    ) as (notebook, server):
        assert notebook.seen == [
            ("listed", "a"),
            ("listed", "b"),
            ("noted", "c"),
            ("gone", "a"),
        ]
        assert versions(server.asked) == ["list", "list", "5", "7"]
        assert server.asked[1]["continue"] == "mark"
        assert {each["labelSelector"] for each in server.asked} == {"a=b"}


def test_a_torn_watch_goes_on_where_it_was() -> None:
    with following(page(version="5"), changes(("ADDED", thing("a", "6")), torn=True)) as (
        notebook,
        server,
    ):
        assert notebook.seen == [("noted", "a")]
        assert versions(server.asked) == ["list", "5", "6"]


def test_a_bookmark_moves_on_without_being_noted() -> None:
    with following(page(version="5"), changes(("BOOKMARK", thing("", "9")))) as (notebook, server):
        assert notebook.seen == []
        assert versions(server.asked) == ["list", "5", "9"]


@pytest.mark.parametrize(
    "forgetful", [changes(expired()), refusal(410, "too old")], ids=["in the watch", "at once"]
)
def test_what_has_expired_is_listed_anew(forgetful: Answer) -> None:
    with following(page(version="5"), forgetful, page(thing("a", "8"), version="9")) as (
        notebook,
        server,
    ):
        assert notebook.seen == [("listed", "a")]
        assert versions(server.asked) == ["list", "5", "list", "9"]


@pytest.mark.parametrize(
    "trouble", [refusal(500), refusal(429), refusal(403), Answer(b"<html>", status=200)]
)
def test_a_server_in_trouble_is_waited_for(
    trouble: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with following(trouble, page(thing("a", "1"), version="5")) as (notebook, _):
        assert notebook.seen == [("listed", "a")]
    assert "watch interrupted" in caplog.text


def test_an_error_in_a_watch_is_no_end_of_it() -> None:
    with ScriptedServer([changes(("ERROR", {"code": 500, "message": "etcd"}))]) as server:
        changing = Rest(server.client).watch(PATH, seconds=1)
        with pytest.raises(Unavailable, match="500 etcd"):
            list(changing)


def test_what_has_expired_says_so() -> None:
    with ScriptedServer([changes(expired())]) as server:
        changing = Rest(server.client).watch(PATH, seconds=1)
        with pytest.raises(Expired):
            list(changing)


def test_a_server_that_has_enough_says_when_to_come_back() -> None:
    with ScriptedServer([refusal(429, "too many")]) as server, pytest.raises(RateLimited) as limit:
        Rest(server.client).get(PATH)
    assert limit.value.after > 0


def test_a_list_without_end_is_given_up() -> None:
    pages = [page(version="5", more="mark")] * 40
    with ScriptedServer(pages) as server, pytest.raises(Unavailable, match="more than"):
        Rest(server.client).items(PATH)
