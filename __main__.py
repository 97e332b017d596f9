"""`python -m vivant` is the same as the command `vivant`."""

from .cli import main

if __name__ == "__main__":
    main()
