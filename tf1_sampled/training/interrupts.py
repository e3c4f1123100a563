"""Ctrl-C during a training: the first one asks it to stop, each further one is a KeyboardInterrupt.

    with deferred() as is_interrupted:
        while not is_interrupted():
            ...
"""
import contextlib
import signal
import threading


@contextlib.contextmanager
def deferred():
    """Defer the first Ctrl-C, so that it cannot come between two statements that belong together.

    Only Python's own handler of SIGINT is replaced, and put back at the end: a process that has another
    one has its own way. Outside of the main thread, in which Python handles signals, nothing is done.

    Yields:
      Function that returns whether a Ctrl-C came.
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
