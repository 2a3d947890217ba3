"""Settings as flags of a command."""

import argparse

from app.settings import Settings, load


def add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """One flag for each setting named."""
    for name in names:
        field = Settings.model_fields[name]
        default = ",".join(field.default) if isinstance(field.default, list) else field.default
        text = f"{field.description} (VISOR_{name.upper()}, default {default or 'none'})".replace("%", "%%")
        flag, dest = f"--{name.replace('_', '-')}", f"set_{name}"
        if field.annotation is bool:
            parser.add_argument(flag, dest=dest, nargs="?", const="true", metavar="true|false", help=text)
        else:
            parser.add_argument(flag, dest=dest, metavar="VALUE", help=text)


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings as the flags and the environment say. Raises StartError."""
    flags = {
        name.removeprefix("set_"): value
        for name, value in vars(arguments).items()
        if name.startswith("set_") and value is not None
    }
    return load(**flags)
