"""The command `vivant`."""


def main() -> None:
    """Runs the command line."""
