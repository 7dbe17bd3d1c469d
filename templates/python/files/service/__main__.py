"""Starts the service, and ends it with a reason: `python -m service`."""

import logging
import os
import sys

from service import log, telemetry
from service.config import ConfigError, read_config

logger = logging.getLogger("service")


def main() -> int:
    """Run until a signal comes; the exit code says whether all went well."""
    log.configure("info", os.environ.get("VERSION") or "development")
    try:
        config = read_config(os.environ)
    except ConfigError:
        logger.critical("cannot start", exc_info=True)
        return 1
    log.configure(config.log_level, config.version)
    telemetry.start(config.version)

    # Only now: what telemetry did not see being imported, it does not trace.
    from service.context import Context
    from service.server import Server, listen

    try:
        listening = listen(config)
    except OSError:
        logger.critical("cannot listen", exc_info=True)
        return 1
    Server(Context(config), listening).serve_until_stopped()
    telemetry.stop()
    logger.info("stopped")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception:
        logger.critical("uncaught error", exc_info=True)
        sys.exit(1)
