"""A process and its sockets: what listens, reads bytes, and ends at a signal."""
