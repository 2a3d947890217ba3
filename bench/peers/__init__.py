"""Who Visor is measured against, each a program that the bench starts and ends."""
