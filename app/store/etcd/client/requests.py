"""Requests on keys, and what comes back: plain values, and their way into and out of messages."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from app.store.etcd.client.messages import MESSAGES
from app.store.etcd.client.watch import KeyValue, key_value

_COMPARE, _OP, _TXN = MESSAGES["Compare"], MESSAGES["RequestOp"], MESSAGES["TxnRequest"]
_RANGE = MESSAGES["RangeRequest"]

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
        return [_response(one, self.revision) for one in self._reply.responses]


def prefix_end(prefix: bytes) -> bytes:
    """The `range_end` that makes a range of all keys that start with `prefix`."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\0"


def range_request(get: Get) -> Any:
    return _RANGE(**get._asdict())


def txn_request(txn: Txn) -> Any:
    return _TXN(
        compare=[_compare(compare) for compare in txn.compares],
        success=[_op(op) for op in txn.success],
        failure=[_op(op) for op in txn.failure],
    )


def _compare(compare: Compare) -> Any:
    message = _COMPARE(
        result=_RESULTS[compare.op],
        target=_TARGETS[compare.target],
        key=compare.key,
        range_end=compare.range_end,
    )
    setattr(message, compare.target, compare.value)
    return message


def _op(op: Op) -> Any:
    match op:
        case Put():
            message = _OP()
            put = message.put
            put.key, put.value = op.key, op.value
            if op.lease or op.prev_kv:
                put.lease, put.prev_kv = op.lease, op.prev_kv
            return message
        case Delete():
            return _OP(delete=op._asdict())
        case Get():
            return _OP(range=range_request(op))
        case Txn():
            return _OP(txn=txn_request(op))


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
