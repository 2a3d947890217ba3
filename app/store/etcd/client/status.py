"""What etcd says of its leases and of itself."""

from typing import Any, NamedTuple


class Lease(NamedTuple):
    """`ttl` is how many seconds it was given."""

    id: int
    ttl: int


class MemberStatus(NamedTuple):
    """One member by its own word. `leader` 0: it knows of none."""

    endpoint: str
    version: str
    revision: int
    cluster_id: int
    member_id: int
    leader: int
    raft_term: int
    raft_index: int
    db_size: int
    db_size_in_use: int
    is_learner: bool
    errors: tuple[str, ...]

    @property
    def progress_trusted(self) -> bool:
        """Whether its progress notifications can be relied on: from 3.4.25 and 3.5.8 on."""
        major, minor, patch = (int(part) for part in self.version.partition("-")[0].split("."))
        return (major, minor, patch) >= ((3, 5, 8) if (major, minor) != (3, 4) else (3, 4, 25))


def status_of(endpoint: str, reply: Any) -> MemberStatus:
    return MemberStatus(
        endpoint,
        reply.version,
        reply.header.revision,
        reply.header.cluster_id,
        reply.header.member_id,
        reply.leader,
        reply.raft_term,
        reply.raft_index,
        reply.db_size,
        reply.db_size_in_use,
        reply.is_learner,
        tuple(reply.errors),
    )
