"""The resources, as they are sent and stored: one model for each, in a file of its own."""
