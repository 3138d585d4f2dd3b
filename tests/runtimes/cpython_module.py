"""Runs a module of CPython's own test suite and prints what came of each test, as a JSON object.

The same file runs inside a cell and outside, so it knows nothing of either. Arguments: the module, and options
of CPython's regression tests (-m, -i).
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

# What takes longer hangs. On an idle machine the longest module takes a tenth of it.
MODULE_SECONDS = 600
# Of a test with subtests, the worst outcome counts.
WORST = ["pass", "skip", "no-socket", "fail", "error"]
OUTPUT_KEPT = 400


def is_refused_socket(lines):
    """Whether a traceback ends where Python asks the kernel for a socket, with a refusal."""
    places = [line for line in lines if line.startswith('  File "')]
    return (bool(places) and re.search(r'/socket\.py", line \d+, in __init__$', places[-1])
            and lines[-1].startswith("PermissionError: [Errno 1]"))


def outcome(case):
    """(outcome, the last line that says why) of one testcase element."""
    for name in ("error", "failure", "skipped"):
        found = case.find(name)
        if found is not None:
            lines = (found.text or found.get("message") or "").strip().splitlines()
            if is_refused_socket(lines):
                return "no-socket", lines[-1]
            return {"failure": "fail", "skipped": "skip"}.get(name, name), (lines or [""])[-1][:OUTPUT_KEPT]
    return "pass", ""


def run(module, options):
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report.xml")
        command = [sys.executable, "-m", "test", "--junit-xml", report, "--timeout", str(MODULE_SECONDS - 30),
                   *options, module]
        # Into a file: what a test has left running would hold the end of a pipe open.
        output_path = os.path.join(directory, "output")
        with open(output_path, "wb") as file:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                       cwd=directory, start_new_session=True)
            try:
                status = process.wait(MODULE_SECONDS)
            except subprocess.TimeoutExpired:
                status = "timeout"
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        with open(output_path, encoding="utf-8", errors="replace") as file:
            output = file.read()
        tests = {}
        if os.path.exists(report):
            for case in ElementTree.parse(report).iter("testcase"):
                # A subtest carries its parameters behind the name.
                # What happens around the tests, in setUpModule say, has no name.
                name = re.split(r"[ (\[<]", case.get("name") or module)[0]
                found = outcome(case)
                if name == module and found[0] == "pass":
                    continue
                if name not in tests or WORST.index(tests[name][0]) < WORST.index(found[0]):
                    tests[name] = found
    # What is not told test by test: a module that cannot run here, or did not come to its end.
    skipped = re.search(rf"^{module} skipped -- (.*)$", output, re.M)
    if skipped:
        tests[module] = ("skip", skipped[1][:OUTPUT_KEPT])
    elif status == "timeout" or "\nTimeout (" in output:
        where = re.search(r" in (test\w*|setUp\w*)$", output[output.rfind("\nTimeout ("):], re.M)
        tests[module] = ("timeout", f"in {where[1]}" if where else output.strip()[-OUTPUT_KEPT:])
    elif status == 2 and not tests:
        tests[module] = ("fail", output.strip().splitlines()[-1][:OUTPUT_KEPT])
    elif status not in (0, 2, 4) and not any(result in ("fail", "error") for result, _ in tests.values()):
        tests[module] = ("error", f"status {status}: {output.strip()[-OUTPUT_KEPT:]}")
    return {"module": module, "tests": tests}


print(json.dumps(run(sys.argv[1], sys.argv[2:])))
