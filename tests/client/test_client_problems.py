"""A problem that a service answers is a class of the client, by which a program can tell it."""

from collections.abc import Iterator

import pytest

from app import errors
from visor_client.problems import CLASSES, Problem

# What a program that uses the client meets only where the client or the service is at fault.
NOT_FOR_PROGRAMS = {
    "method-not-allowed",
    "unsupported-media-type",
    "unsupported-transfer-coding",
    "internal-error",
    "draining",
}


def below(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


@pytest.mark.parametrize(
    "code", sorted({one.code for one in below(errors.RequestError) if "code" in vars(one)} - NOT_FOR_PROGRAMS)
)
def test_each_code_has_a_class_of_its_name(code: str) -> None:
    found = CLASSES[code]
    assert issubclass(found, Problem)
    assert found.__name__ == "".join(part.capitalize() for part in code.split("-"))
    assert f"`{code}`" in (found.__doc__ or "")
