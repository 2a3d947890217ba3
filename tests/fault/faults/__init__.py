"""What goes wrong, and the installations that it goes wrong with."""
