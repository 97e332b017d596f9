"""What ends a training."""


class TrainingError(RuntimeError):
    """A run that cannot start or go on, and why: one sentence."""
