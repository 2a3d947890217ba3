"""/members/{kind}: the platform's own parts."""

from fastapi import Response
from fastapi.routing import APIRouter

from app.http.declared_responses import changed, listed, removed, resource
from app.http.listing import List
from app.http.reads import Read
from app.http.writes import Put, at_key, where
from app.models import keys
from app.models.base import Deleted
from app.models.member import Member, MemberKind, MemberSet
from app.models.names import HostMaybePort, WrittenHostMaybePort
from app.models.page import MemberPage
from app.registry import members

router = APIRouter(tags=["members"])


@router.get(
    "/members/{kind}", response_model=MemberPage, responses=listed(), summary="List members of a kind"
)
async def list_members(kind: MemberKind, listing: List) -> Response:
    """By address."""
    return await listing.of(keys.members_of(kind))


@router.put(
    "/members/{kind}/{addr}",
    response_model=Member,
    responses=changed(),
    summary="Announce or renew a member",
)
async def set_member(kind: MemberKind, addr: HostMaybePort, body: MemberSet, write: Put) -> Response:
    """With a `ttl` the member is removed, with an event, unless it is PUT again in time. A PUT that only
    renews makes no commit."""
    return await write.answer(
        lambda snapshot, at: members.put(snapshot, at, kind, addr, body), at_key(keys.member(kind, addr))
    )


@router.get("/members/{kind}/{addr}", response_model=Member, responses=resource(404), summary="Read a member")
async def get_member(kind: MemberKind, addr: WrittenHostMaybePort, view: Read) -> Response:
    """The member, until it leaves or its `ttl` is over."""
    return await view.resource(
        lambda snapshot: members.key_of(snapshot, kind, addr), f"member {addr} of {kind}"
    )


@router.delete(
    "/members/{kind}/{addr}",
    response_model=Deleted,
    responses=removed(404),
    summary="Remove a member",
)
async def unregister_member(kind: MemberKind, addr: WrittenHostMaybePort, write: Put) -> Response:
    """Says that the member has left."""
    return await write.delete(
        lambda snapshot, at: members.remove(snapshot, at, kind, addr),
        where(lambda snapshot: members.key_of(snapshot, kind, addr)),
    )
