"""The coordinator: its contract, its drivers, the history of snapshots."""
