"""Everything is removed again: revs 37 to 48."""

from app.openapi.story.telling import HOST, REF, Step


def _removed(path: str, rev: int, operation: str) -> Step:
    return Step(f"DELETE {path}", answer={"rev": rev}, operation=operation)


ENDING = (
    _removed(f"/members/pms/{HOST}", 37, "unregister_member"),
    _removed("/runners/10.0.0.7:9000", 38, "unregister_runner"),
    _removed("/services/memcached/endpoints/10-0-0-7-11211", 39, "unregister_endpoint"),
    _removed("/services/memcached", 40, "unregister_service"),
    _removed("/apps/rocket/env/cat", 41, "remove_env_var"),
    _removed("/apps/rocket/envs/prod-7", 42, "unregister_envset"),
    Step("DELETE /instances/20"),
    Step(
        "DELETE /instances?status=failed&status=lost&app=rocket&client=ops",
        answer={"rev": 44, "count": 2},
        operation="unregister_instances",
    ),
    _removed("/apps/rocket/proctypes/web", 45, "unregister_proctype"),
    Step("PATCH /apps/rocket", {"head": None}),
    _removed(f"/apps/rocket/revisions/{REF}", 47, "unregister_revision"),
    _removed("/apps/rocket", 48, "unregister_app"),
)
