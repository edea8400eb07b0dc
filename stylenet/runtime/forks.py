"""onnxruntime sessions in programs that fork, or that pickle objects for other processes.

The threads of a session exist only in the process that opened it. In a forked child a run would
wait for them for ever, and so would the destruction of the session.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from stylenet.runtime.damage import metadata_of
from stylenet.runtime.devices import device_of
from stylenet.system.errors import UserError

_TELEMETRY = "onnxruntime" in sys.modules
"""Whether onnxruntime was imported before `stylenet.__init__` could turn its telemetry off."""


class OnnxSession:
    """An onnxruntime session that each process opens anew, at its first use there.

    Args:
        name: for messages. opener: opens the session of onnxruntime; it can be pickled.

    Raises:
        UserError: as `opener`. At the first use in another process, also: the model has changed,
            or the process was forked while the model was on a GPU.
    """

    def __init__(self, name: str, opener: Callable[[], Any]) -> None:
        session = opener()
        self._name, self._opener = name, opener
        self.metadata = metadata_of(session, name)
        self._on_gpu = device_of(session) != "cpu"
        self._begin(session)

    def run(self, *arguments: Any) -> list[Any]:
        """As `onnxruntime.InferenceSession.run`."""
        results: list[Any] = self._here().run(*arguments)
        return results

    def get_inputs(self) -> list[Any]:
        """As `onnxruntime.InferenceSession.get_inputs`."""
        return list(self._here().get_inputs())

    def get_outputs(self) -> list[Any]:
        """As `onnxruntime.InferenceSession.get_outputs`."""
        return list(self._here().get_outputs())

    def get_modelmeta(self) -> Any:
        """As `onnxruntime.InferenceSession.get_modelmeta`."""
        return self._here().get_modelmeta()

    def get_providers(self) -> list[str]:
        """As `onnxruntime.InferenceSession.get_providers`."""
        return list(self._here().get_providers())

    def __getstate__(self) -> tuple[str, Callable[[], Any], dict[str, str]]:
        return self._name, self._opener, self.metadata

    def __setstate__(self, state: tuple[str, Callable[[], Any], dict[str, str]]) -> None:
        self._name, self._opener, self.metadata = state
        self._on_gpu = False
        self._begin(None)

    def _begin(self, session: Any) -> None:
        self._session, self._forked = session, False
        self._lock = threading.Lock()
        _SESSIONS.add(self)

    def _here(self) -> Any:
        """The onnxruntime session of this process."""
        with self._lock:
            if self._session is None:
                self._session = self._opened_anew()
            return self._session

    def _opened_anew(self) -> Any:
        if self._forked and self._on_gpu:
            raise UserError(
                f"{self._name} was opened on a GPU before fork(), which CUDA does not survive; "
                "open it in each process, or start processes by spawn"
            )
        session = self._opener()
        if metadata_of(session, self._name) != self.metadata:
            raise UserError(f"{self._name} has changed since it was opened; open it anew")
        return session

    def _leave_behind(self) -> None:
        """In a forked child, keep the parent's session untouched until the process is gone.

        Destroying the session would join threads that the child lacks. So the session gets a
        reference that is never released, not even when Python ends. The lock is replaced, because
        a thread that the child lacks may hold it.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
        self._session, self._forked = None, True
        self._lock = threading.Lock()


_SESSIONS: WeakSet[OnnxSession] = WeakSet()


def _behind_a_fork() -> None:
    for session in _SESSIONS:
        session._leave_behind()
    if _TELEMETRY and _SESSIONS:
        _end_without_others()


def _end_without_others() -> None:
    """End this process after Python has ended, before onnxruntime joins its telemetry thread.

    Exit handlers that were registered before the fork do not run here. The parent runs them.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):  # of glibc: its handlers get the exit code, which `_exit` takes
        libc.on_exit(libc._exit, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_behind_a_fork)
