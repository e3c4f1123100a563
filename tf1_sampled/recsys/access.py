"""Who may ask the HTTP service: by the names of the host and the origin, and by a token.

    access = Access(["box.example"], token="")
    access.check(request.headers, "127.0.0.1", needs_token=True)    # raises Refused

A page of another site cannot read what the service answers, unless a name of that site leads to this
machine (DNS rebinding): then the browser sends that name as the Host. So only names of this machine are
answered: localhost, loopback addresses, the address that the connection came to, the name of the machine
and those that are listed. A request with an Origin comes from a page, which must be of such a host too.
"""
import functools
import hmac
import ipaddress
import os
import re
import socket
import stat

from tf1_sampled import checks
from tf1_sampled.recsys import queries, requests

ANY = "*"
_HOST = r"(\[[0-9a-f:.]+\]|[^\s:\[\]/@,]+)(?::[0-9]+)?"
_TOKEN = "[A-Za-z0-9._~+/-]+=*"  # as RFC 6750 has them
_LONGEST_TOKEN = 4096


class Access:
    """Checks requests.

    Args:
      hosts: list of strings, names and addresses that are answered beside those of this machine; ANY
        for all.
      token: string that a request must have; "" for none.
    """

    def __init__(self, hosts=(), token=""):
        name = socket.gethostname().lower()
        self._hosts = {"localhost", name, name.partition(".")[0], *hosts} - {""}
        self._token = token.encode("ascii")

    def check(self, headers, own_address, needs_token):
        """Raise Refused unless a request with these headers is answered.

        Args:
          headers: CIMultiDict.
          own_address: string, the address that the connection came to.
          needs_token: boolean.

        Raises:
          Refused: another host or origin, no token or another.
        """
        if ANY not in self._hosts:
            for host in headers.getall("Host", [""]):
                if not self._is_ours(_host_of(host), own_address):
                    raise requests.Refused(421, _wrong("Host", host))
            for origin in headers.getall("Origin", ()):
                if not self._is_ours(_host_of(origin, "[a-z][a-z0-9+.-]*://"), own_address):
                    raise requests.Refused(403, _wrong("Origin", origin))
        if self._token and needs_token:
            scheme, _, token = headers.get("Authorization", "").partition(" ")
            is_known = hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token)
            if scheme.lower() != "bearer" or not is_known:
                raise requests.Refused(
                    401, "Authorization: wanted Bearer TOKEN with the token of --token_file, got "
                    "another or none (the page takes it as /#token=TOKEN)",
                    {"WWW-Authenticate": "Bearer"})

    def _is_ours(self, host, own_address):
        if host in self._hosts:
            return True
        address = _address(host)
        return address is not None and (address.is_loopback or address == _address(own_address))


def parse_hosts(text):
    """Return the hosts in an option: names and addresses with commas between, or ANY.

    Raises:
      InputError: something that is not a host, as one with a port.
    """
    hosts = [host.strip().lower() for host in text.split(",")] if text else []
    for host in hosts:
        is_host = host == ANY or _address(host) or _host_of(host) == host
        checks.argument(host and is_host, "serve", "--allowed_hosts",
                        "names of hosts with commas between, or *", host)
    return hosts


def read_token(path):
    """Return (the token in the first line of a file, whether other users may read the file).

    Raises:
      InputError: a file that cannot be read, without a token.
    """
    try:
        with open(path, "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            token = stream.readline(_LONGEST_TOKEN).strip().decode("latin-1")
    except OSError as e:
        raise checks.InputError("%s: wanted a readable file, got: %s" % (path, e.strerror)) from e
    checks.line(re.fullmatch(_TOKEN, token), path, 1, "a token of letters, digits and -._~+/",
                "something else" if token else "")
    return token, stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))


def is_loopback(address):
    """Return whether only this machine reaches an address."""
    return _address(address).is_loopback


def _wrong(header, got):
    wanted = "a name of this machine or one of --allowed_hosts"
    return queries.wrong(header, wanted, checks.printable(got))


@functools.lru_cache(maxsize=256)
def _host_of(text, scheme=""):
    """Return the host in "host", "host:port" or an origin; "" where there is none."""
    found = re.fullmatch(scheme + _HOST, text.lower())
    return found.group(1).strip("[]") if found else ""


@functools.lru_cache(maxsize=256)
def _address(text):
    """Return the ipaddress in a text; None for a name."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
