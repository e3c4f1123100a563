"""Tests of access to the service by host, origin and token."""
import os

from absl.testing import absltest, parameterized

from tests import service_case
from tf1_sampled import checks
from tf1_sampled.recsys import access

_WANTED = "a name of this machine or one of --allowed_hosts"


class HostTest(service_case.ServedCase):

    @parameterized.parameters("localhost", "LOCALHOST:8080", "127.0.0.1:80", "127.8.8.8", "[::1]:8080",
                              "[::1]", os.uname().nodename)
    def test_names_of_this_machine_are_answered(self, host):
        self.assertEqual(200, service_case.ask(self.port, "/health", Host=host).status)

    @parameterized.parameters("evil.example", "evil.example:8080", "localhost.evil.example", "192.0.2.1",
                              "127.0.0.1.evil.example", "localhost@evil.example", "a b", "[::2]", "",
                              "127.0.0.1/", "\xff")
    def test_other_hosts_are_refused(self, host):
        shown = "\\\\udcff" if host == "\xff" else host
        for path in ("/", "/health", "/items", "/nothing"):
            self.assert_refused('Host: wanted %s, got "%s"' % (_WANTED, shown), path, status=421,
                                Host=host)

    def test_origins_must_be_allowed_hosts(self):
        for origin in ("http://localhost:%d" % self.port, "https://127.0.0.1", "http://[::1]:1"):
            self.assertEqual(200, service_case.ask(self.port, "/embed", {"items": ["heat"]},
                                                   Origin=origin).status)
        for origin in ("http://evil.example", "null", "localhost", "http://localhost.evil.example",
                       "http://evil.example/localhost"):
            self.assert_refused('Origin: wanted %s, got "%s"' % (_WANTED, origin), "/embed",
                                {"items": ["heat"]}, status=403, Origin=origin)

    def test_listed_hosts_are_answered(self):
        with service_case.served(self.model, access.Access(["box.example", "192.0.2.1"])) as port:
            for host, status in (("box.example:80", 200), ("192.0.2.1", 200), ("evil.example", 421)):
                self.assertEqual(status, service_case.ask(port, "/health", Host=host).status)
        with service_case.served(self.model, access.Access([access.ANY])) as port:
            self.assertEqual(200, service_case.ask(port, "/health", Host="evil.example",
                                                   Origin="null").status)

    def test_option_lists_hosts_separated_by_commas(self):
        self.assertEqual([], access.parse_hosts(""))
        self.assertEqual(["a.example", "::1", "10.0.0.1", "*"],
                         access.parse_hosts("A.example, ::1,10.0.0.1,*"))
        for text in ("http://a", "a:80", "a,,b", "a b", "[::1]"):
            with self.assertRaisesRegex(checks.InputError, "^serve: --allowed_hosts: wanted host name"):
                access.parse_hosts(text)


class TokenTest(service_case.ServedCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = cls.stack.enter_context(service_case.served(cls.model, access.Access([], "a+Z/9==")))

    def test_all_paths_but_page_and_health_need_the_token(self):
        for path in ("/", "/health"):
            self.assertEqual(200, service_case.ask(self.port, path).status)
        for path, body in (("/model", None), ("/items", None), ("/nothing", None), ("/recommend", {}),
                           ("/similar", {}), ("/embed", {})):
            for headers in ({}, {"Authorization": "Bearer a+Z/9="}, {"Authorization": "Basic a+Z/9=="},
                            {"Authorization": "a+Z/9=="}, {"Authorization": "Bearer \xff"}):
                answer = service_case.ask(self.port, path, body, **headers)
                self.assertEqual((401, "Bearer"), (answer.status, answer.headers["WWW-Authenticate"]))
                self.assertIn("--token_file", answer.value["error"])

    def test_requests_with_the_token_are_answered(self):
        for scheme in ("Bearer", "bearer"):
            answer = service_case.ask(self.port, "/recommend", {}, Authorization=scheme + " a+Z/9==")
            self.assertEqual(200, answer.status)


class TokenFileTest(parameterized.TestCase):

    def written(self, content, mode=0o600):
        path = self.create_tempfile("token", content).full_path
        os.chmod(path, mode)
        return path

    def test_the_first_line_is_the_token(self):
        for content in ("abc", "abc\n", " abc \r\nmore\n"):
            self.assertEqual(("abc", False), access.read_token(self.written(content)))

    def test_file_readable_by_others_is_reported(self):
        for mode, is_shared in ((0o640, True), (0o604, True), (0o700, False)):
            self.assertEqual(("abc", is_shared), access.read_token(self.written("abc", mode)))

    @parameterized.parameters("", "\n", "\nabc\n", "a b", "é", "=")
    def test_file_without_a_token_is_refused(self, content):
        path = self.written(content)
        with self.assertRaisesRegex(checks.InputError, path + ": line 1: wanted a token "):
            access.read_token(path)

    def test_missing_file_is_refused(self):
        path = self.create_tempdir().full_path
        with self.assertRaisesRegex(checks.InputError, "^%s: wanted a readable file, got: " % path):
            access.read_token(path)


if __name__ == "__main__":
    absltest.main()
