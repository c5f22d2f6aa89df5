"""Set the doctests of docstrings as code: to Markdown, lines that begin with `>>>` would be quotations."""

import re
from typing import Any

from griffe import Extension, Object

# From a prompt to the next blank line: the source and its output.
_DOCTEST = re.compile(r"^>>> .*?(?=\n\n|\Z)", flags=re.MULTILINE | re.DOTALL)


class Doctests(Extension):
    """Put fences around doctests."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of a class, function or module that has just been read."""
        if obj.docstring is not None:
            obj.docstring.value = _DOCTEST.sub(lambda found: f"```pycon\n{found[0]}\n```", obj.docstring.value)
