"""etcd v3 on the wire: the messages and fields that Visor uses, and no others.

Names and numbers are facts of etcd's public API (`etcdserverpb`, `mvccpb`). They are declared here
as text, one line a message, and become protobuf classes in a descriptor pool of their own, so that
they meet no other etcd stubs in the process. Enums are int32, which they are on the wire.
A field is `number type name`; `*` before the type means repeated, `@group` after the name a oneof.
"""

from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

_PACKAGE = "visor.etcd"

_MESSAGES = {
    "Header": "1 uint64 cluster_id, 2 uint64 member_id, 3 int64 revision, 4 uint64 raft_term",
    "KeyValue": "1 bytes key, 2 int64 create_revision, 3 int64 mod_revision, 4 int64 version, "
    "5 bytes value, 6 int64 lease",
    "Event": "1 int32 type, 2 KeyValue kv, 3 KeyValue prev_kv",
    # KV
    "RangeRequest": "1 bytes key, 2 bytes range_end, 3 int64 limit, 4 int64 revision, "
    "8 bool keys_only, 9 bool count_only",
    "RangeResponse": "1 Header header, 2 *KeyValue kvs, 3 bool more, 4 int64 count",
    "PutRequest": "1 bytes key, 2 bytes value, 3 int64 lease, 4 bool prev_kv",
    "PutResponse": "1 Header header, 2 KeyValue prev_kv",
    "DeleteRequest": "1 bytes key, 2 bytes range_end, 3 bool prev_kv",
    "DeleteResponse": "1 Header header, 2 int64 deleted, 3 *KeyValue prev_kvs",
    "Compare": "1 int32 result, 2 int32 target, 3 bytes key, 4 int64 version @of, "
    "5 int64 create_revision @of, 6 int64 mod_revision @of, 7 bytes value @of, 8 int64 lease @of, "
    "64 bytes range_end",
    "RequestOp": "1 RangeRequest range @of, 2 PutRequest put @of, 3 DeleteRequest delete @of, "
    "4 TxnRequest txn @of",
    "ResponseOp": "1 RangeResponse range @of, 2 PutResponse put @of, 3 DeleteResponse delete @of, "
    "4 TxnResponse txn @of",
    "TxnRequest": "1 *Compare compare, 2 *RequestOp success, 3 *RequestOp failure",
    "TxnResponse": "1 Header header, 2 bool succeeded, 3 *ResponseOp responses",
    "CompactionRequest": "1 int64 revision, 2 bool physical",
    "CompactionResponse": "1 Header header",
    # Watch
    "WatchRequest": "1 WatchCreate create @of, 2 WatchCancel cancel @of, 3 WatchProgress progress @of",
    "WatchCreate": "1 bytes key, 2 bytes range_end, 3 int64 start_revision, 4 bool progress_notify, "
    "6 bool prev_kv, 7 int64 watch_id, 8 bool fragment",
    "WatchCancel": "1 int64 watch_id",
    "WatchProgress": "",
    "WatchResponse": "1 Header header, 2 int64 watch_id, 3 bool created, 4 bool canceled, "
    "5 int64 compact_revision, 6 string cancel_reason, 7 bool fragment, 11 *Event events",
    # Lease
    "LeaseGrantRequest": "1 int64 ttl",
    "LeaseGrantResponse": "1 Header header, 2 int64 id, 3 int64 ttl, 4 string error",
    "LeaseRevokeRequest": "1 int64 id",
    "LeaseRevokeResponse": "1 Header header",
    "LeaseKeepAliveRequest": "1 int64 id",
    "LeaseKeepAliveResponse": "1 Header header, 2 int64 id, 3 int64 ttl",
    # Maintenance, Auth
    "StatusRequest": "",
    "StatusResponse": "1 Header header, 2 string version, 3 int64 db_size, 4 uint64 leader, "
    "5 uint64 raft_index, 6 uint64 raft_term, 7 uint64 raft_applied_index, 8 *string errors, "
    "9 int64 db_size_in_use, 10 bool is_learner",
    "AuthenticateRequest": "1 string name, 2 string password",
    "AuthenticateResponse": "1 Header header, 2 string token",
}

_SCALARS = {
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
}


def _describe(message: Any, fields: str) -> None:
    groups: dict[str, int] = {}
    for text in filter(None, fields.split(", ")):
        number, kind, name, *group = text.split()
        repeated, kind = kind.startswith("*"), kind.removeprefix("*")
        field = message.field.add(name=name, number=int(number), label=3 if repeated else 1)
        if kind in _SCALARS:
            field.type = _SCALARS[kind]
        else:
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
            field.type_name = f".{_PACKAGE}.{kind}"
        if group:
            if group[0] not in groups:
                groups[group[0]] = len(groups)
                message.oneof_decl.add(name=group[0].removeprefix("@"))
            field.oneof_index = groups[group[0]]


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="visor/etcd.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        _describe(file.message_type.add(name=name), fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


MESSAGES: dict[str, Any] = _classes()
"""Message name -> protobuf class."""

UNARY = {
    "Range": ("/etcdserverpb.KV/Range", "RangeRequest", "RangeResponse"),
    "Txn": ("/etcdserverpb.KV/Txn", "TxnRequest", "TxnResponse"),
    "Compact": ("/etcdserverpb.KV/Compact", "CompactionRequest", "CompactionResponse"),
    "LeaseGrant": ("/etcdserverpb.Lease/LeaseGrant", "LeaseGrantRequest", "LeaseGrantResponse"),
    "LeaseRevoke": ("/etcdserverpb.Lease/LeaseRevoke", "LeaseRevokeRequest", "LeaseRevokeResponse"),
    "Status": ("/etcdserverpb.Maintenance/Status", "StatusRequest", "StatusResponse"),
    "Authenticate": ("/etcdserverpb.Auth/Authenticate", "AuthenticateRequest", "AuthenticateResponse"),
}
"""Call -> path, request, response."""

STREAMS = {
    "Watch": ("/etcdserverpb.Watch/Watch", "WatchRequest", "WatchResponse"),
    "LeaseKeepAlive": (
        "/etcdserverpb.Lease/LeaseKeepAlive",
        "LeaseKeepAliveRequest",
        "LeaseKeepAliveResponse",
    ),
}
