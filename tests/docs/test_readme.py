"""The README is what a newcomer types: what it prints is what they get."""

import shlex

from app.cli.demo.command import things_to_try
from tests.docs.demo_session import NOW, README, after_the_day, run, shape
from tests.docs.session import steps


def test_the_five_questions_are_answered_as_the_readme_says() -> None:
    """The commands that the demo says to try, on its day."""
    ran = []
    with after_the_day():
        for command, wanted in steps(README.read_text()):
            answer = run(command)
            if answer is not None:
                assert shape(answer) == wanted, command
                ran.append(shlex.split(command))
    assert ran == [shlex.split(command) for command, _ in things_to_try("checkout", NOW)]
