"""Training: from an experiment and a dataset to a run's checkpoints, resumed after a kill as if there had been none."""
