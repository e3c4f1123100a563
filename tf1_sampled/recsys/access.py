"""Access checks of the HTTP service: the names of the host and the origin, and a token.

    access = Access(["box.example"], token="")
    access.check(request.headers, "127.0.0.1", needs_token=True)    # raises Refused

A page of another site cannot read the service's answers, unless a name of that site leads to this
machine (DNS rebinding). The browser then sends that name as the Host. So only requests to names of this
machine are answered: localhost, loopback addresses, the address of the connection, the machine's name
and the listed names. A request with an Origin comes from a page; that origin must have such a name too.
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
_TOKEN = "[A-Za-z0-9._~+/-]+=*"  # as defined by RFC 6750
_LONGEST_TOKEN = 4096


class Access:
    """The access rules of a service.

    Args:
      hosts: list of strings, names and addresses to answer in addition to those of this machine; ANY for
        all.
      token: string that each request must have; "" for none.
    """

    def __init__(self, hosts=(), token=""):
        name = socket.gethostname().lower()
        self._hosts = {"localhost", name, name.partition(".")[0], *hosts} - {""}
        self._token = token.encode("ascii")

    def check(self, headers, own_address, needs_token):
        """Raise Refused unless a request with these headers is allowed.

        Args:
          headers: CIMultiDict.
          own_address: string, the local address of the connection.
          needs_token: boolean.

        Raises:
          Refused: another host or origin, a missing or wrong token.
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
    """Return the hosts in an option: names and addresses separated by commas, or ANY.

    Raises:
      InputError: an entry that is not a host, such as one with a port.
    """
    hosts = [host.strip().lower() for host in text.split(",")] if text else []
    for host in hosts:
        is_host = host == ANY or _address(host) or _host_of(host) == host
        checks.argument(host and is_host, "serve", "--allowed_hosts",
                        "host names separated by commas, or *", host)
    return hosts


def read_token(path):
    """Return (the token in the first line of a file, whether other users may read the file).

    Raises:
      InputError: a file that cannot be read or has no token.
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
    """Return whether only this machine can reach an address."""
    return _address(address).is_loopback


def _wrong(header, got):
    wanted = "a name of this machine or one of --allowed_hosts"
    return queries.wrong(header, wanted, checks.printable(got))


@functools.lru_cache(maxsize=256)
def _host_of(text, scheme=""):
    """Return the host in "host", "host:port" or an origin; "" if there is none."""
    found = re.fullmatch(scheme + _HOST, text.lower())
    return found.group(1).strip("[]") if found else ""


@functools.lru_cache(maxsize=256)
def _address(text):
    """Return the ipaddress in a text; None for a name."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
