"""Everything is removed again: revs 35 to 46."""

from app.openapi.story.telling import HOST, REF, Step


def _removed(path: str, rev: int, operation: str) -> Step:
    return Step(f"DELETE {path}", answer={"rev": rev}, operation=operation)


ENDING = (
    _removed(f"/members/pms/{HOST}", 35, "unregister_member"),
    _removed("/runners/10.0.0.7:9000", 36, "unregister_runner"),
    _removed("/services/memcached/endpoints/10-0-0-7-11211", 37, "unregister_endpoint"),
    _removed("/services/memcached", 38, "unregister_service"),
    _removed("/apps/rocket/env/cat", 39, "remove_env_var"),
    _removed("/apps/rocket/envs/prod-7", 40, "unregister_envset"),
    Step("DELETE /instances/20"),
    Step(
        "DELETE /instances?status=failed&status=lost&app=rocket&client=ops",
        answer={"rev": 42, "count": 2},
        operation="unregister_instances",
    ),
    _removed("/apps/rocket/proctypes/web", 43, "unregister_proctype"),
    Step("PATCH /apps/rocket", {"head": None}),
    _removed(f"/apps/rocket/revisions/{REF}", 45, "unregister_revision"),
    _removed("/apps/rocket", 46, "unregister_app"),
)
