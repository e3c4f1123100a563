"""Ctrl-C during a training: the first Ctrl-C requests a stop, each further one is a KeyboardInterrupt.

    with deferred() as is_interrupted:
        while not is_interrupted():
            ...
"""
import contextlib
import signal
import threading


@contextlib.contextmanager
def deferred():
    """Defer the first Ctrl-C, so that it cannot interrupt statements that must run together.

    Only Python's default handler of SIGINT is replaced, and restored at the end. Another handler stays,
    as does any handler outside of the main thread, where Python cannot set handlers.

    Yields:
      Function that returns whether there was a Ctrl-C.
    """
    asked = []

    def ask(number, frame):
        if asked:
            signal.default_int_handler(number, frame)
        asked.append(number)

    is_python_default = (threading.current_thread() is threading.main_thread()
                         and signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    if is_python_default:
        signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        if is_python_default:
            signal.signal(signal.SIGINT, signal.default_int_handler)
