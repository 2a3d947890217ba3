"""What many clients do to a service at a set rate, and the record of all that they were told."""
