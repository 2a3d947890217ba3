"""Reads and transactions as etcd defines them."""

import pytest

from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Compacted, FutureRevision, Refused, TooLarge
from app.store.etcd.client.requests import (
    Compare,
    Delete,
    DeletedKeys,
    Get,
    Put,
    RangeResult,
    Txn,
    prefix_end,
)
from app.store.etcd.client.revisions import KeyValue
from tests.etcd.client.conftest import Keys
from tests.etcd.cluster import Cluster


async def put(client: EtcdClient, key: bytes, value: bytes) -> int:
    return (await client.txn(success=[Put(key, value)])).revision


async def test_a_key_is_read_as_it_was_at_a_revision(client: EtcdClient, keys: Keys) -> None:
    first = await put(client, keys("a"), b"one")
    second = await put(client, keys("a"), b"two")
    now = await client.range(keys("a"))
    assert now.kvs == [KeyValue(keys("a"), b"two", first, second, 2, 0)]
    assert now.revision >= second
    then = await client.range(keys("a"), revision=first)
    assert then.kvs == [KeyValue(keys("a"), b"one", first, first, 1, 0)]
    assert (await client.range(keys("a"), revision=first - 1)).kvs == []


async def test_a_range_can_be_limited_and_counted(client: EtcdClient, keys: Keys) -> None:
    for name in "cab":
        await put(client, keys(name), name.encode())
    two = await client.range(keys.prefix, keys.end, limit=2)
    assert [kv.value for kv in two.kvs] == [b"a", b"b"]
    assert (two.more, two.total) == (True, 3)
    names = await client.range(keys.prefix, keys.end, keys_only=True)
    assert {(kv.key, kv.value) for kv in names.kvs} == {(keys(name), b"") for name in "abc"}
    assert (await client.range(keys.prefix, keys.end, count_only=True))[1:] == ([], False, 3)


async def test_a_large_range_comes_in_pages_of_one_revision(client: EtcdClient, keys: Keys) -> None:
    for start in range(0, 1000, 100):
        await client.txn(success=[Put(keys(f"{n:04}"), b"old") for n in range(start, start + 100)])
    revision = 0
    values: list[bytes] = []
    pages = 0
    async for page in client.pages(keys.prefix, keys.end):
        revision = revision or page.revision
        assert page.revision == revision
        values += [kv.value for kv in page.kvs]
        pages += 1
        # What is written in between is of another revision.
        await client.txn(success=[Put(keys("0999"), b"new"), Put(keys("zzzz"), b"new")])
    assert values == [b"old"] * 1000
    assert pages > 1


async def test_pages_of_large_values_stay_small(client: EtcdClient, keys: Keys) -> None:
    for n in range(300):
        await put(client, keys(f"{n:04}"), bytes(64 * 1024))
    sizes = [len(page.kvs) async for page in client.pages(keys.prefix, keys.end)]
    assert sum(sizes) == 300
    assert max(sizes[1:]) <= 64
    await client.txn(success=[Delete(keys.prefix, keys.end)])


async def test_what_is_compacted_or_not_yet_there_is_told_apart(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    first = await put(client, keys("a"), b"1")
    last = await put(client, keys("a"), b"2")
    await client.compact(last)
    with pytest.raises(Compacted):
        await client.range(keys("a"), revision=first)
    with pytest.raises(Compacted):
        await client.compact(first)
    with pytest.raises(FutureRevision):
        await client.range(keys("a"), revision=etcd.revision() + 1000)


async def test_a_transaction_does_all_at_one_revision_or_nothing(client: EtcdClient, keys: Keys) -> None:
    new = Compare(keys("a"), "mod_revision", "=", 0)
    made = await client.txn([new], [Put(keys("a"), b"1"), Put(keys("b"), b"1")], [Get(keys("a"))])
    assert made.succeeded
    assert made.responses == [None, None]
    both = await client.range(keys.prefix, keys.end)
    assert {kv.mod_revision for kv in both.kvs} == {made.revision}
    again = await client.txn([new], [Put(keys("a"), b"2"), Put(keys("b"), b"2")], [Get(keys("a"))])
    (found,) = again.responses
    assert not again.succeeded
    assert isinstance(found, RangeResult)
    assert found.kvs[0].value == b"1"
    assert (await client.range(keys.prefix, keys.end)).kvs == both.kvs


async def test_the_operations_of_a_transaction_answer_what_they_did(client: EtcdClient, keys: Keys) -> None:
    first = await client.txn(success=[Put(keys(n), b"old") for n in range(3)])
    done = await client.txn(
        success=[Put(keys(0), b"new", prev_kv=True), Delete(keys(1), keys(9), prev_kv=True), Get(keys(0))]
    )
    before, gone, read = done.responses
    assert before == KeyValue(keys(0), b"old", first.revision, first.revision, 1, 0)
    assert isinstance(gone, DeletedKeys)
    assert gone.total == 2
    assert [kv.key for kv in gone.before] == [keys(1), keys(2)]
    assert isinstance(read, RangeResult)
    assert read.kvs == [KeyValue(keys(0), b"new", first.revision, done.revision, 2, 0)]


@pytest.mark.parametrize(
    ("compare", "holds"),
    [
        (("version", "=", 2), True),
        (("version", "!=", 2), False),
        (("value", "=", b"v"), True),
        (("value", "<", b"v"), False),
        (("create_revision", ">", 0), True),
        (("mod_revision", "<", 1), False),
        (("lease", "=", 0), True),
    ],
)
async def test_compares(
    client: EtcdClient, keys: Keys, compare: tuple[str, str, int | bytes], holds: bool
) -> None:
    await put(client, keys("a"), b"u")
    await put(client, keys("a"), b"v")
    target, op, value = compare
    result = await client.txn([Compare(keys("a"), target, op, value)])  # type: ignore[arg-type]
    assert result.succeeded is holds


async def test_a_compare_of_a_range_sees_what_came_but_not_what_went(client: EtcdClient, keys: Keys) -> None:
    unchanged = Compare(keys.prefix, "mod_revision", "<", 1, keys.end)
    assert (await client.txn([unchanged])).succeeded, "an empty range holds"
    revision = (await client.txn(success=[Put(keys("a"), b""), Put(keys("b"), b"")])).revision
    unchanged = Compare(keys.prefix, "mod_revision", "<", revision + 1, keys.end)
    assert (await client.txn([unchanged])).succeeded
    await client.txn(success=[Delete(keys("b"))])
    assert (await client.txn([unchanged])).succeeded, "a guard on a range needs one on each key, too"
    await put(client, keys("c"), b"")
    assert not (await client.txn([unchanged])).succeeded


async def test_more_puts_than_etcd_takes_at_once_fit_into_inner_transactions(
    client: EtcdClient, keys: Keys
) -> None:
    absent = [Compare(keys(n), "mod_revision", "=", 0) for n in range(28)]
    inner = [Txn(success=[Put(keys(f"{part}-{n}"), b"") for n in range(100)]) for part in range(10)]
    done = await client.txn(absent, inner)
    assert done.succeeded
    stored = await client.range(keys.prefix, keys.end)
    assert (stored.total, {kv.mod_revision for kv in stored.kvs}) == (1000, {done.revision})
    # Compares do not become more that way: what the outer one has used is not there for the inner.
    with pytest.raises(TooLarge):
        await client.txn(absent, [Txn([Compare(keys(n), "version", "=", 0) for n in range(101)])])


async def test_what_etcd_will_never_take_is_refused(client: EtcdClient, keys: Keys) -> None:
    with pytest.raises(TooLarge, match="too many operations"):
        await client.txn(success=[Put(keys(n), b"") for n in range(129)])
    with pytest.raises(TooLarge, match="too large"):
        await put(client, keys("big"), bytes(1700 * 1024))
    with pytest.raises(TooLarge, match="larger than max"):
        await put(client, keys("huge"), bytes(4000 * 1024))
    with pytest.raises(Refused, match="duplicate key"):
        await client.txn(success=[Put(keys("a"), b"1"), Put(keys("a"), b"2")])
    assert (await client.range(keys.prefix, keys.end)).total == 0


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"/a/", b"/a0"), (b"a\xff", b"b"), (b"\xff\xff", b"\0"), (b"", b"\0")]
)
def test_the_end_of_a_prefix(prefix: bytes, end: bytes) -> None:
    assert prefix_end(prefix) == end
