"""Attacks through the names of files (36–38): what comes back, what is left out, what cannot be made."""

import socket
import urllib.parse

import pytest
from attack import attack
from expect import assert_answer
from harness import ANSWER_SECONDS, by_name, reference

ATTACKS = {
    36: ("Names that mean something to somebody",
         "a name is relative, UTF-8, without `..`, backslash and NUL, at most 256 bytes; the rest is "
         "left out and said"),
    37: ("Names that are equal after folding", "names are bytes and are never folded"),
    38: ("Headers through the name of a download",
         "RFC 5987: every byte but letters, digits and a few is escaped"),
}

KEPT = ["CON.txt", "nul.txt", "a:b.txt", "c:.txt", 'quote".txt', "apo'strophe.txt", "-rf.txt", "--help.txt",
        " lead.txt",
        "trail .txt", "semi;colon.txt", "pipe|.txt", "star*.txt", "what?.txt", "<script>.txt", "$(id).txt",
        "`id`.txt", "%2e%2e%2fx.txt", "%00.txt", "new\nline.txt", "return\r.txt",
        "crlf\r\nX-Injected: yes\r\n\r\n.txt",
        "tab\t.txt", "escape\x1b[31m.txt", "bell\x07.txt", "delete\x7f.txt", "rtl\u202etxt.exe.txt",
        "caf\u00e9.txt",
        "cafe\u0301.txt", "zero\u200bwidth.txt", "😀.txt", "\ufeffbom.txt", "line\u2028.txt", "..a.txt",
        "...txt",
        "~.txt", "#.txt", "&amp;.txt", "{}.txt", "a..txt", "n" * 251 + ".txt",
        "..\u2044x.txt",
        "d/a..b/c.txt", "\x01.txt"]
LEFT_OUT = [b"back\\slash.txt", b"..\\up.txt", b"\xff.txt", b"\xc0\xae\xc0\xae.txt", b"\xed\xa0\x80.txt",
            b"d" * 200 + b"/" + b"x" * 60 + b".txt"]
NEVER_MADE = {b"../x.txt": "EROFS", b"../../x.txt": "EROFS", b"/x.txt": "EROFS", b"/etc/x.txt": "EROFS",
              b"..": "EEXIST", b".": "EEXIST", b"": "ENOENT", b"dir.txt/": "EISDIR",
              b"nul\0.txt": "ValueError",
              b"n" * 252 + b".txt": "ENAMETOOLONG", b"p/" * 2500 + b".txt": "ENAMETOOLONG",
              b"/mnt/data/../x.txt": "EROFS"}


def made(server):
    tried = [*(name.encode() for name in KEPT), *LEFT_OUT, *NEVER_MADE]
    return attack(server, "36_names.py", stdin="\n".join(name.hex() for name in tried), beside=False)


@pytest.fixture(scope="module")
def named(server):
    return made(server)


def test_36_names_come_back_or_are_said(server, named):
    assert_answer(named)
    refused = dict(line.split(" ") for line in named["stdout"].splitlines())
    assert {bytes.fromhex(name): error for name, error in refused.items()} == NEVER_MADE
    files = by_name(named)
    assert set(files) == set(KEPT)
    for name, file in files.items():
        assert server.download(file).body == name.encode().hex().encode()
    report = named["artifact_truncation"]
    assert (report["reasons"], report["skipped_count"]) == (["path"], len(LEFT_OUT))


def test_36_names_that_came_back_can_be_handed_on(server, named):
    look = ("import os\n"
            "for directory, _, names in os.walk(b'.'):\n"
            "    for name in names:\n"
            "        path = os.path.join(directory, name)[2:]\n"
            "        print(path.hex(), open(path).read())\n")
    answer = server.exec_("py", look, files=[reference(file) for file in named["files"]])
    assert_answer(answer)
    found = {tuple(line.split(" ")) for line in answer["stdout"].splitlines()}
    assert {(name.encode().hex(),) * 2 for name in KEPT} <= found
    assert answer["files"] == [{**file, "inherited": True} for file in named["files"]]


def test_37_names_that_are_equal_after_folding_stay_apart(server):
    answer = attack(server, "37_twins.py")
    files = by_name(answer)
    assert len(files) == 20
    assert all(server.download(file).body == name.encode().hex().encode() for name, file in files.items())
    look = ("import glob\n"
            "for n in glob.glob('**/*.[tT]*', recursive=True): print(open(n).read() == n.encode().hex())")
    again = server.exec_("py", look, files=[reference(file) for file in files.values()])
    assert_answer(again, stdout="True\n" * 20)


def headers(server, file):
    """The header lines of a download as they are on the wire."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS) as connection:
        path = f"/v1/download/{file['storage_session_id']}/{file['id']}?kind=user&id=local"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


def test_38_no_name_makes_a_header(server, named):
    plain, _ = headers(server, named["files"][0])
    expected = [line.split(b":")[0] for line in plain]
    for file in named["files"]:
        lines, body = headers(server, file)
        assert [line.split(b":")[0] for line in lines] == expected, lines
        assert body == file["name"].encode().hex().encode()
        disposition, = [line for line in lines if line.lower().startswith(b"content-disposition:")]
        encoded = disposition.partition(b"filename*=UTF-8''")[2].decode("ascii")
        assert urllib.parse.unquote(encoded, errors="strict") == file["name"]
        assert all(character.isalnum() or character in "!#$&+-.^_`|~%" for character in encoded), encoded
