"""Text that people typed, in places that Streamlit reads as Markdown."""


def plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    for sign in "\\`*_{}[]()#+-.!|<>~:$":
        text = text.replace(sign, "\\" + sign)
    return text
