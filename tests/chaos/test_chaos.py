"""The short form of `make chaos`: every kind of fault once, about a minute."""

from chaos import PLANS, Chaos

SEED = 20


def survives(store, faults):
    run = Chaos(store, SEED, clients=6).run(faults)
    print(run.report())
    assert not run.problems, run.report()
    assert run.ledger.rights() >= 10 * len(faults) and sum(run.ledger.faults.values()) == len(faults)
    return run


def test_processes_and_network_over_s3():
    assert survives("s3", PLANS["s3"]).takeovers > 0


def test_the_disk_of_the_file_server():
    survives("directory", PLANS["directory"])
