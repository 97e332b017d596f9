"""Preparing data, training the student, evaluating it."""
