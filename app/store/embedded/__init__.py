"""The embedded store: one process, one writer, a log below it."""
