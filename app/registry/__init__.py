"""The rules: pure functions of a snapshot, a time and a command, to changes. No I/O, no await."""
