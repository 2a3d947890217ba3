"""The `visor` command, one file a group of commands."""
