"""The same for programs that work with data, whose zygote has loaded numpy, pandas and matplotlib."""

import json

import pytest
from data_programs import PROGRAMS
from outcome import both_ways


@pytest.fixture(scope="module")
def outcomes(data_pair):
    return both_ways(data_pair, {name: (code, {"timeout": 30_000}) for name, code in PROGRAMS.items()})


def test_every_program_was_started_warm_and_cold(outcomes):
    assert outcomes["started"] == (len(PROGRAMS), 0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_same(outcomes, name):
    warm, cold = outcomes[name]
    assert warm == cold


def test_what_it_is_about_is_installed(outcomes):
    for name in "numpy", "pandas", "matplotlib.pyplot", "PIL.Image":
        assert outcomes[f"import {name}"][0]["code"] == 0, outcomes[f"import {name}"]


def test_random_numbers_are_each_programs_own(data_pair):
    code = "import json, numpy as np; print(json.dumps([np.random.rand(), np.random.default_rng().random()]))"
    answers = [json.loads(data_pair[0].exec_("py", code)["stdout"]) for _ in range(4)]
    for values in zip(*answers):
        assert len(set(values)) == len(answers), values
