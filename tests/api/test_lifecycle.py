"""Stopping, starting again, being killed: what was answered stays true."""

import http.client
import os
import signal
import subprocess
import threading

import census
from harness import binary, by_name, clean_environment, free_port, reference, until
from waiting import Waiting


def refuses_connections(server):
    try:
        connection = server.connect(timeout=2)
        connection.connect()
        connection.close()
        return False
    except OSError:
        return True


def test_stop_lets_a_running_program_finish(make_server):
    it = make_server()
    running = Waiting(it, "wait_for_the_test()\nprint('finished')\nopen('late.txt', 'w').write('kept')")
    idle = it.connect()
    assert it.get("/v1/health", connection=idle).status == 200
    it.process.send_signal(signal.SIGTERM)
    until(lambda: refuses_connections(it), "a stopping server takes no new connections")
    running.release()
    reply = running.reply()
    assert reply.status == 200 and reply.json["stdout"] == "finished\n"
    assert it.wait() == 0, it.log()
    again = make_server(data_dir=it.data_dir)
    assert again.download(reply.json["files"][0]).body == b"kept"


def test_stop_does_not_wait_longer_than_the_grace_period(make_server):
    it = make_server({"CODEAPI_SHUTDOWN_GRACE": 500})
    running = Waiting(it)
    assert it.stop() == 0, it.log()
    until(running.gone, "the program is dead")


def test_stop_when_idle_leaves_nothing(make_server):
    it = make_server()
    family = {pid: census.start_time(pid) for pid in census.tree(it.process.pid)}
    tops = it.census.tops
    assert it.stop() == 0, it.log()
    until(lambda: not any(census.start_time(pid) == started for pid, started in family.items()),
          "every process of the server has ended")
    until(lambda: not any(os.path.exists(top) for top in tops), lambda: f"the cgroups are gone: {tops}")


def test_restart_keeps_objects_and_ownership(make_server):
    first = make_server()
    files = first.exec_("bash",
                        "mkdir d; echo one > d/one.txt; head -c 3000000 /dev/urandom > two.zip")["files"]
    bytes_before = [first.download(file).body for file in files]
    assert first.stop() == 0
    second = make_server(data_dir=first.data_dir)
    assert [second.download(file).body for file in files] == bytes_before
    answer = second.exec_("bash", "cat d/one.txt; wc -c < two.zip", files=[reference(file) for file in files])
    assert answer["stdout"] == "one\n3000000\n"
    assert answer["files"] == [{**file, "inherited": True} for file in files]


def keep_storing(server, acknowledged, stop):
    """Stores object after object and notes each one that was answered for; ends when the server is gone."""
    number = 0
    while not stop.is_set():
        number += 1
        content = f"{threading.get_ident()} {number} ".encode() * 2000
        try:
            answer = server.exec_("bash", "cat > object.txt", stdin=content.decode())
        except (OSError, http.client.HTTPException):  # no answer, or half of one: not acknowledged
            return
        acknowledged.append((answer["files"][0], content))


def test_kill_9_loses_no_acknowledged_object(make_server):
    it = make_server()
    acknowledged, stop, data_dir = [], threading.Event(), it.data_dir
    for enough in (1, 12, 25):
        family = {pid: census.start_time(pid) for pid in census.tree(it.process.pid)}
        threads = [threading.Thread(target=keep_storing, args=(it, acknowledged, stop)) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(acknowledged) >= enough, f"{enough} objects are stored", 60)
        it.kill()
        for thread in threads:
            thread.join()
        until(lambda: not any(census.start_time(pid) == started for pid, started in family.items()),
              "the jailer and its cells die with their server")
        until(lambda: not census.of_uids(it.uid_base), "no program outlives the server")
        it = make_server(data_dir=data_dir)
        for file, content in acknowledged:
            reply = it.download(file)
            assert reply.status == 200 and reply.body == content
    files = [reference(file, name=f"{n}.txt") for n, (file, _) in enumerate(acknowledged[:20])]
    answer = it.exec_("bash", "ls | wc -l", files=files)
    assert len(answer["files"]) == len(files) and all(file["inherited"] for file in answer["files"])


def test_kill_9_of_the_jailer_does_not_end_the_service(make_server):
    it = make_server()
    stored = it.exec_("bash", "echo kept > kept.txt")["files"][0]
    jailers = census.named_below(it.process.pid, "codeapi-jailer")
    assert jailers, "the server has a jailer"
    for pid in jailers:
        os.kill(pid, signal.SIGKILL)

    def works_again():
        reply = it.post({"lang": "bash", "code": "echo back"})
        assert reply.status in (200, 503), reply
        return reply.status == 200 and reply.json["stdout"] == "back\n"

    until(works_again, "programs run again", 30)
    assert it.download(stored).body == b"kept\n"


def test_second_server_on_the_same_data_is_refused(server):
    run = subprocess.run([binary(), "serve"], capture_output=True, text=True, timeout=60,
                         stdin=subprocess.DEVNULL,
                         env=clean_environment(SERVICE_PORT=free_port(), CODEAPI_DATA_DIR=server.data_dir))
    assert run.returncode != 0
    assert str(server.data_dir) in run.stderr
    assert server.exec_("bash", "echo unharmed")["stdout"] == "unharmed\n"


def test_taken_port_is_said(server, tmp_path):
    run = subprocess.run([binary(), "serve"], capture_output=True, text=True, timeout=60,
                         stdin=subprocess.DEVNULL,
                         env=clean_environment(SERVICE_PORT=server.port, CODEAPI_DATA_DIR=tmp_path))
    assert run.returncode != 0
    assert str(server.port) in run.stderr


def test_objects_are_not_readable_for_others_on_the_machine(make_server):
    it = make_server()
    it.exec_("bash", "echo private > private.txt")
    assert it.data_dir.stat().st_mode & 0o007 == 0 or all(
        path.stat().st_mode & 0o007 == 0 for path in it.data_dir.iterdir())


def test_outputs_of_one_execution_are_all_or_their_names_unique(make_server):
    it = make_server()
    answer = it.exec_("bash", "for n in $(seq 50); do echo $n > $n.txt; done")
    assert len(by_name(answer)) == 50
