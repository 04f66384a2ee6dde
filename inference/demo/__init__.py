"""Phantoms with a known truth, and the training of the demonstration models that know nothing else."""
