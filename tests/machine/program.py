"""Runs the programs of this directory's tests: each prints what it found, one `name value` line per fact."""

import textwrap


def run(server, lang, code, **body):
    """The stdout of a program that must end well and say nothing on stderr."""
    answer = server.exec_(lang, textwrap.dedent(code), **body)
    assert (answer["code"], answer["status"], answer["stderr"]) == (0, None, ""), answer
    return answer["stdout"]


def facts(server, lang, code, **body):
    """The lines `name value` of such a program, as a dict."""
    return dict(line.partition(" ")[::2] for line in run(server, lang, code, **body).splitlines())


def fails(server, lang, code, **body):
    """The stderr of a program that must end with an exit code of its own, other than 0."""
    answer = server.exec_(lang, textwrap.dedent(code), **body)
    assert answer["code"] not in (0, 137) and answer["status"] is None, answer
    return answer["stderr"]
