#!/usr/bin/python3
"""Two executions through the HTTP API, as a client does it: one makes a file, the next one is given it.

Usage: first_run.py BASE_URL PNG_PATH     for example http://127.0.0.1:3112/v1 plot.png
"""

import json
import os
import pathlib
import sys
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
TIMEOUT_SECONDS = 120

# The service is on this machine: a proxy from the environment has no business here.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(Exception):
    """What went wrong, in one line for people."""


def fetch(url, body=None):
    """The answer's bytes; POSTs `body` as JSON if there is one."""
    request = urllib.request.Request(url)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Failure(f"{url} answered {error.code}: {error.read(2000).decode(errors='replace')}") from error
    except OSError as error:
        raise Failure(f"{url} cannot be reached: {error}") from error


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


def execute(base, title, body):
    """Runs a program, shows its answer and returns it. A program that fails is a failure of the example."""
    print(f"\n{title}\n  POST {base}/exec  lang={body['lang']}", flush=True)
    try:
        answer = json.loads(fetch(f"{base}/exec", body))
    except ValueError as error:
        raise Failure(f"the answer is not JSON: {error}") from error
    print(f"  code {answer['code']}, {answer['wall_time']} ms, {answer['memory'] / 2**20:.1f} MiB")
    if answer["stdout"]:
        print("  stdout:\n" + indented(answer["stdout"]), end="")
    if answer["stderr"]:
        print("  stderr:\n" + indented(answer["stderr"]), end="")
    for file in answer["files"]:
        print(f"  file: {file['name']}  id={file['id']}  storage_session_id={file['storage_session_id']}")
    sys.stdout.flush()
    if answer["code"] != 0:
        raise Failure(f"the program ended with code {answer['code']} ({answer['message'] or 'see its stderr'})")
    return answer


def file_named(answer, name):
    for file in answer["files"]:
        if file["name"] == name:
            return file
    raise Failure(f"the answer has no file {name}")


def save(base, file, path):
    """Downloads a file and puts it at `path` whole or not at all."""
    image = fetch(f"{base}/download/{file['storage_session_id']}/{file['id']}?kind=user&id=local")
    if not image.startswith(PNG_MAGIC):
        raise Failure(f"{file['name']} is not a PNG: it begins with {image[:8]!r}")
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(image)
    os.replace(temporary, path)
    print(f"\nThe plot ({len(image)} bytes) is in {path}")


def main(base, png_path):
    made = execute(
        base, "1. A bash program writes a CSV", {"lang": "bash", "code": (HERE / "sales.sh").read_text()}
    )
    csv = file_named(made, "sales.csv")
    reference = {
        "id": csv["id"],
        "name": "sales.csv",
        "storage_session_id": csv["storage_session_id"],
        "kind": "user",
        "resource_id": csv["id"],
    }
    drawn = execute(
        base,
        "2. A Python program is given that CSV, prints a table and draws a plot",
        {"lang": "py", "code": (HERE / "sales.py").read_text(), "files": [reference]},
    )
    save(base, file_named(drawn, "plot.png"), pathlib.Path(png_path))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1].rstrip("/"), sys.argv[2])
    except Failure as failure:
        sys.exit(f"error: {failure}")
    except (KeyError, TypeError) as error:
        sys.exit(f"error: the answer lacks what it should have: {error!r}")
