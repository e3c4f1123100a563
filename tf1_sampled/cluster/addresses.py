"""Addresses of a cluster's processes: waiting for others, and who gets an answer here.

    wait_for(["10.0.0.1:2222"])
    answer_only_at(addresses_here("10.0.0.2:2222"), 2222)
    is_refused("10.0.0.3:2222")             the process there has ended
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
    """(host, port) of "host:port" or "[IPv6]:port", or None of anything else."""
    match = re.match(r"(\[[0-9a-fA-F:.]+\]|[^:/\s\[\]]+):(\d{1,5})\Z", address)
    if not match or not 0 < int(match.group(2)) < 65536:
        return None
    return match.group(1).strip("[]"), int(match.group(2))


def is_refused(address):
    """Whether the machine of "host:port" says that nobody listens there; one that is silent does not."""
    try:
        socket.create_connection(split(address), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def wait_for(addresses, stop=lambda: False, report=print, seconds=1.0):
    """Waits until someone listens at each address, and says for whom after some seconds.

    Args:
      addresses: "host:port" strings.
      stop: function that tells whether to give up.
      report: function of a line of text for the user.
      seconds: float, between two tries.

    Returns:
      Whether all of them are there.
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
    """The addresses of this machine that the host of "host:port" is.

    Only 0.0.0.0 and [::] themselves are all of them, no name that someone resolves to that.

    Returns:
      set of ipaddress.IPv4Address and IPv6Address, not empty.

    Raises:
      OSError: a host that nobody knows, or that is none of this machine's.
    """
    host, port = split(address)
    with contextlib.suppress(ValueError):  # a name
        if ipaddress.ip_address(host).is_unspecified:
            return {ipaddress.ip_address(host)}
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as e:
        raise OSError(errno.EINVAL, "not the name of a host") from e
    every = {ipaddress.ip_address(place[0]) for *_, place in found if "%" not in place[0]}
    here = {ip for ip in every if not ip.is_unspecified and _is_here(ip)}
    if not here:
        raise OSError(errno.EADDRNOTAVAIL, "one of another machine")
    return here


def answer_only_at(addresses, port, report=print):
    """Has this process's listening sockets of a port drop what does not come for some addresses.

    TensorFlow's server listens at all addresses of the machine, whatever it is told. A packet filter on
    its sockets (Linux: SO_ATTACH_FILTER, no privilege is needed) lets in what is addressed to
    `addresses`, and from this machine itself to its loopback. Connections to others that came before it,
    as the server listens before it can be found, are closed. Where the system refuses the filter they
    cannot be held to: that is reported.

    Args:
      addresses: set of `addresses_here`.
      port: integer, at which this process listens.
      report: function of a line of text for the user.

    Returns:
      Whether it holds.
    """
    def failed(why):
        report("Listening at all addresses of this machine: %s" % why)
        return False

    if any(ip.is_unspecified for ip in addresses):
        return True  # all addresses are asked for
    hosts = addresses.union(map(ipaddress.ip_address, ("127.0.0.1", "::1")))
    program = _filter(hosts)
    code = ctypes.create_string_buffer(program)
    with contextlib.ExitStack() as stack:
        listening = [stack.enter_context(one) for one in _sockets(
            inode for state, _, inode in _table(port) if state == _LISTEN)]
        if not listening:
            return failed("its sockets are not to be found")
        for one in listening:
            try:
                one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack(
                    "HP", len(program) // 8, ctypes.addressof(code)))
            except OSError as e:  # in some containers, or where all filters together are too large
                return failed("no filter for its sockets, %s" % e.strerror)
        if not _close_others(listening, port, hosts):
            return failed("some connections were there before the filter")
    return True


def _close_others(listening, port, hosts):
    """Closes the connections of a port that are not to `hosts`, also those that nobody has accepted yet.

    Returns:
      Whether none is left.
    """
    for _ in range(100):  # a process without free descriptors cannot accept what is to be closed
        others = {inode for state, ip, inode in _table(port) if state in _OPEN and ip not in hosts}
        if not others:
            return True
        for one in _sockets(others):
            with one, contextlib.suppress(OSError):  # closed meanwhile
                one.shutdown(socket.SHUT_RDWR)
        for one in listening if _NOT_ACCEPTED in others else ():
            one.setblocking(False)  # as TensorFlow has it
            with contextlib.suppress(OSError):  # that none is left, above all
                while True:
                    one.accept()[0].close()
    return False


_SO_ATTACH_FILTER = 26  # of Linux; the socket module has no name for it
_NETWORK_HEADER = 0x100000000 - 0x100000  # SKF_NET_OFF: offsets from here on are of the IP header


def _filter(hosts):
    """A classic BPF program that accepts packets to the addresses."""
    def load_word(offset):
        return (0x20, 0, 0, _NETWORK_HEADER + offset)

    accept, drop = (0x06, 0, 0, 0xffffffff), (0x06, 0, 0, 0)
    program = {4: [], 6: []}
    for ip in sorted(hosts, key=str):
        words = struct.unpack("!%dI" % (len(ip.packed) // 4), ip.packed)
        first = 16 if ip.version == 4 else 24  # of the destination
        for i, word in enumerate(words):
            # If it is another word, on behind this address: past the words that are left and `accept`.
            program[ip.version] += [load_word(first + 4 * i),
                                    (0x15, 0, 2 * (len(words) - i - 1) + 1, word)]
        program[ip.version].append(accept)
    of_4, of_6 = (program[version] + [drop] for version in (4, 6))
    # The version is the header's first half byte. A jump of a number of instructions that fits a byte:
    # an always-jump (0x05) has 32 bits.
    instructions = [(0x30, 0, 0, _NETWORK_HEADER), (0x74, 0, 0, 4), (0x15, 1, 0, 6),
                    (0x05, 0, 0, 1), (0x05, 0, 0, len(of_4))] + of_4 + of_6
    return b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)


# Of the tables in /proc: states of sockets, and the inode of those that wait to be accepted.
_LISTEN, _OPEN, _NOT_ACCEPTED = "0A", ("01", "08"), "0"


def _table(port):
    """Yields (state, local address, inode) of the sockets of a port."""
    for name in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with open(name) as stream:
                rows = [line.split() for line in stream][1:]
        except OSError:
            continue
        for row in rows:
            host, _, its_port = row[1].partition(":")
            if int(its_port, 16) == port:
                # Words of 32 bits, as numbers of this machine.
                ip = ipaddress.ip_address(b"".join(
                    struct.pack("=I", int(host[i:i + 8], 16)) for i in range(0, len(host), 8)))
                yield row[3], getattr(ip, "ipv4_mapped", None) or ip, row[9]


def _sockets(inodes):
    """Duplicates of this process's sockets that have these inodes."""
    inodes, found = set(inodes), []
    for name in os.listdir("/proc/self/fd") if inodes else ():
        with contextlib.suppress(OSError):  # closed meanwhile
            duplicate = os.dup(int(name))  # before it is looked at: the server may give its number away
            status = os.fstat(duplicate)
            if stat.S_ISSOCK(status.st_mode) and str(status.st_ino) in inodes:
                found.append(socket.socket(fileno=duplicate))
            else:
                os.close(duplicate)
    return found


def _is_here(ip):
    """Whether an address is one of this machine's."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True
