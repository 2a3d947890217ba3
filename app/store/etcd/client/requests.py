"""Requests on keys, and what comes back: plain values, and their way into and out of messages."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from app.store.etcd.client.messages import MESSAGES
from app.store.etcd.client.revisions import KeyValue, key_value

_TXN, _RANGE = MESSAGES["TxnRequest"], MESSAGES["RangeRequest"]

Target = Literal["version", "create_revision", "mod_revision", "value", "lease"]

_TARGETS = {"version": 0, "create_revision": 1, "mod_revision": 2, "value": 3, "lease": 4}
_RESULTS = {"=": 0, ">": 1, "<": 2, "!=": 3}


class Compare(NamedTuple):
    """A condition on a key, or on every key there is in `[key, range_end)`. A key that is not there has
    version and revisions 0. On a range it does not see that a key has gone."""

    key: bytes
    target: Target
    op: Literal["=", "!=", "<", ">"]
    value: int | bytes
    range_end: bytes = b""


class Put(NamedTuple):
    key: bytes
    value: bytes
    lease: int = 0
    prev_kv: bool = False


class Delete(NamedTuple):
    key: bytes
    range_end: bytes = b""
    prev_kv: bool = False


class Get(NamedTuple):
    """A range, alone or in a transaction; `revision` 0 is the latest."""

    key: bytes
    range_end: bytes = b""
    revision: int = 0
    limit: int = 0
    keys_only: bool = False
    count_only: bool = False


class Txn(NamedTuple):
    """A transaction, also as an operation of another. Of etcd's 128 operations, an inner one may have as
    many as the outer one has not used (the longest of its three lists), and so may each beside it."""

    compares: Sequence[Compare] = ()
    success: "Sequence[Op]" = ()
    failure: "Sequence[Op]" = ()


Op = Put | Delete | Get | Txn


class RangeResult(NamedTuple):
    """`revision` is etcd's at the read; `total` is of all in the range, whatever the limit."""

    revision: int
    kvs: list[KeyValue]
    more: bool
    total: int


class DeletedKeys(NamedTuple):
    total: int
    before: list[KeyValue]


class TxnResult:
    """`revision` is the commit's where something was written, else etcd's at that time."""

    def __init__(self, reply: Any, revision: int) -> None:
        self.succeeded: bool = reply.succeeded
        self.revision = revision or int(reply.header.revision)
        self._reply = reply

    @property
    def responses(self) -> "list[RangeResult | KeyValue | DeletedKeys | TxnResult | None]":
        """One an operation: of a Put the key before (with `prev_kv`) or None. Read out of the message when it
        is asked for: of a commit of a hundred keys nobody does."""
        return [_response(response, self.revision) for response in self._reply.responses]


def prefix_end(prefix: bytes) -> bytes:
    """The `range_end` that makes a range of all keys that start with `prefix`."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\0"


def range_request(get: Get) -> Any:
    return _RANGE(**get._asdict())


def txn_request(txn: Txn) -> Any:
    message = _TXN()
    _fill(message, txn)
    return message


def _fill(message: Any, txn: Txn) -> None:
    """Each part is made in its place: one made by itself would be copied there, which takes as long again."""
    add = message.compare.add
    for key, target, op, value, range_end in txn.compares:
        compare = add(result=_RESULTS[op], target=_TARGETS[target], key=key)
        if target == "mod_revision":
            compare.mod_revision = value
        else:
            setattr(compare, target, value)
        if range_end:
            compare.range_end = range_end
    for ops, add in ((txn.success, message.success.add), (txn.failure, message.failure.add)):
        for each in ops:
            _fill_op(add(), each)


def _fill_op(message: Any, op: Op) -> None:
    match op:
        case Put():
            put = message.put
            put.key, put.value = op.key, op.value
            if op.lease or op.prev_kv:
                put.lease, put.prev_kv = op.lease, op.prev_kv
        case Delete():
            message.delete.key = op.key
            if op.range_end or op.prev_kv:
                message.delete.range_end, message.delete.prev_kv = op.range_end, op.prev_kv
        case Get():
            message.range.CopyFrom(range_request(op))
        case Txn():
            message.txn.SetInParent()
            _fill(message.txn, op)


def range_result(reply: Any, revision: int = 0) -> RangeResult:
    """`revision` for a range in a transaction, whose own header may be empty."""
    kvs = [key_value(kv) for kv in reply.kvs]
    return RangeResult(revision or reply.header.revision, kvs, reply.more, reply.count)


def txn_result(reply: Any, revision: int = 0) -> TxnResult:
    """`revision` for one in a transaction, whose own header may be empty."""
    return TxnResult(reply, revision)


def _response(reply: Any, revision: int) -> RangeResult | KeyValue | DeletedKeys | TxnResult | None:
    match reply.WhichOneof("of"):
        case "put":
            return key_value(reply.put.prev_kv) if reply.put.HasField("prev_kv") else None
        case "delete":
            return DeletedKeys(reply.delete.deleted, [key_value(kv) for kv in reply.delete.prev_kvs])
        case "range":
            return range_result(reply.range, revision)
        case _:
            return txn_result(reply.txn, revision)
