"""The events, replayed from nothing but what the service says, have to give every state of the model."""

import json
from typing import Any

from tests.model.comparing import Both, timeless
from tests.model.contract_state import Event, State, present

NAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "app": ("app", ("name",)),
    "rev": ("revision", ("app", "ref")),
    "env": ("envset", ("app", "ref")),
    "proc": ("proctype", ("app", "name")),
    "instance": ("instance", ("id",)),
    "scale": ("scale", ("app", "proctype", "revision", "env")),
    "service": ("service", ("name",)),
    "endpoint": ("endpoint", ("service", "id")),
    "runner": ("runner", ("addr",)),
    "member": ("member", ("kind", "addr")),
}
"""By how an event's type begins: the kind of its object, and what names it."""


def history(both: Both, after: int, limit: int) -> list[Any]:
    """All events after a rev, page by page."""
    found: list[Any] = []
    path, headers = f"/events?rev={after}&limit={limit}", {"Accept": "application/json"}
    while True:
        page = both.ask("GET", path, **headers)
        assert page.status == 200, page.raw
        found += page.body["items"]
        if not page.body["items"]:
            assert page.body["rev"] == both.model.rev
            return found
        headers["Last_Event_ID"] = page.body["next"]


def in_order(events: list[Event]) -> list[Event]:
    """The order inside a rev is the service's own."""
    return sorted(events, key=lambda event: json.dumps(event, sort_keys=True))


def compare_history(both: Both, limit: int) -> None:
    """Every event is as the model has it, none is missing, and together they make each state."""
    model = both.model
    oldest = max(model.oldest, model.start)
    by_rev: dict[int, list[Any]] = {}
    for event in history(both, oldest, limit):
        by_rev.setdefault(event["rev"], []).append(event)
    assert list(by_rev) == sorted(by_rev)
    state = {kind: dict(objects) for kind, objects in model.at(oldest).kinds.items()}
    state["scale"] = _targets(state["scale"])
    for rev in range(oldest + model.step, model.rev + 1, model.step):
        events = by_rev.pop(rev, [])
        assert [event["index"] for event in events] == list(range(len(events)))
        assert {(event["at"], event["actor"]) for event in events} <= {("T", model.actor_of(rev))}
        said = [(event["type"], event["object"]) for event in events]
        assert in_order(said) == in_order(model.events_of(rev)), rev
        for type_, shown in said:
            stem, _, action = type_.partition("-")
            kind, names = NAMES[stem]
            key = tuple(shown[name] if shown[name] is not None else "" for name in names)
            if kind == "scale":
                _replay_target(state[kind], key, shown, events)
            elif action == "unregister":
                assert state[kind].pop(key) == shown
            else:
                assert (action == "register") == (key not in state[kind]), (rev, type_)
                state[kind][key] = shown
        expected = model.at(rev).kinds
        for kind, _ in NAMES.values():
            there = expected[kind]
            if kind == "scale":
                there = _targets(there)
            assert state[kind] == there, (rev, kind)
    assert by_rev == {}


def _targets(kept: dict[Any, Any]) -> dict[Any, Any]:
    """A target of 0 has ended, though it is kept while something is left to stop."""
    return {key: one for key, one in kept.items() if one["target"]}


def _replay_target(state: dict[Any, Any], key: Any, shown: Any, events: list[Any]) -> None:
    [previous] = [e["previous"] for e in events if e["type"] == "scale-update" and e["object"] == shown]
    assert state.get(key) == (previous if previous and previous["target"] else None)
    state.pop(key, None)
    if shown["target"]:
        state[key] = shown


def compare_lists(both: Both, rev: int | None) -> None:
    """Every list there is, at a rev."""

    def everything(path: str, kind: str, *key: Any) -> None:
        def listed(state: State) -> Any:
            if kind == "revision":
                return state.all(kind)
            if kind == "instance":
                return state.all(kind, lambda one: present(state, one))
            return [one for name, one in sorted(state.kinds[kind].items()) if name[: len(key)] == key]

        both.read(path, rev, listed, limit=1000)

    everything("/apps", "app")
    everything("/revisions", "revision")
    everything("/instances", "instance")
    everything("/services", "service")
    everything("/runners", "runner")
    for kind in ("pms", "proxies", "loggers"):
        everything(f"/members/{kind}", "member", kind)
    state = both.model.now if rev is None else both.model.at(rev)
    for app in state.kinds["app"]:
        everything(f"/apps/{app[0]}/envs", "envset", *app)
        everything(f"/apps/{app[0]}/proctypes", "proctype", *app)
    for service in state.kinds["service"]:
        everything(f"/services/{service[0]}/endpoints", "endpoint", *service)


def compare_rev(both: Both) -> None:
    answer = both.ask("GET", "/rev")
    expected = {"rev": both.model.rev, "oldest_rev": both.model.oldest, "at": "T" if both.model.rev else None}
    assert timeless(answer.body) == expected
