"""Which addresses a server's admins may give, and what is shown of them."""

import pytest

from bot.alerts.addresses import AddressRefusedError, check_form, host_of, label_of
from bot.alerts.public_only import PrivateAddressError, require_public

KIND = "I don't send to that kind of address."


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("mailtos://me:hunter2@example.com?to=you@example.org", "mailtos://…@example.com"),
        ("jsons://user:hunter2@example.com/hunter2?+X-Key=hunter2", "jsons://example.com/…"),
        ("discord://1234567890/hunter2", "discord://…"),
        ("slack://hunter2/hunter2/hunter2/#general", "slack://…"),
        ("https://discord.com/api/webhooks/123/hunter2", "https://discord.com/…"),
        ("https://hooks.slack.com/services/T1/B1/hunter2", "https://hooks.slack.com/…"),
    ],
)
def test_taken_and_masked(address, label):
    """I35."""
    check_form(address)
    assert label_of(address) == label
    assert "hunter2" not in label


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "Give an address such as"),
        ("hunter2", "Give an address such as"),
        ("json://", "Give an address such as"),
        ("json://[hunter2", "Give an address such as"),
        ("json://example.com/ json://127.0.0.1", "Give an address such as"),
        ("json://example.com/\n", "Give an address such as"),
        ("json://example.com/" + "a" * 500, "Give an address such as"),
        ("file:///etc/passwd", "Give an address such as"),
        ("file://host/etc/passwd", KIND),
        ("exec://host", KIND),
        ("syslog://localhost", KIND),
        ("dbus://x", KIND),
        ("mqtt://example.com/topic", KIND),
        ("vapid://me@example.com?keyfile=/etc/passwd", KIND),
        ("JSONS://", "Give an address such as"),
        ("https://example.com/hook", "I can't send to that web page."),
        ("https://discord.com.example.com/api/webhooks/1/2", "I can't send to that web page."),
        ("https://discord.com/api/webhooks/1/2?template=/etc/passwd", "I can't send to that web page."),
        ("slack://a/b/c?template=/etc/passwd", "Leave out `template` from the address."),
        ("slack://a/b/c/#general?template=/etc/passwd", "Leave out `template` from the address."),
        ("jsons://example.com?method=POST;%20Verify%20=no", "Leave out `verify` from the address."),
        ("jsons://example.com?method=POST?verify=no", "Give an address such as"),
        ("mailtos://a:b@example.com?pgpkey=/etc/passwd", "Leave out `pgpkey` from the address."),
        ("jsons://example.com?verify=no&rto=99999", "Leave out `rto` from the address."),
        ("jsons://example.com?redirect=yes", "Leave out `redirect` from the address."),
    ],
)
def test_refused_in_words_that_quote_nothing(address, words):
    """I35."""
    with pytest.raises(AddressRefusedError) as caught:
        check_form(address)
    assert str(caught.value).startswith(words)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "json://127.0.0.1:9/x",
        "json://localhost/x",
        "jsons://10.0.0.1/x",
        "jsons://192.168.1.1/x",
        "jsons://169.254.169.254/latest",
        "jsons://0.0.0.0/",
        "jsons://[::1]/",
        "jsons://[::ffff:127.0.0.1]/",
        "jsons://[fd00::1]/",
        "gotify://127.0.0.1/token",
        "mailtos://me:x@example.com?smtp=127.0.0.1",
        "mailtos://me:x@example.com?to=a@b.c;SMTP=127.0.0.1",
        "jsons://2130706433/",
        "jsons://0x7f.1/",
    ],
)
def test_private_networks_are_refused(address):
    with pytest.raises(PrivateAddressError):
        require_public(host_of(address))


@pytest.mark.parametrize(
    "address",
    [
        "json://1.1.1.1@127.0.0.1/x",
        "json://1.1.1.1:80@127.0.0.1:9/x",
        "json://127.0.0.1#@1.1.1.1/x",
        "json://1.1.1.1\\@127.0.0.1/x",
        "json://127.0.0.1%00.example.com/x",
        "jsons://①②⑦.0.0.1/",
        "jsons://127。0。0。1/",
        "jsons://0177.0.0.1/",
        "jsons://127.1/",
        "jsons://0/",
        "jsons://LOCALHOST./",
        "jsons://[::ffff:7f00:1]/",
        "jsons://[0:0:0:0:0:ffff:127.0.0.1]/",
        "jsons://[64:ff9b::169.254.169.254]/",
        "jsons://[2002:7f00:1::]/",
        "mailtos://127.0.0.1@1.1.1.1?smtp=1.1.1.1@127.0.0.1",
        "https://discord.com@127.0.0.1/api/webhooks/1/2",
        "https://discord.com\\@127.0.0.1/api/webhooks/1/2",
        "https://127.0.0.1/api/webhooks/1/2#discord.com",
        "https://127.0.0.1/discord.com/api/webhooks/1/2",
        "https://discord.com.127.0.0.1/api/webhooks/1/2",
    ],
)
def test_no_spelling_gets_around_that(address):
    """Userinfo, other bases, other scripts' digits, IPv4 within IPv6, a vendor's name beside another host."""
    with pytest.raises((AddressRefusedError, OSError)):
        check_form(address)
        require_public(host_of(address))


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("jsons://1.1.1.1/x", "1.1.1.1"),
        ("mailtos://me:x@127.0.0.1?smtp=8.8.8.8", "8.8.8.8"),
        ("json://127.0.0.1?smtp=8.8.8.8", "127.0.0.1"),
        ("discord://127.0.0.1/x", ""),  # no host at all, but half of a secret
        ("ntfy://topic", ""),
        ("ntfy://topic/", ""),
        ("ntfy://10.0.0.1/topic", "10.0.0.1"),
        ("ntfys://me:x@10.0.0.1?to=topic", "10.0.0.1"),
        ("ntfy://10.0.0.1?mode=private", "10.0.0.1"),
    ],
)
def test_where_it_goes(address, host):
    check_form(address)
    assert host_of(address) == host


@pytest.mark.parametrize("host", ["a`b.example", "a\u202eb.example", "a**b.example"])
def test_a_label_can_t_break_out_of_its_mark(host):
    """I27."""
    assert label_of(f"json://{host}/x") == "json://ab.example/…"
    assert label_of(f"mailto://me:x@{host}") == "mailto://…@ab.example"
