"""One story, from which all examples are taken: the app rocket and its instance 17.

It is not made up: tests/openapi plays it against a running service, step by step, and compares.
"""

from app.openapi.story.apps import APPS
from app.openapi.story.ending import ENDING
from app.openapi.story.instances import INSTANCES
from app.openapi.story.parts import PARTS
from app.openapi.story.plans import PLANS
from app.openapi.story.prelude import PRELUDE
from app.openapi.story.telling import Step, at
from app.openapi.story.tokens import TOKENS

__all__ = ["STORY", "TOKENS", "Step", "at"]

STORY: tuple[Step, ...] = (*PRELUDE, *APPS, *INSTANCES, *PARTS, *ENDING, *PLANS)
