"""`schema`: JSON Schema of the config."""

from __future__ import annotations

import json
import sys

from idp import catalog
from idp.cli.common import mistakes_end_it


def schema() -> None:
    """Print the JSON Schema of a stack's config, for editors and forms."""
    with mistakes_end_it():
        text = json.dumps(catalog.schema(), indent=2, sort_keys=True)
    sys.stdout.write(text + "\n")
