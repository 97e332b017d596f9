"""How the demo looks: paper, ink, a warm red, light and dark; system fonts, so that no visitor is sent elsewhere."""

from pathlib import Path
from typing import Final

from gradio.themes import Base
from gradio.themes.utils import sizes
from gradio.themes.utils.colors import Color

CSS: Final = Path(__file__).with_name("style.css")
SANS: Final = ("-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
RED: Final = Color(
    name="red",
    c50="#fbf0ed", c100="#f5dbd4", c200="#eeb9ac", c300="#f3ac98", c400="#e8937c", c500="#b9503c",
    c600="#9b3a2a", c700="#7d2c1f", c800="#5f2117", c900="#43170f", c950="#2b0e09",
)  # fmt: skip
PAPER: Final = Color(
    name="paper",
    c50="#fffefb", c100="#f6f4ef", c200="#efeae0", c300="#ddd7cb", c400="#a89f92", c500="#8b8376",
    c600="#655e54", c700="#46403a", c800="#35302b", c900="#211e1b", c950="#161412",
)  # fmt: skip


def make_theme() -> Base:
    """The demo's theme; the colours are those of the browser app."""
    theme = Base(
        primary_hue=RED,
        secondary_hue=RED,
        neutral_hue=PAPER,
        radius_size=sizes.radius_lg,
        font=SANS,
        font_mono=("ui-monospace", "Consolas", "monospace"),
    )
    return theme.set(
        body_background_fill="#f6f4ef",
        body_background_fill_dark="#161412",
        body_text_color="#201d19",
        body_text_color_dark="#efeae1",
        body_text_color_subdued="#655e54",
        body_text_color_subdued_dark="#a89f92",
        background_fill_primary="#fffefb",
        background_fill_primary_dark="#211e1b",
        block_background_fill="#fffefb",
        block_background_fill_dark="#211e1b",
        block_border_color="#ddd7cb",
        block_border_color_dark="#35302b",
        block_label_background_fill="#fffefb",
        block_label_background_fill_dark="#211e1b",
        block_label_text_color="#655e54",
        block_label_text_color_dark="#a89f92",
        button_primary_background_fill="#9b3a2a",
        button_primary_background_fill_hover="#7d2c1f",
        button_primary_background_fill_dark="#e8937c",
        button_primary_background_fill_hover_dark="#f3ac98",
        button_primary_text_color="#fffefb",
        button_primary_text_color_dark="#1d1512",
        button_large_padding="0.8rem 1.4rem",
        slider_color="#9b3a2a",
        slider_color_dark="#e8937c",
    )
