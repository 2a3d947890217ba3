"""A scale inside a larger change: all its steps in the one commit."""

from app.models import keys
from app.models.scale import ScaleTarget
from app.registry import scale
from app.registry.planner import Planner, Pointer
from app.registry.scale import ScaleStep
from app.store.steps import Steps


def scale_to(
    planner: Planner, app: str, proctype: str, target: ScaleTarget, place: Pointer
) -> Steps[ScaleStep | None]:
    """All steps of a scale in the one commit; None where it is refused, or has no room in it."""
    path = f"/apps/{app}/proctypes/{proctype}/scale/{target.revision}" + (
        f"/{target.env}" if target.env else ""
    )
    counted = planner.draft.count(keys.instances_of_scale(app, proctype, target.revision, target.env))
    if not planner.has_room(abs(target.count - counted)):
        return None
    started: list[int] = []
    stopped: list[int] = []
    while True:
        changes = yield from planner.run(
            path, place, scale.step, app, proctype, target, "apply", not started + stopped
        )
        if changes is None:
            return None
        step: ScaleStep = changes.result
        started += step.started
        stopped += step.stopped
        if step.done:
            return ScaleStep(counted, started, stopped, True)
