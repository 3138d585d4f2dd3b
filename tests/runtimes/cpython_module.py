"""Runs modules of CPython's own test suite and prints what came of each test, one JSON object per module.

The same file runs inside a cell and outside, so it knows nothing of either. Arguments: module names, and
after `--only` the ids of the tests to run.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

MODULE_SECONDS = 900
# Of a test with subtests, the worst outcome counts.
WORST = ["pass", "skip", "fail", "error"]
OUTPUT_KEPT = 400


def outcome(case):
    """(outcome, the last line that says why) of one testcase element."""
    for name in ("error", "failure", "skipped"):
        found = case.find(name)
        if found is not None:
            lines = (found.text or found.get("message") or "").strip().splitlines()
            return {"failure": "fail", "skipped": "skip"}.get(name, name), (lines or [""])[-1][:OUTPUT_KEPT]
    return "pass", ""


def run(module, only):
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report.xml")
        command = [sys.executable, "-m", "test", "--junit-xml", report, "--timeout", str(MODULE_SECONDS - 60)]
        for test in only:
            command += ["-m", test]
        try:
            done = subprocess.run([*command, module], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace", cwd=directory,
                                  timeout=MODULE_SECONDS)
            status, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as error:
            status, output = "timeout", (error.stdout or b"").decode("utf-8", "replace")
        tests = {}
        if os.path.exists(report):
            for case in ElementTree.parse(report).iter("testcase"):
                # A subtest carries its parameters behind the name.
                name = re.split(r"[ (\[<]", case.get("name"))[0]
                found = outcome(case)
                if name not in tests or WORST.index(tests[name][0]) < WORST.index(found[0]):
                    tests[name] = found
    # What is not told test by test: a module that cannot run here, or did not come to its end.
    skipped = re.search(rf"^{module} skipped -- (.*)$", output, re.M)
    if skipped:
        tests[module] = ("skip", skipped[1][:OUTPUT_KEPT])
    elif status not in (0, 2, 4) and not any(result in ("fail", "error") for result, _ in tests.values()):
        tests[module] = ("error", f"status {status}: {output.strip()[-OUTPUT_KEPT:]}")
    return {"module": module, "tests": tests}


def main(arguments):
    cut = arguments.index("--only") if "--only" in arguments else len(arguments)
    for module in arguments[:cut]:
        print(json.dumps(run(module, arguments[cut + 1:])), flush=True)


main(sys.argv[1:])
