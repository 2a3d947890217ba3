"""What the index cannot read: the same on every store, now and in old snapshots."""

from contract_words import GARBAGE, delete, put, value_of, write

from app.store.contract import UNREADABLE, Changes
from app.store.snapshots import ask, scan


async def test_what_cannot_be_read_is_in_no_list_and_goes_with_its_prefix(store):
    """At the latest rev, at old ones, in the middle of a group; and it can be asked for by its key."""
    garbage = {"a/2": GARBAGE, "a/b/3": GARBAGE, "b/1": GARBAGE}
    await write(store, put("a/1", "x"), put("a/b/2", "y"), lambda s, at: Changes(puts=dict(garbage)))

    def look(snapshot):
        return (
            [r.key for r in scan(snapshot, "a/")],
            [r.key for r in snapshot.find([["a/"]])],
            snapshot.count("a/"),
            [r.key for r in scan(snapshot, "a/", reverse=True)],
            snapshot.get("a/2") is not None and snapshot.get("a/2").value,
            [r.key for r in scan(snapshot, UNREADABLE)],
        )

    there = (["a/1", "a/b/2"], ["a/1", "a/b/2"], 2, ["a/b/2", "a/1"], GARBAGE, ["a/2", "a/b/3", "b/1"])
    assert look(store.stale()) == there
    assert store.statistics()["unreadable"] == 3
    await write(store, put("a/2", "mended"))
    assert look(store.stale())[0] == ["a/1", "a/2", "a/b/2"]
    await write(store, delete(prefixes=["a/b/"]))
    assert look(store.stale()) == (
        ["a/1", "a/2"],
        ["a/1", "a/2"],
        2,
        ["a/2", "a/1"],
        value_of("mended"),
        ["b/1"],
    )
    await write(store, *(put("c/1", str(n)) for n in range(10)))
    assert await ask(await store.at(3), look) == there
    [commit] = await store.commits(4, 1)
    assert [change.key for change in commit.changes] == ["a/b/2", "a/b/3"]
    assert store.statistics()["unreadable"] == 1
