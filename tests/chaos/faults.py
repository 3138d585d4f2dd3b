"""What breaks, one method each. A fault waits for what it does to be seen, never for a time to pass."""

import os
import signal

from harness import until
from observer import leases
from stage import LEASE_SECONDS

SECONDS = 150  # for what has to happen at some time
PATIENCE = LEASE_SECONDS * 4
RIGHT_AFTER = 10  # right answers after each fault before the next


class Faults:
    def __init__(self, stage, ledger, observer, rng):
        self.stage, self.ledger, self.observer, self.rng = stage, ledger, observer, rng

    def strike(self, name):
        """One fault from its beginning until the service is well again."""
        self.ledger.faults[name] += 1
        getattr(self, name)()
        self.well()

    def well(self):
        def all_well():
            # The dead have been buried, so that the next fault's takeovers are its own.
            return (leases(self.stage.redis) == len(self._with_proxies())
                    and all(_status(api, "/v1/health") == 200 for api in self.stage.apis)
                    and all(_status(worker, "/ready") == 200 for worker in self.stage.workers)
                    and _status(self.stage.file_server, "/ready") == 200)
        until(all_well, lambda: "not well again:\n" + "\n".join(
            process.role + "\n" + process.log()[-1500:] for process in self.stage.processes()), SECONDS)
        self._rights(RIGHT_AFTER)

    # -- processes ------------------------------------------------------------------------------------------

    def kill_worker(self):
        self.stage.kill(self._busy_worker())
        self.stage.add_worker()

    def kill_api(self):
        api = self.rng.choice(self.stage.apis)
        until(lambda: _value(api, "codeapi_http_requests_total") > 0, "the api has requests", SECONDS)
        self.stage.add_api()
        self.stage.kill(api)

    def kill_redis(self):
        self.stage.redis.kill()
        until(lambda: all(_status(api, "/v1/health") == 503 for api in self.stage.apis), "it is noticed", SECONDS)
        self.stage.redis.start()

    def kill_s3(self):
        before = self.ledger.errors()
        self.stage.s3.kill()
        until(lambda: self.ledger.errors() > before, "somebody misses S3", SECONDS)
        self.stage.s3.start_again()

    def kill_file_server(self):
        before, server = self.ledger.errors(), self.stage.file_server
        self.stage.kill(server)
        until(lambda: self.ledger.errors() > before, "somebody misses the file server", SECONDS)
        self.stage.add_file_server(server.port)

    def stop_worker(self):
        """It is taken for dead, and then goes on as if nothing had been."""
        self._taken_for_dead(lambda worker: worker.process.send_signal(signal.SIGSTOP),
                             lambda worker: worker.process.send_signal(signal.SIGCONT))

    # -- the network ----------------------------------------------------------------------------------------

    def partition_worker(self):
        """The same by a network that passes nothing."""
        self._taken_for_dead(lambda worker: worker.proxy.stall(), lambda worker: worker.proxy.resume())

    def partition_api(self):
        api = self.rng.choice(self.stage.apis)
        api.proxy.stall()
        try:
            until(lambda: _status(api, "/v1/health") == 503, "it is noticed", SECONDS)
        finally:
            api.proxy.resume()

    def slow_network(self):
        for process in self._with_proxies():
            process.proxy.delay = self.rng.uniform(0.01, 0.1)
        self._rights(RIGHT_AFTER)
        for process in self._with_proxies():
            process.proxy.delay = 0.0

    def cut_connections(self):
        for _ in range(5):
            for process in self._with_proxies():
                process.proxy.cut()
            self._rights(1)

    # -- the disk -------------------------------------------------------------------------------------------

    def fill_disk(self):
        before, filler = self.ledger.errors(), self.stage.disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        try:
            until(lambda: self.ledger.errors() > before, "somebody notices", SECONDS)
        finally:
            os.unlink(filler)

    # -- parts of them --------------------------------------------------------------------------------------

    def _with_proxies(self):
        return [*self.stage.apis, *self.stage.workers]

    def _busy_worker(self):
        workers = list(self.stage.workers)
        self.rng.shuffle(workers)
        return until(lambda: next((worker for worker in workers if _value(worker, "codeapi_active_jobs") > 0), None),
                     "a worker has work", SECONDS)

    def _taken_for_dead(self, hang, go_on):
        """Until a job is taken from a worker that hangs; it may have ended its last one in that moment."""
        for _ in range(5):
            before, worker = self.observer.takeovers, self._busy_worker()
            hang(worker)
            try:
                until(lambda: self.observer.takeovers > before, "no job was taken over", PATIENCE)
                return
            except AssertionError:
                continue
            finally:
                go_on(worker)
        raise AssertionError("no job of five workers that hung was taken over")

    def _rights(self, more):
        before = self.ledger.rights()
        until(lambda: self.ledger.rights() >= before + more, "right answers", SECONDS)


def _status(process, path):
    try:
        return process.get(path, timeout=10).status
    except OSError:
        return 0


def _value(process, wanted):
    """The sum of the samples of this name; 0 while nobody answers."""
    try:
        text = process.get("/metrics", timeout=10).body.decode()
    except OSError:
        return 0
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith((wanted + " ", wanted + "{")))
