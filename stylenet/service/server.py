"""Running the service: an address, models, and an end that loses nothing."""

from __future__ import annotations

import math
import shlex
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import uvicorn

from stylenet.service.app import app_for
from stylenet.service.catalogue import Served, opened_models
from stylenet.service.desk import Limits
from stylenet.system.errors import UserError, reason
from stylenet.system.memory import return_freed_memory
from stylenet.system.program import say_next


def serve(models: Sequence[tuple[str | None, Path]], host: str, port: int, limits: Limits) -> None:
    """Serve models until Ctrl-C or SIGTERM. Photos in service are finished then.

    Args:
        models: as `opened_models` takes them. port: 0 takes a free one.

    Raises:
        UserError: the address cannot be had, or a model not opened.
    """
    return_freed_memory()
    with _listening(host, port) as listening:
        served = opened_models(models)
        config = uvicorn.Config(
            app_for(served, limits),
            log_level="warning",
            timeout_graceful_shutdown=math.ceil(limits.seconds) + 1,
        )
        address = f"[{host}]" if ":" in host else host
        place = f"http://{address}:{listening.getsockname()[1]}"
        names = ", ".join(each.name for each in served)
        print(f"serving {names} at {place}; {place}/docs tells how")
        say_next(
            f"curl --data-binary @PHOTO.jpg {shlex.quote(_address(place, served[0]))} -o OUT.jpg"
        )
        for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again at its end
            signal.signal(number, lambda *_: None)
        uvicorn.Server(config).run([listening])


def _address(place: str, model: Served) -> str:
    """Where a model stylises a photo; of several styles, in its first."""
    styles = model.model.styles
    asked = f"?style={quote(styles[0], safe='')}" if styles else ""
    return f"{place}/v1/models/{quote(model.name, safe='')}/stylize{asked}"


def _listening(host: str, port: int) -> socket.socket:
    """A socket, had before models are opened, so that a mistake shows at once."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"cannot listen at {host}, port {port} ({reason(error)}); choose another --port or"
            " --host"
        ) from None
