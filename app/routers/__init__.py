"""HTTP only: parse, call the registry, answer."""
