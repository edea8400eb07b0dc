"""Serve trained models over HTTP: post a photo, get it stylised."""

from __future__ import annotations

import sys

from stylenet.commands.serve import parser
from stylenet.system.errors import interrupted

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    parser().parse_args()  # shows help, and mistakes, at once

from collections.abc import Sequence

from stylenet.system.errors import UserError, exit_on_user_error

_NEEDED = ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0 when Ctrl-C or SIGTERM has ended the service."""
    options = parser().parse_args(argv)
    with exit_on_user_error():
        try:
            from stylenet.service.desk import Limits
            from stylenet.service.server import serve
        except ModuleNotFoundError as error:
            if error.name not in _NEEDED:
                raise
            raise UserError(
                f"serving needs {error.name}; run pip install 'stylenet[serve]'"
            ) from None
        limits = Limits(
            pixels=round(options.max_megapixels * 1e6),
            bytes=options.max_bytes,
            seconds=options.timeout,
            batch=options.batch,
        )
        serve(options.models, options.host, options.port, limits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
