"""Who decides whether a run has kept the promises: one judge for each, a function of what was recorded."""
