"""More than the service can take: what it does then, and how soon it is itself again."""
