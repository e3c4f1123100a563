"""Addresses of the processes of a cluster: waiting for servers, and restricting connections.

    wait_for(["10.0.0.1:2222"])
    answer_only_at(addresses_here("10.0.0.2:2222"), 2222)
    is_refused("10.0.0.3:2222")             True if the process there has ended
"""
import contextlib
import ctypes
import errno
import ipaddress
import os
import re
import socket
import stat
import struct
import time


def split(address):
    """Return (host, port) of "host:port" or "[IPv6]:port", or None for other strings."""
    match = re.match(r"(\[[0-9a-fA-F:.]+\]|[^:/\s\[\]]+):(\d{1,5})\Z", address)
    if not match or not 0 < int(match.group(2)) < 65536:
        return None
    return match.group(1).strip("[]"), int(match.group(2))


def is_refused(address):
    """Return whether the machine of "host:port" refuses a connection; False if it does not answer."""
    try:
        socket.create_connection(split(address), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def wait_for(addresses, stop=lambda: False, report=print, seconds=1.0):
    """Wait until a server listens on each address. After 5 seconds, report the missing address.

    Args:
      addresses: list of "host:port".
      stop: function that returns whether to stop waiting.
      report: function of a line of text for the user.
      seconds: float, seconds between two attempts.

    Returns:
      boolean, True if there is a server at each address, False if `stop` ended the waiting.
    """
    silent_until = time.monotonic() + 5
    for address in addresses:
        while not stop():
            try:
                socket.create_connection(split(address), timeout=5).close()
                break
            except OSError as e:
                if time.monotonic() > silent_until:
                    report("Waiting for %s (%s)" % (address, e.strerror or e))
                    silent_until = time.monotonic() + 60
            time.sleep(seconds)
        else:
            return False
    return True


def addresses_here(address):
    """Return the addresses of this machine to which the host of "host:port" resolves.

    Only 0.0.0.0 and [::] themselves stand for all addresses, not a name that resolves to them.

    Args:
      address: string, "host:port".

    Returns:
      set of ipaddress.IPv4Address and IPv6Address, not empty.

    Raises:
      OSError: a host that cannot be resolved, or that has no address of this machine.
    """
    host, port = split(address)
    with contextlib.suppress(ValueError):  # a name
        if ipaddress.ip_address(host).is_unspecified:
            return {ipaddress.ip_address(host)}
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as e:
        raise OSError(errno.EINVAL, "not a host name") from e
    every = {ipaddress.ip_address(place[0]) for *_, place in found if "%" not in place[0]}
    here = {ip for ip in every if not ip.is_unspecified and _is_here(ip)}
    if not here:
        raise OSError(errno.EADDRNOTAVAIL, "an address of another machine")
    return here


def answer_only_at(addresses, port, report=print):
    """Restrict this process's listening sockets of a port to connections to some addresses.

    TensorFlow's server always listens on all addresses of the machine. A packet filter on its sockets
    (SO_ATTACH_FILTER of Linux, without privileges) accepts packets to `addresses` and to the loopback
    addresses of this machine. Connections to other addresses that were made before the filter are
    closed. If the system refuses the filter, the sockets stay open at all addresses, and this is
    reported.

    Args:
      addresses: set of ipaddress.IPv4Address and IPv6Address, the return value of `addresses_here`.
      port: integer, at which this process listens.
      report: function of a line of text for the user.

    Returns:
      boolean, whether connections are restricted.
    """
    def failed(why):
        report("Listening on all addresses of this machine: %s" % why)
        return False

    if any(ip.is_unspecified for ip in addresses):
        return True  # the user wants all addresses
    hosts = addresses.union(map(ipaddress.ip_address, ("127.0.0.1", "::1")))
    program = _filter(hosts)
    code = ctypes.create_string_buffer(program)
    with contextlib.ExitStack() as stack:
        listening = [stack.enter_context(one) for one in _sockets(
            inode for state, _, inode in _table(port) if state == _LISTEN)]
        if not listening:
            return failed("cannot find its sockets")
        for one in listening:
            try:
                one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack(
                    "HP", len(program) // 8, ctypes.addressof(code)))
            except OSError as e:  # in some containers, or if all filters together are too large
                return failed("cannot filter its sockets, %s" % e.strerror)
        if not _close_others(listening, port, hosts):
            return failed("some connections were made before the filter")
    return True


def _close_others(listening, port, hosts):
    """Close the connections of a port that are not to `hosts`, accepted or not.

    Returns:
      boolean, whether all of them are closed.
    """
    for _ in range(100):  # a process without free descriptors cannot accept connections to close them
        others = {inode for state, ip, inode in _table(port) if state in _OPEN and ip not in hosts}
        if not others:
            return True
        for one in _sockets(others):
            with one, contextlib.suppress(OSError):  # closed meanwhile
                one.shutdown(socket.SHUT_RDWR)
        for one in listening if _NOT_ACCEPTED in others else ():
            one.setblocking(False)  # as in TensorFlow
            with contextlib.suppress(OSError):  # no connections are left
                while True:
                    one.accept()[0].close()
    return False


_SO_ATTACH_FILTER = 26  # on Linux; the socket module has no name for it
_NETWORK_HEADER = 0x100000000 - 0x100000  # SKF_NET_OFF: the offset of the IP header


def _filter(hosts):
    """Return a classic BPF program that accepts packets to the addresses."""
    def load_word(offset):
        return (0x20, 0, 0, _NETWORK_HEADER + offset)

    accept, drop = (0x06, 0, 0, 0xffffffff), (0x06, 0, 0, 0)
    program = {4: [], 6: []}
    for ip in sorted(hosts, key=str):
        words = struct.unpack("!%dI" % (len(ip.packed) // 4), ip.packed)
        first = 16 if ip.version == 4 else 24  # offset of the destination address
        for i, word in enumerate(words):
            # If the word differs, jump behind this address: over its other words and `accept`.
            program[ip.version] += [load_word(first + 4 * i),
                                    (0x15, 0, 2 * (len(words) - i - 1) + 1, word)]
        program[ip.version].append(accept)
    of_4, of_6 = (program[version] + [drop] for version in (4, 6))
    # The version is the first half byte of the header. A conditional jump has 8 bits, so that the jump
    # over the instructions for version 4 is an unconditional one (0x05), which has 32 bits.
    instructions = [(0x30, 0, 0, _NETWORK_HEADER), (0x74, 0, 0, 4), (0x15, 1, 0, 6),
                    (0x05, 0, 0, 1), (0x05, 0, 0, len(of_4))] + of_4 + of_6
    return b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)


# States of sockets in the tables of /proc, and the inode of connections that are not accepted.
_LISTEN, _OPEN, _NOT_ACCEPTED = "0A", ("01", "08"), "0"


def _table(port):
    """Yield (state, local address, inode) of the sockets of a port."""
    for name in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with open(name) as stream:
                rows = [line.split() for line in stream][1:]
        except OSError:
            continue
        for row in rows:
            host, _, its_port = row[1].partition(":")
            if int(its_port, 16) == port:
                # Words of 32 bits, in the byte order of this machine.
                ip = ipaddress.ip_address(b"".join(
                    struct.pack("=I", int(host[i:i + 8], 16)) for i in range(0, len(host), 8)))
                yield row[3], getattr(ip, "ipv4_mapped", None) or ip, row[9]


def _sockets(inodes):
    """Return duplicates of this process's sockets that have these inodes."""
    inodes, found = set(inodes), []
    for name in os.listdir("/proc/self/fd") if inodes else ():
        with contextlib.suppress(OSError):  # closed meanwhile
            duplicate = os.dup(int(name))  # before fstat, as the server may reuse the descriptor
            status = os.fstat(duplicate)
            if stat.S_ISSOCK(status.st_mode) and str(status.st_ino) in inodes:
                found.append(socket.socket(fileno=duplicate))
            else:
                os.close(duplicate)
    return found


def _is_here(ip):
    """Return whether an IP address belongs to this machine."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True
