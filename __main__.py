"""What the Pulumi engine runs: read the settings, or every mistake in them; then declare the platform."""

import sys
from pathlib import Path

from idp import settings
from idp.errors import MistakesError
from idp.program import main

try:
    found = settings.load(Path.cwd())
except MistakesError as error:
    sys.exit(error.report())
main(found)
