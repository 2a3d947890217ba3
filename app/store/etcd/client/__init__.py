"""The etcd v3 client: what Visor calls of etcd, and no more."""
