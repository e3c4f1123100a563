"""Standard output and standard error: output that cannot be printed is escaped or dropped."""
import os
import subprocess
import sys

from absl.testing import absltest, parameterized

_SETTLED = "import os, sys; from tf1_sampled.files import streams; streams.settle()\n"
_CHECKED = """
try:
    streams.check()
except ValueError as e:
    os.write(3, ("%s" % e).encode())
"""


class StreamsTest(parameterized.TestCase):

    def run_code(self, code, redirections="", text="", **variables):
        """Return (exit code, standard output, standard error, output of descriptor 3), as bytes."""
        readable, writable = os.pipe()
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
        environment.pop("PYTHONUNBUFFERED", None)
        environment.update(variables)
        done = subprocess.run(
            ["bash", "-c", 'exec "$@" 3>&%d %s' % (writable, redirections), "bash", sys.executable, "-c",
             _SETTLED + code], env=environment, input=text.encode(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, pass_fds=[writable], timeout=60)
        os.close(writable)
        with open(readable, "rb") as stream:
            reported = stream.read()
        return done.returncode, done.stdout, done.stderr, reported

    def test_characters_that_the_encoding_lacks_are_escaped(self):
        code = "print('caf\\xe9 \\u65e5'); print('na\\xefve \\udcff', file=sys.stderr)"
        for encoding, out, err in (
                ("ascii", b"caf\\xe9 \\u65e5\n", b"na\\xefve \\udcff\n"),
                ("utf-8", "caf\xe9 \u65e5\n".encode(), b"na\xc3\xafve \\udcff\n")):
            self.assertEqual((0, out, err, b""), self.run_code(code, PYTHONIOENCODING=encoding))

    def test_codes_for_terminals_are_escaped(self):
        title = "a\x1b[31m b\x07\x9b\r \u202ec\u2066 \u200d\t\xa0\x7f"
        code = "for stream in (sys.stdout, sys.stderr): print(%r, file=stream)" % title
        escaped = "a\\x1b[31m b\\x07\\x9b%s \\u202ec\\u2066 \u200d\t\xa0\\x7f\n"
        self.assertEqual((0, (escaped % "\\r").encode(), (escaped % "\r").encode(), b""),
                         self.run_code(code, PYTHONIOENCODING="utf-8"))

    def test_lines_come_in_the_order_in_which_they_were_printed(self):
        code = "print(1); streams.settle(); print(2, flush=True); sys.stdout.buffer.write(b'\\x1b'); " \
            "print(3); print(4, end='')"
        for unbuffered in ("", "1"):
            self.assertEqual((0, b"1\n2\n\x1b3\n4", b"", b""),
                             self.run_code(code, PYTHONUNBUFFERED=unbuffered))

    @parameterized.parameters(">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-")
    def test_output_to_a_closed_stream_is_dropped_and_no_file_gets_its_descriptor(self, redirections):
        code = ("print('x'); print('y', file=sys.stderr); file = os.open('/dev/null', 0)\n"
                "os.write(3, b'%d %s ' % (file > 2, str(streams.is_lost()).encode()))\n" + _CHECKED)
        self.assertEqual((0, b"x\n" if redirections == "2>&-" else b"",
                          b"y\n" if redirections == ">&-" else b"", b"1 False "),
                         self.run_code(code, redirections))

    def test_the_program_continues_after_the_reader_has_ended(self):
        code = ("import time\n"
                "for number in range(2000000):\n"
                "    print('x' * 100)\n"
                "    if streams.is_lost(): break\n"
                "print('more'); os.write(3, b'%d ' % (number > 9))\n" + _CHECKED)
        code, out, err, reported = self.run_code(code, "> >(head -1)")
        self.assertEqual((0, b"", b"1 "), (code, err, reported))

    @absltest.skipUnless(os.path.exists("/dev/full"), "needs a full device")
    def test_a_full_device_is_named_at_the_end(self):
        reason = ": wanted a writable stream, got No space left on device"
        for redirection, name in ((">/dev/full", "standard output"), ("2>/dev/full", "standard error")):
            code = "print(1); print(2, file=sys.stderr); os.write(3, b'on ')\n" + _CHECKED
            done = self.run_code(code, redirection)
            self.assertEqual((0, ("on " + name + reason).encode()), (done[0], done[3]))

    def test_a_non_blocking_pipe_gets_all_output(self):
        code = ("import fcntl; fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK)\n"
                "for _ in range(1000): print('x' * 999)\n" + _CHECKED)
        done = self.run_code(code)
        self.assertEqual((0, 1000000, b"", b""), (done[0], len(done[1]), *done[2:]))

    def test_streams_that_are_not_files_are_not_replaced(self):
        code = ("import io; sys.stdout = mine = io.StringIO(); streams.settle(); print('\\x1b')\n"
                "streams.check(); os.write(3, b'%d' % (sys.stdout is mine and not streams.is_lost()))")
        self.assertEqual((0, b"", b"", b"1"), self.run_code(code))


if __name__ == "__main__":
    absltest.main()
