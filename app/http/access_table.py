"""Who may do what: a row for each operation, by its operationId.

The routes are held to it, `openapi.yaml` and the tests read it. An operation without a row is for admins
alone, and fails the suite.
"""

from app.models.grants import Role
from app.registry.permissions import Row

_V, _D, _O, _H = Role.VIEWER, Role.DEPLOYER, Role.OPERATOR, Role.HOST
_R, _U, _A = Role.REGISTRAR, Role.AUDITOR, Role.ADMIN


def _row(*all: Role, own: tuple[Role, ...] = (), fenced: bool = False) -> Row:
    return Row(frozenset(all), frozenset(own), fenced=fenced)


OPEN = Row(open=True)
ANY = _row(*Role)
READ_APP = _row(_O, _U, _A, own=(_V, _D, _H))
WRITE_APP = _row(_O, _A, own=(_D,))
READ_INSTANCES = _row(_O, _U, _A, own=(_V, _D, _H))
CLAIM = _row(own=(_H,))
CLAIMED = _row(own=(_H,), fenced=True)
STOP = _row(_O, _A, own=(_D,))
LOSE = _row(_O, _A, own=(_D, _H))
READ_SERVICES = _row(_V, _D, _O, _H, _U, _A, own=(_R,))
WRITE_SERVICES = _row(_O, _A, own=(_R,))
READ_PLATFORM = _row(_O, _U, _A, own=(_H,))
WRITE_PLATFORM = _row(_O, _A, own=(_H,))
OBSERVE = _row(_O, _U, _A)
READ_TOKENS = _row(_U, _A)
ADMIN = _row(_A)
WRITE_SECRETS = _row(_O, _A, own=(_D,))
READ_SECRETS = _row(own=(_H, Role.SECRET_READER), fenced=True)

TABLE: dict[str, Row] = {
    "livez": OPEN,
    "readyz": OPEN,
    "list_problems": OPEN,
    "get_problem": OPEN,
    "read_index": OPEN,
    "read_dashboard": OPEN,
    "read_dashboard_below": OPEN,
    "read_dashboard_file": OPEN,
    "read_dashboard_part": OPEN,
    "get_rev": ANY,
    "get_schema": ANY,
    "get_metrics": OBSERVE,
    "read_openapi": OBSERVE,
    "read_docs": OBSERVE,
    "read_asset": OBSERVE,
    "get_self": ANY,
    "begin_session": ANY,
    "end_session": OPEN,
    "list_tokens": READ_TOKENS,
    "get_token": READ_TOKENS,
    "set_token": ADMIN,
    "rotate_token": ADMIN,
    "revoke_token": ADMIN,
    "list_apps": READ_APP,
    "get_app": READ_APP,
    "get_env": READ_APP,
    "get_env_var": READ_APP,
    "list_envsets": READ_APP,
    "get_envset": READ_APP,
    "list_revisions": READ_APP,
    "list_all_revisions": READ_APP,
    "get_revision": READ_APP,
    "list_proctypes": READ_APP,
    "get_proctype": READ_APP,
    "list_ended": READ_APP,
    "get_scale": READ_APP,
    "register_app": WRITE_APP,
    "patch_app": WRITE_APP,
    "unregister_app": STOP,
    "patch_env": WRITE_APP,
    "set_env_var": WRITE_APP,
    "remove_env_var": WRITE_APP,
    "get_secrets": READ_APP,
    "set_secret": WRITE_SECRETS,
    "remove_secret": WRITE_SECRETS,
    "read_environment": READ_SECRETS,
    "rewrite_secrets": ADMIN,
    "register_envset": WRITE_APP,
    "unregister_envset": WRITE_APP,
    "register_revision": WRITE_APP,
    "ratify_revision": WRITE_APP,
    "unregister_revision": WRITE_APP,
    "register_proctype": WRITE_APP,
    "patch_proctype": WRITE_APP,
    "unregister_proctype": WRITE_APP,
    "set_scale": WRITE_APP,
    "list_instances": READ_INSTANCES,
    "list_app_instances": READ_INSTANCES,
    "list_proctype_instances": READ_INSTANCES,
    "get_instance": READ_INSTANCES,
    "get_diff": READ_INSTANCES,
    "list_commits": READ_INSTANCES,
    "get_commit": READ_INSTANCES,
    "get_timeline": READ_INSTANCES,
    "export_objects": ADMIN,
    "import_objects": ADMIN,
    "list_prometheus_targets": READ_INSTANCES,
    "get_events": READ_INSTANCES,
    "list_events": READ_INSTANCES,
    "get_app_events": READ_INSTANCES,
    "list_app_events": READ_INSTANCES,
    "apply_document": WRITE_APP,
    "revert_subtree": WRITE_APP,
    "undo_commit": WRITE_APP,
    "register_instance": WRITE_APP,
    "claim_next": CLAIM,
    "claim_instance": CLAIM,
    "unclaim_instance": CLAIMED,
    "start_instance": CLAIMED,
    "exit_instance": CLAIMED,
    "fail_instance": CLAIMED,
    "restart_instance": CLAIMED,
    "stop_instance": STOP,
    "lose_instance": LOSE,
    "lock_instance": STOP,
    "unlock_instance": STOP,
    "unregister_instance": STOP,
    "unregister_instances": STOP,
    "list_services": READ_SERVICES,
    "get_service": READ_SERVICES,
    "list_endpoints": READ_SERVICES,
    "get_endpoint": READ_SERVICES,
    "register_service": WRITE_SERVICES,
    "unregister_service": WRITE_SERVICES,
    "register_endpoint": WRITE_SERVICES,
    "unregister_endpoint": WRITE_SERVICES,
    "list_runners": READ_PLATFORM,
    "get_runner": READ_PLATFORM,
    "register_runner": WRITE_PLATFORM,
    "unregister_runner": WRITE_PLATFORM,
    "list_members": READ_PLATFORM,
    "get_member": READ_PLATFORM,
    "set_member": WRITE_PLATFORM,
    "unregister_member": WRITE_PLATFORM,
}


def row_of(operation: str) -> Row:
    """The row of an operation; for admins alone where it has none."""
    return TABLE.get(operation, ADMIN)
