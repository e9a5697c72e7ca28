"""The same verbs at a terminal: ``python -m fewshot_lab``.

What a verb found goes to stdout, as text or with ``--json`` as one JSON object; progress and
errors go to stderr. The exit status is 0, 1 where the user can mend something, 2 for a wrong
command line, 130 after Ctrl+C.
"""

from fewshot_lab.cli.main import main

__all__ = ["main"]
