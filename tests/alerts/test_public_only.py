"""No connection to a private network, whatever a name says the second time or where a server redirects."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from bot.alerts import public_only as guard
from bot.alerts.public_only import PrivateAddressError, is_public, public_only


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:1.1.1.1", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:0:0::", False),
        ("64:ff9b:1::a00:1", False),
        ("::10.0.0.1", False),
        ("::ffff:168.63.129.16", False),
        ("168.63.129.16", False),
        ("fec0::1", False),
        ("not an address", False),
    ],
)
def test_what_is_public(address, public):
    assert is_public(address) is public


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_a_guarded_thread_cant_connect_to_this_machine_and_others_can(port, tmp_path):
    connect(port)
    with public_only():
        with pytest.raises(PrivateAddressError):
            connect(port)
        with socket.socket(socket.AF_UNIX) as unix, pytest.raises(PrivateAddressError):
            unix.connect(str(tmp_path / "socket"))
        others = []
        thread = threading.Thread(target=lambda: others.append(connect(port)))
        thread.start()
        thread.join()
        assert others == [None]
    connect(port)


def test_where_a_server_redirects_is_guarded_too(port, monkeypatch):
    """As apprise follows it; here 127.0.0.2 stands for a public server."""

    class Redirect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{port}/")
            self.end_headers()

        def log_message(self, *_anything: object) -> None:
            pass

    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.2")
    with HTTPServer(("127.0.0.2", 0), Redirect) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with public_only(), pytest.raises(requests.ConnectionError, match="not a public address"):
                requests.post(f"http://127.0.0.2:{server.server_port}/", timeout=5)
        finally:
            server.shutdown()
            thread.join()
