"""The judges of work with time, on histories of a few lines: the good one passes, the bad ones do not."""

import json
from hashlib import sha256
from typing import Any

from tests.fault.judges import differences, reverts, snapshots, times
from tests.fault.judges.tiny import holds, instance, read, told, write
from tests.fault.traffic.record import Call, Outcome, Told

_BEGUN = "2026-12-01T00:00:0{}Z"


def _app(rev: int, **env: str) -> Told:
    first = rev == 1
    about: dict[str, Any] = {"repo_url": "x", "stack": "lenny", "head": None, "name": "a"}
    made = told(rev, f"app-{'register' if first else 'update'}", "a", env=env, created_rev=1, **about)
    made.at = _BEGUN.format(rev)
    return made


HISTORY = [_app(1, cow="moo"), _app(2, cow="MOO", cat="meow"), _app(3, cow="moo")]


def _done(rev: int, op: str, body: Any = None, path: str = "/x") -> Call:
    """A write of many objects that was answered."""
    answer = json.dumps({"rev": rev, "changes": [1]}).encode()
    return write(rev, op, about=None, path=path, body=body, answer=answer)


def _asked(op: str, path: str, said: Any, about: tuple[str, ...] = ("below", "a"), rev: int = 3) -> Call:
    return read(rev, 90, 91, op, about, path=path, answer=json.dumps(said).encode())


def test_after_a_revert_all_is_as_it_was() -> None:
    asked = {"path": "/apps/a", "to_rev": 1, "scale": True, "delete": True}
    assert holds(reverts, HISTORY, [_done(3, "revert", asked)])
    assert not holds(reverts, HISTORY, [_done(2, "revert", asked)]), "a variable is another"
    late = told(2, "proc-register", "a", "web", index=1, port=8000)
    assert not holds(reverts, [*HISTORY[:2], late, HISTORY[2]], [_done(3, "revert", asked)]), "one is left"
    unknown = write(3, "revert", about=None, body=asked, outcome=Outcome.UNKNOWN, status=0, answer=b"")
    assert not holds(reverts, [*HISTORY[:2], late, HISTORY[2]], [unknown]), "answered or not"


def test_of_a_revert_of_variables_alone_nothing_else_goes_back() -> None:
    asked = {"path": "/apps/a", "to_rev": 1, "only": ["env"], "scale": False}
    late = told(2, "proc-register", "a", "web", index=1, port=8000)
    assert holds(reverts, [*HISTORY[:2], late, HISTORY[2]], [_done(3, "revert", asked)])
    stack = _app(3, cow="moo")
    stack.__dict__["said"] = {**stack.said, "stack": "squeeze"}
    assert not holds(reverts, [*HISTORY[:2], stack], [_done(3, "revert", asked)])


def test_an_undo_takes_back_what_its_commit_changed_and_nothing_else() -> None:
    assert holds(reverts, HISTORY, [_done(3, "undo", path="/commits/2/undo")])
    assert not holds(
        reverts, [*HISTORY[:2], _app(3, cow="moo", cat="meow")], [_done(3, "undo", path="/commits/2/undo")]
    )
    between = [*HISTORY[:2], _app(3, cow="MOO", cat="meow", dog="woof")]
    assert holds(
        reverts, [*between, _app(4, cow="moo", dog="woof")], [_done(4, "undo", path="/commits/2/undo")]
    )
    assert not holds(reverts, [*between, _app(4, cow="moo")], [_done(4, "undo", path="/commits/2/undo")]), (
        "the dog"
    )


def test_a_document_is_there_whole() -> None:
    document = {"name": "a", "stack": "lenny", "env": {"cow": "moo"}, "exact": ["env"]}
    assert holds(reverts, HISTORY, [_done(3, "apply", {"apps": [document]})])
    assert not holds(reverts, HISTORY, [_done(2, "apply", {"apps": [document]})])
    web = {"name": "web", "scale": [{"revision": "r", "count": 1}]}
    scaled = {"apps": [{"name": "base", "proctypes": [web]}]}
    base = told(1, "app-register", "base", env={})
    target = _target(2, 1)
    ticket = instance(2, "register", 1, "pending", index=1)
    assert holds(reverts, [base, target, ticket], [_done(2, "apply", scaled)])
    assert not holds(reverts, [base, target], [_done(2, "apply", scaled)]), "none was started"
    gone = {"apps": [{"name": "a", "absent": True}]}
    assert not holds(reverts, HISTORY, [_done(3, "apply", gone)])


def _target(rev: int, count: int) -> Told:
    names = {"app": "base", "proctype": "web", "revision": "r", "env": None}
    head = {"rev": rev, "index": 0, "type": "scale-update", "at": "", "actor": f"a-{rev}", **names}
    object_ = json.dumps({"rev": rev, "target": count, **names})
    return Told((json.dumps(head)[:-1] + f',"object":{object_}}}').encode())


def test_a_diff_tells_what_the_events_told() -> None:
    def diff(*items: Any, path: str = "/diff?from=1&to=2&path=/apps/a") -> Call:
        return _asked("diff", path, {"items": items, "next": None})

    before, after = HISTORY[0].said, HISTORY[1].said
    item = {
        "path": "/apps/a",
        "kind": "app",
        "action": "update",
        "rev_before": 1,
        "rev_after": 2,
        "before": before,
        "after": after,
        "by": {"rev": 2, "actor": "a-2"},
    }
    assert holds(differences, HISTORY, [diff(item)])
    assert not holds(differences, HISTORY, [diff()]), "left out"
    assert not holds(differences, HISTORY, [diff({**item, "after": before})])
    assert not holds(differences, HISTORY, [diff({**item, "action": "create"})])
    assert not holds(differences, HISTORY, [diff({**item, "by": {"rev": 1, "actor": "a-1"}})])
    assert not holds(differences, HISTORY, [diff(item, {**item, "path": "/apps/b"})]), "made up"
    assert holds(differences, HISTORY, [diff(path="/diff?from=1&to=3")]), "changed and changed back"


def test_commits_are_those_of_the_events() -> None:
    def commits(*revs: int, **more: Any) -> Call:
        items = [
            {"rev": rev, "actor": f"a-{rev}", "total": 1, "changes": [{"path": "/apps/a"}], **more}
            for rev in revs
        ]
        return _asked("commits", "/commits?from=1&to=3&order=asc", {"items": items, "next": None})

    assert holds(differences, HISTORY, [commits(2, 3)])
    assert not holds(differences, HISTORY, [commits(2)]), "left out"
    assert not holds(differences, HISTORY, [commits(2, 3, 4)]), "made up"
    assert not holds(differences, HISTORY, [commits(2, 3, actor="b")])
    change = {"path": "/apps/a", "before": HISTORY[0].said, "after": HISTORY[1].said}
    one = {"rev": 2, "changes": [change], "next": None}
    assert holds(differences, HISTORY, [_asked("commit", "/commits/2", one)])
    other = {**one, "changes": [{**change, "before": None}]}
    assert not holds(differences, HISTORY, [_asked("commit", "/commits/2", other)])


def test_a_time_is_that_of_the_newest_rev_up_to_it() -> None:
    def at(second: float, rev: int) -> Call:
        return read(rev, 90, 91, path=f"/rev?at=2026-12-01T00:00:0{second}Z")

    assert holds(times, HISTORY, [at(2, 2), at(2.5, 2)])
    assert not holds(times, HISTORY, [at(2.5, 1)]), "too old"
    assert not holds(times, HISTORY, [at(2.5, 3)]), "too new"
    earlier = _app(3, cow="moo")
    earlier.at = _BEGUN.format(1)
    assert holds(times, [*HISTORY[:2], earlier], [at(2, 3)]), "another clock is behind"
    assert not holds(times, [*HISTORY[:2], earlier], [at(1, 1), at(1, 3)]), "not the same twice"


def test_an_export_has_every_object_of_its_rev() -> None:
    def export(*objects: bytes) -> Call:
        lines = b'{"rev":2}\n' + b"".join(b'{"path":"/apps/a","object":%b}\n' % one for one in objects)
        end = {"end": True, "objects": len(objects), "sha256": sha256(lines).hexdigest()}
        answer = lines + json.dumps(end).encode() + b"\n"
        return read(2, 90, 91, "export", ("below", "a"), path="/export?rev=2", answer=answer)

    assert holds(snapshots, HISTORY, [export(HISTORY[1].object)])
    assert not holds(snapshots, HISTORY, [export(HISTORY[0].object)])
    assert not holds(snapshots, HISTORY, [export()])
