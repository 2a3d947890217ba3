"""Visor's speed, measured as ratios against peers on the same machine in the same run: `python -m bench`."""
