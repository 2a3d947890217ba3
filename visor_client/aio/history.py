"""What has changed, by whom and why; and many changes at once."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Unpack

import httpx2

from visor_client.aio.listing import AsyncListing
from visor_client.aio.transport import AsyncTransport
from visor_client.export_lines import Lines
from visor_client.options import Moment, Post, Write, given, path, query
from visor_client.past import Commit, Imported, ObjectChange, Planned, Timeline
from visor_client.retrying import problem_of, unreachable


class AsyncHistory(AsyncTransport):
    """The calls about the past."""

    def get_diff(
        self,
        before: int | None = None,
        after: int | None = None,
        path: str | None = None,
        *,
        from_at: str | datetime | None = None,
        to_at: str | datetime | None = None,
        include: str | None = None,
        limit: int | None = None,
    ) -> AsyncListing[ObjectChange]:
        """What differs between two moments, at a path or below it: each a rev, or a time (RFC 3339, or
        "-15m"); the second is the latest, where it is not told. `head` of the list has the revs that they
        are, `from` and `to`."""
        begin = {"from": before, "from_at": from_at}
        shown = {"path": path, "include": include, "limit": limit}
        fields = query({**begin, "to": after, "to_at": to_at, **shown})
        going_on = query({**begin, **shown})  # the cursor has both revs in itself

        async def page(cursor: str | None) -> dict[str, Any]:
            params = fields if cursor is None else [*going_on, ("cursor", cursor)]
            body: dict[str, Any] = (await self.request("GET", "/diff", params=params)).json()
            return body

        return AsyncListing(page, ObjectChange)

    def list_commits(
        self,
        path: str | None = None,
        *,
        since: int | None = None,
        until: int | None = None,
        since_at: str | datetime | None = None,
        until_at: str | datetime | None = None,
        actor: Sequence[str] = (),
        type: Sequence[str] = (),
        include: str | None = None,
        oldest_first: bool = False,
        limit: int | None = None,
    ) -> AsyncListing[Commit]:
        """Commits after `since` and up to `until` (revs, or times), the newest first."""
        return self.list(
            Commit,
            "/commits",
            {},
            limit,
            path=path,
            include=include,
            actor=[actor] if isinstance(actor, str) else actor,
            type=[type] if isinstance(type, str) else type,
            order="asc" if oldest_first else None,
            **{"from": since, "to": until, "from_at": since_at, "to_at": until_at},
        )

    async def get_commit(self, rev: int) -> Commit:
        """One commit, with each object that it changed before and after."""
        commit = await self.get(Commit, path("commits", rev), {})
        changes, following = list(commit.changes), commit.raw.get("next")
        while following is not None:
            more = await self.get(Commit, path("commits", rev), {}, cursor=following)
            changes += more.changes
            following = more.raw.get("next")
        return replace(commit, changes=changes)

    async def get_timeline(
        self,
        since_at: str | datetime | None = None,
        until_at: str | datetime | None = None,
        *,
        buckets: int | None = None,
    ) -> Timeline:
        """How many commits were made in each of so many equal spans."""
        params: dict[str, Any] = {"from_at": since_at, "to_at": until_at, "buckets": buckets}
        return await self.get(Timeline, "/timeline", {}, **params)

    async def apply_document(self, document: Mapping[str, Any], **options: Unpack[Post]) -> Planned:
        """A platform as one document, made in one commit: what it does not name stays."""
        return await self.write(Planned, "POST", "/apply", options, document)

    async def revert_subtree(
        self,
        path: str,
        to_rev: int | None = None,
        *,
        to_at: str | datetime | None = None,
        only: Sequence[str] | None = None,
        scale: bool = False,
        delete: bool = False,
        ports: str | None = None,
        plan: str | None = None,
        **options: Unpack[Post],
    ) -> Planned:
        """What is declared at a path and below it becomes what it was at a rev, or at a time, in one commit.
        With `scale` the counts go back too; what came later is removed only with `delete`."""
        when = to_at.isoformat() if isinstance(to_at, datetime) else to_at
        body = given(path=path, to_rev=to_rev, to_at=when, only=only, scale=scale, delete=delete)
        body |= given(ports=ports, plan=plan)
        return await self.write(Planned, "POST", "/revert", options, body)

    async def undo_commit(self, rev: int, *, plan: str | None = None, **options: Unpack[Post]) -> Planned:
        """What a commit changed goes back; `Conflict` where it was changed again since."""
        return await self.write(Planned, "POST", path("commits", rev, "undo"), options, given(plan=plan))

    async def export_objects(
        self, path: str = "/", *, include: str | None = None, **moment: Unpack[Moment]
    ) -> AsyncGenerator[bytes, None]:
        """One snapshot as lines of JSON: a header, a line for each object, and a last line with the sum of
        the others, which is checked. Raises Unreachable where it was cut off."""
        params = query({"path": path, "include": include, **moment})
        try:
            answer = await self.open("/export", params, {"Accept": "application/x-ndjson"}, 60)
        except httpx2.TransportError as error:
            raise unreachable(error, self.url, read=True) from error
        try:
            if not answer.is_success:
                await answer.aread()
                raise problem_of(answer)
            lines, seen = Lines(), sha256()
            async for part in answer.aiter_bytes():
                for line in lines.take(part):
                    yield line
                    seen.update(line)
            lines.check_end(seen.hexdigest(), self.url)
            yield lines.last
        except httpx2.TransportError as error:
            raise unreachable(error, self.url, read=True) from error
        finally:
            await answer.aclose()

    async def import_objects(
        self, lines: AsyncIterable[bytes], *, mode: str = "empty", **options: Unpack[Write]
    ) -> Imported:
        """The objects of an export, put into the registry: `lines` as `export_objects` gives them, or a
        file's bytes in parts of any size, which are sent as the service takes them. They are sent once: after
        a failure the same file goes on where it stopped; `members["done"]` of a Problem says where."""
        return await self.upload(Imported, "/import", lines, options, mode=mode)
