"""`vivant push`: a bundle, its model card and, if wanted, the demo, to the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
from huggingface_hub.utils import validate_repo_id

from ..runtime.errors import VivantError
from .integrity import check_bundle

CARD = Path(__file__).resolve().parents[1] / "models" / "README.md"


class PushError(VivantError):
    """The Hub refused, or what was to be pushed is not complete."""


@dataclass(frozen=True)
class Upload:
    """A file of this machine and its place in the repository."""

    source: Path
    place: str

    @property
    def bytes(self) -> int:
        return self.source.stat().st_size


class Hub(Protocol):
    """What is used of `HfApi`."""

    def create_repo(
        self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool, space_sdk: str | None
    ) -> object:
        """Makes a repository."""
        ...

    def create_commit(
        self, repo_id: str, operations: Sequence[CommitOperationAdd], *, commit_message: str, repo_type: str
    ) -> object:
        """Adds files in one commit."""
        ...


def model_uploads(bundle: Path, card: Path = CARD, report: Path | None = None) -> list[Upload]:
    """The files of a model repository: the card as README.md, the bundle in `bundle/`, the report if there is one.

    Raises:
        BundleError: the bundle is damaged. PushError: the card is missing.
    """
    check_bundle(bundle)
    if not card.is_file():
        raise PushError(f"The model card {card} does not exist.")
    uploads = [Upload(card, "README.md")]
    uploads += [Upload(path, f"bundle/{path.relative_to(bundle).as_posix()}") for path in _files(bundle)]
    if report is not None:
        uploads += [Upload(path, f"report/{path.name}") for path in _files(report)]
    return uploads


def space_uploads(folder: Path) -> list[Upload]:
    """The files of a Space, as `python -m vivant.demo.build_space` writes them."""
    if not (folder / "README.md").is_file():
        raise PushError(f"{folder} is no Space: it has no README.md.")
    return [Upload(path, path.relative_to(folder).as_posix()) for path in _files(folder)]


def push(
    repository: str,
    uploads: Sequence[Upload],
    kind: str = "model",
    private: bool = True,
    hub: Hub | None = None,
    on_file: Callable[[Upload], None] = lambda _: None,
) -> None:
    """Makes the repository if it is not there, and puts all files into it with one commit: all or none.

    Args:
        repository: `owner/name`. kind: `model` or `space`. hub: by default the Hub, with the token that
            `huggingface-cli login` or the environment variable HF_TOKEN gives.

    Raises:
        PushError: the Hub refused, cannot be reached, or knows no token.
    """
    check_name(repository)
    api = hub or HfApi(library_name="vivant")
    for upload in uploads:
        on_file(upload)
    operations = [CommitOperationAdd(upload.place, upload.source) for upload in uploads]
    try:
        sdk = "gradio" if kind == "space" else None
        api.create_repo(repository, repo_type=kind, private=private, exist_ok=True, space_sdk=sdk)
        api.create_commit(repository, operations, commit_message="Upload by vivant push", repo_type=kind)
    except LocalTokenNotFoundError:
        raise PushError("There is no token for the Hub: run `huggingface-cli login`, or set HF_TOKEN.") from None
    except (HfHubHTTPError, OSError) as error:
        raise PushError(f"The Hub did not take {repository}: {str(error).strip().splitlines()[0]}") from None


def check_name(repository: str) -> None:
    """Raises PushError if that is no name of a repository."""
    try:
        validate_repo_id(repository)
    except HFValidationError:
        raise PushError(f"{repository!r} is no name of a repository on the Hub: write owner/name.") from None
    if "/" not in repository:
        raise PushError(f"{repository!r} names no owner: write owner/name.")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
