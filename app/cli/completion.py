"""`visor completion`, `visor version`: what a shell asks."""

import argparse
import sys

from app import __version__

_SCRIPTS = {
    "bash": """_visor() {
  local IFS=$'\\n'
  COMPREPLY=($(visor __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _visor visor
""",
    "zsh": """#compdef visor
_visor() {
  local -a found
  found=("${(@f)$(visor __complete "${words[@]:1:$((CURRENT - 1))}" 2>/dev/null)}")
  compadd -- $found || _files
}
compdef _visor visor
""",
    "fish": """complete -c visor -f -a '(visor __complete (commandline -opc)[2..] (commandline -ct))'
""",
}


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor completion`."""
    parser.add_argument("shell", choices=sorted(_SCRIPTS))
    parser.set_defaults(run=_print)


def _print(flags: argparse.Namespace) -> int:
    sys.stdout.write(_SCRIPTS[flags.shell])
    return 0


def version(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor version`: none."""
    parser.set_defaults(run=_version)


def _version(flags: argparse.Namespace) -> int:
    sys.stdout.write(f"visor {__version__}\n")
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor __complete`: the words so far, the last of which is completed."""
    parser.add_argument("words", nargs=argparse.REMAINDER)
    parser.set_defaults(run=_complete)


def _complete(flags: argparse.Namespace) -> int:
    for word in candidates(flags.words):
        sys.stdout.write(f"{word}\n")
    return 0


def candidates(words: list[str]) -> list[str]:
    """What the last word may become."""
    from app.cli.main import parser_of
    from app.cli.tree import COMMANDS, LISTED, groups

    *before, begun = words or [""]
    if not before:
        names = {name.split(" ")[0] for name in LISTED}
        return sorted(name for name in names if name.startswith(begun))
    if len(before) == 1 and before[0] in groups() and not begun.startswith("-"):
        return sorted(name for name in groups()[before[0]] if name.startswith(begun))
    name = " ".join(before[:2]) if " ".join(before[:2]) in LISTED else before[0]
    if name not in COMMANDS or not begun.startswith("-"):
        return []
    return sorted(flag for flag in parser_of(name)._option_string_actions if flag.startswith(begun))
