"""Many tasks that make one dataset: plan, starts, tasks, run."""
