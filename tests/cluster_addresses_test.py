import ipaddress
import socket
import sys
import threading
import time
import unittest
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled.cluster import addresses, launch

_LOOPBACK = frozenset([ipaddress.ip_address("127.0.0.1")])


def _server(family, host):
    """Return a socket that listens on a free port of all addresses, as TensorFlow's server does."""
    listening = socket.socket(family)
    if family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listening.bind((host, 0))
    listening.listen(5)
    return listening


def _answers(host, port):
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


class SplitTest(parameterized.TestCase):

    @parameterized.parameters(
        ("a.b-c:80", ("a.b-c", 80)), ("[::1]:2222", ("::1", 2222)), ("1.2.3.4:99", ("1.2.3.4", 99)),
        ("a", None), ("a:", None), (":80", None), ("a:0", None), ("a:65536", None), ("::1:80", None),
        ("a:80/x", None), ("http://a:80", None), ("a b:80", None), ("a:80\n", None))
    def test_split_gives_host_and_port_or_none(self, address, wanted):
        self.assertEqual(addresses.split(address), wanted)


class IsRefusedTest(absltest.TestCase):

    def test_is_refused_only_without_a_server(self):
        with _server(socket.AF_INET, "127.0.0.1") as there, socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            for which, refused in ((there, False), (silent, True)):
                self.assertEqual(addresses.is_refused("127.0.0.1:%d" % which.getsockname()[1]), refused)

    def test_is_refused_is_false_for_a_silent_machine(self):
        for error in (socket.timeout(), OSError("no route")):
            with mock.patch.object(socket, "create_connection", side_effect=error):
                self.assertFalse(addresses.is_refused("10.0.0.1:80"))


class WaitForTest(absltest.TestCase):

    def test_waits_until_a_server_listens(self):
        with _server(socket.AF_INET, "127.0.0.1") as there, socket.socket() as later:
            later.bind(("127.0.0.1", 0))
            timer = threading.Timer(0.3, lambda: later.listen(1))
            timer.start()
            both = ["127.0.0.1:%d" % s.getsockname()[1] for s in (there, later)]
            start = time.time()
            self.assertTrue(addresses.wait_for(both, seconds=0.05))
            self.assertGreater(time.time() - start, 0.2)
            timer.join()

    def test_stop_ends_the_wait(self):
        with socket.socket() as never:
            never.bind(("127.0.0.1", 0))
            asked = []
            self.assertFalse(addresses.wait_for(["127.0.0.1:%d" % never.getsockname()[1]],
                                              lambda: asked.append(1) or len(asked) > 3, seconds=0.01))


class AddressesHereTest(parameterized.TestCase):

    def _here(self, address):
        return set(map(str, addresses.addresses_here(address)))

    def _resolved(self, *hosts):
        """Make every name resolve to these addresses within the context."""
        return mock.patch.object(socket, "getaddrinfo", return_value=[
            (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 80))
            for host in hosts])

    @parameterized.parameters(("127.0.0.1:80", "127.0.0.1"), ("0.0.0.0:80", "0.0.0.0"),
                              ("[::]:80", "::"))
    def test_an_ip_address_is_its_own_address(self, address, wanted):
        self.assertEqual(self._here(address), {wanted})

    def test_a_name_has_the_addresses_of_this_machine(self):
        with self._resolved("127.0.0.1", "192.0.2.77", "fe80::1%eth0"):
            self.assertEqual(self._here("name:80"), {"127.0.0.1"})

    @parameterized.parameters("192.0.2.77:80", "[2001:db8::77]:80")
    def test_an_address_of_another_machine_is_an_error(self, address):
        with self.assertRaisesRegex(OSError, "an address of another machine"):
            addresses.addresses_here(address)

    # Filters of unwanted names resolve them to the last two addresses.
    @parameterized.parameters("192.0.2.77", "fe80::1%eth0", "0.0.0.0", "::")
    def test_a_name_of_another_machine_is_an_error(self, host):
        with self._resolved(host), self.assertRaisesRegex(OSError, "an address of another machine"):
            addresses.addresses_here("name:80")

    def test_an_unknown_name_is_an_error(self):
        unknown = socket.gaierror(socket.EAI_NONAME, "not known")
        with mock.patch.object(socket, "getaddrinfo", side_effect=unknown):
            with self.assertRaisesRegex(OSError, "not known"):
                addresses.addresses_here("name:80")
        with self.assertRaisesRegex(OSError, "not a host name"):
            addresses.addresses_here("a..b:80")


@unittest.skipUnless(sys.platform.startswith("linux"), "packet filters of Linux")
class AnswerOnlyAtTest(parameterized.TestCase):

    def _hold_to(self, address):
        lines = []
        holds = addresses.answer_only_at(
            addresses.addresses_here(address), addresses.split(address)[1], lines.append)
        if lines and "cannot filter its sockets" in lines[0]:
            self.assertFalse(holds)
            self.skipTest(lines[0])
        self.assertTrue(holds)
        self.assertEmpty(lines)

    def test_a_system_that_refuses_the_filter_is_reported(self):
        with _server(socket.AF_INET, "0.0.0.0") as listening, mock.patch.object(
                addresses, "_SO_ATTACH_FILTER", 12345):
            lines = []
            port = listening.getsockname()[1]
            self.assertFalse(addresses.answer_only_at(_LOOPBACK, port, lines.append))
            self.assertEqual(lines, ["Listening on all addresses of this machine: cannot filter its "
                                     "sockets, Protocol not available"])

    @parameterized.parameters("127.0.0.2", "127.0.0.1")
    def test_only_its_own_address_and_the_loopback_answer(self, host):
        try:
            listening = _server(socket.AF_INET6, "::")
        except OSError:
            listening = _server(socket.AF_INET, "0.0.0.0")  # a machine without IPv6
        with listening:
            port = listening.getsockname()[1]
            every = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
            self.assertEqual([_answers(other, port) for other in every], [True] * 3)
            self._hold_to("%s:%d" % (host, port))
            self.assertEqual([_answers(other, port) for other in every],
                             [other in (host, "127.0.0.1") for other in every])

    def test_ipv6_answers_at_its_own_address(self):
        try:
            listening = _server(socket.AF_INET6, "::")
            reachable = _answers("::1", listening.getsockname()[1])
        except OSError:
            reachable = False
        if not reachable:
            self.skipTest("no IPv6 on this machine")
        with listening:
            port = listening.getsockname()[1]
            self._hold_to("[::1]:%d" % port)
            self.assertEqual([_answers(host, port) for host in ("::1", "127.0.0.1", "127.0.0.2")],
                             [True, True, False])

    def test_other_ports_are_not_restricted(self):
        with _server(socket.AF_INET, "0.0.0.0") as one, _server(socket.AF_INET, "0.0.0.0") as other:
            self._hold_to("127.0.0.1:%d" % one.getsockname()[1])
            self.assertTrue(_answers("127.0.0.2", other.getsockname()[1]))

    def test_a_system_without_such_sockets_is_reported(self):
        lines = []
        self.assertFalse(addresses.answer_only_at(_LOOPBACK, launch.free_ports(1)[0], lines.append))
        self.assertEqual(lines, [
            "Listening on all addresses of this machine: cannot find its sockets"])

    def test_0_0_0_0_answers_at_all_addresses(self):
        with _server(socket.AF_INET, "0.0.0.0") as listening:
            port = listening.getsockname()[1]
            self._hold_to("0.0.0.0:%d" % port)
            self.assertTrue(_answers("127.0.0.2", port))


if __name__ == "__main__":
    absltest.main()
