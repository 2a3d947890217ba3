"""A slip in a setting's name is told, with the name that was meant."""

import subprocess
import sys

import pytest

from app.errors import StartError
from app.settings import check_variables


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("VISOR_HISTROY", "VISOR_HISTORY"),
        ("VISOR_MAX_SUBSCRIBER", "VISOR_MAX_SUBSCRIBERS"),
        ("VISOR_ETCD_PASSWRD", "VISOR_ETCD_PASSWORD"),
        ("VISOR_LOGLEVEL", "VISOR_LOG_LEVEL"),
    ],
)
def test_a_variable_that_is_a_slip_stops_the_start_and_names_the_nearest(given, meant):
    """An ignored VISOR_HISTROY would cost an operator the history that was asked for."""
    with pytest.raises(StartError, match=f"{given} is not a setting; did you mean {meant}?"):
        check_variables([given])


@pytest.mark.parametrize("given", ["VISOR_SERVICE_HOST", "VISOR_SERVICE_PORT", "VISOR_PORT_8000_TCP_ADDR"])
def test_a_variable_that_resembles_no_setting_is_a_warning(given, caplog):
    """Kubernetes sets these beside a service called visor."""
    check_variables([given])
    assert f"{given} is not a setting and is ignored" in caplog.text


def test_settings_and_variables_of_clients_and_suites_are_taken(caplog):
    check_variables(["VISOR_PORT", "visor_port", "VISOR_URL", "VISOR_TEST_STORES", "PATH"])
    assert not caplog.text


def visor(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={"PATH": "/usr/bin:/bin", **environment},
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("serve", "--prot", "9000"), "unrecognized arguments: --prot 9000; did you mean --port?"),
        (("serve", "--max-subscriber=7"), "did you mean --max-subscribers?"),
        (("backup", "--stor", "memory:", "x"), "did you mean --store?"),
        (("serv",), "did you mean serve?"),
        (("serve", "--nothing-like-it"), "unrecognized arguments: --nothing-like-it\n"),
        # An abbreviation is not a flag: --max-b would be another flag's once there is a second one.
        (("serve", "--max-bod", "1"), "did you mean --max-body?"),
    ],
)
def test_an_unknown_flag_or_command_names_the_nearest(arguments, hint):
    ended = visor(*arguments)
    assert ended.returncode == 2
    assert hint in ended.stderr


def test_a_start_with_a_misspelled_variable_says_so_in_one_line():
    ended = visor("serve", "--store", "memory:", "--port", "0", VISOR_HISTROY="5")
    assert ended.returncode == 1
    assert ended.stderr == "visor: VISOR_HISTROY is not a setting; did you mean VISOR_HISTORY?\n"
