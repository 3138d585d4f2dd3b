"""S3ObjectStore against a real server that refuses wrong signatures: the unit tests' contract suite."""

import os
import pathlib
import re
import subprocess

from harness import binary

STORE_TESTS = pathlib.Path(binary()).parent / "store_tests"
SUITE = "DISABLED_S3Real*"


def run_suite(s3, **changed):
    """The suite's output and exit status."""
    environment = {**os.environ, "S3_TEST_ENDPOINT": f"127.0.0.1:{s3.port}", "S3_TEST_ACCESS_KEY": s3.access_key,
                   "S3_TEST_SECRET_KEY": s3.secret_key, **changed}
    done = subprocess.run([STORE_TESTS, "--gtest_also_run_disabled_tests", f"--gtest_filter={SUITE}"], text=True,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200, check=False)
    return done.returncode, done.stdout


def test_the_store_keeps_its_contract(s3):
    status, output = run_suite(s3)
    assert status == 0, output
    assert int(re.search(r"\[  PASSED  \] (\d+) tests?\.", output)[1]) >= 15, output
    assert s3.refusals == []


def test_wrong_keys_are_refused(s3):
    """Otherwise the test above would not mean much."""
    status, output = run_suite(s3, S3_TEST_SECRET_KEY="another")
    assert status != 0
    assert "was answered 403" in output
    assert any("SignatureDoesNotMatch" in line for line in s3.refusals)
    s3.refusals.clear()
