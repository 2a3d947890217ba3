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


OPERATOR = "operator admin"
READ = "viewer:own deployer:own operator host:own auditor admin"
CONTRACT = {
    "": "livez readyz list_problems get_problem read_index read_dashboard read_dashboard_below"
    " read_dashboard_file read_dashboard_part end_session",
    READ: "list_apps get_app get_env get_env_var get_secrets list_envsets get_envset list_revisions"
    " list_all_revisions get_revision list_proctypes get_proctype list_ended get_scale"
    " list_instances list_app_instances list_proctype_instances get_instance get_diff list_commits"
    " get_commit get_timeline list_prometheus_targets get_events list_events"
    " get_app_events list_app_events",
    f"deployer:own {OPERATOR}": "register_app patch_app unregister_app patch_env set_env_var remove_env_var"
    " register_envset unregister_envset register_revision ratify_revision unregister_revision"
    " register_proctype patch_proctype unregister_proctype set_scale register_instance"
    " stop_instance lock_instance unlock_instance unregister_instance unregister_instances"
    " set_secret remove_secret apply_document revert_subtree undo_commit",
    "host:own": "claim_next claim_instance unclaim_instance start_instance exit_instance fail_instance"
    " restart_instance",
    f"deployer:own host:own {OPERATOR}": "lose_instance",
    "host:own secret-reader:own": "read_environment",
    "viewer deployer operator host registrar:own auditor admin": "list_services get_service"
    " list_endpoints get_endpoint",
    f"registrar:own {OPERATOR}": "register_service unregister_service register_endpoint unregister_endpoint",
    "operator host:own auditor admin": "list_runners get_runner list_members get_member",
    f"host:own {OPERATOR}": "register_runner unregister_runner set_member unregister_member",
    "operator auditor admin": "get_metrics read_openapi read_docs read_asset",
    "auditor admin": "list_tokens get_token",
    "admin": "set_token rotate_token revoke_token rewrite_secrets import_objects export_objects",
    " ".join(Role): "get_rev get_schema get_self begin_session",
}
"""The contract's table: which roles may do what, `own` for what their grant names; nobody needs a token for
the first."""


def roles_of(operation: str) -> set[str]:
    row = TABLE[operation]
    return {role.value for role in row.all} | {f"{role.value}:own" for role in row.own}


def test_the_table_is_the_contracts() -> None:
    """Written down a second time, since the matrix of all operations and roles is held to
    the table itself."""
    wanted = {name: roles for roles, names in CONTRACT.items() for name in names.split()}
    assert {name: roles_of(name) for name in TABLE} == {n: set(r.split()) for n, r in wanted.items()}
    assert {name for name, row in TABLE.items() if row.open} == set(CONTRACT[""].split())


def test_a_host_names_its_claim_wherever_it_has_one() -> None:
    """Without `claim_rev` one that slept through its own loss would speak for the next holder."""
    fenced = {"unclaim_instance", "start_instance", "exit_instance", "fail_instance", "restart_instance"}
    assert {name for name, row in TABLE.items() if row.fenced} == fenced | {"read_environment"}
