"""The shell of every HTML file that is written here: self-contained, no scripts, nothing from elsewhere.

Its Content-Security-Policy forbids scripts and every source but the one style, which it knows by its hash: a
``style`` attribute would be refused.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from safety.cli.terminal import printable


def page(title: str, style: str, body: str) -> str:
    """The page. ``title`` is text; ``style`` (rules) and ``body`` (HTML) are put in as they are."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_content_policy(style)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escaped(title)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def escaped(text: str) -> str:
    """A text from strangers as HTML: nothing invisible, nothing that is markup."""
    return escape(printable(text))


def _content_policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
