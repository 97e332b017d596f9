"""What every clip says about itself: that a machine made it. The one place where marks are added to an output."""

from typing import Final

AI_MADE: Final = "AI-generated with vivant"


def container_tags(title: str) -> dict[str, str]:
    """Metadata for a clip's container: its title and the note that it is AI-made."""
    return {"title": title, "comment": AI_MADE}
