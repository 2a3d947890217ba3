"""What is said on the wire and kept in the store: one model for a resource, one file each."""
