"""The table of operations and roles is whole, and says what the contract says."""

from fastapi.routing import APIRoute

from app.http.access_table import TABLE, row_of
from app.main import create_app
from app.models.grants import Role
from app.settings import Settings


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    """A new operation gets its line in app/http/access_table.py, from the contract's table."""
    routes = create_app(Settings(store="memory:")).api.routes
    assert {route.name for route in routes if isinstance(route, APIRoute)} == set(TABLE)


def test_an_operation_without_a_row_is_for_admins_alone() -> None:
    row = row_of("made_up")
    assert (row.all, row.own, row.open) == ({Role.ADMIN}, frozenset(), False)


def test_nobody_but_a_host_claims() -> None:
    for name in ("claim_next", "claim_instance", "start_instance", "exit_instance", "restart_instance"):
        assert (TABLE[name].all, TABLE[name].own) == (frozenset(), {Role.HOST})
