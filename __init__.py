"""vivant: one photo of a person becomes a living portrait."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("vivant")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"
