"""The kinds of frames that each codec tells apart, as a page of Markdown."""

from wattwarden.codecs import load_codecs

HEADER = """# Kinds of frames

What `wattwarden decode` prints as `kind`, by codec.  Written by `wattwarden kinds`; a test holds it
against the codecs.
"""


def kinds() -> None:
    """Print the kinds of frames that each codec tells apart, as Markdown."""
    print(page(), end="")


def page() -> str:
    """Return the page."""
    return HEADER + "".join(_section(name) for name in load_codecs())


def _section(name: str) -> str:
    codec = load_codecs()[name]
    rows = "".join(f"| `{kind}` | {text} |\n" for kind, text in codec.kinds.items())
    return f"\n## {name}: {codec.title}\n\n| kind | what it is |\n|---|---|\n{rows}"
