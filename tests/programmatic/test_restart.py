"""Programs that wait while their server is stopped, and go on with the next one."""

from census import of_uids
from rounds import go_on, results, start, tool

CODE = """
print('one')
a = await echo(value='a')
b = await echo(value='b')
open('/mnt/data/out.txt', 'w').write(a + b)
print(a, b)
"""


def test_a_program_is_run_again_from_its_record_and_its_tools_are_not(make_server):
    called = []

    def echo(name, given):
        called.append(given["value"])
        return given["value"]

    server = make_server()
    first = start(server, CODE, [tool("echo", "value")]).json
    second = go_on(server, first, results(first["tool_calls"], echo)).json
    assert second["partial_stdout"] == "one\n"
    assert server.stop() == 0, server.log()
    assert not of_uids(server.uid_base)

    after = make_server(data_dir=server.data_dir)
    sent = results(second["tool_calls"], echo)
    final = go_on(after, second, sent)
    assert final.json["status"] == "completed", final
    assert final.json["stdout"] == "one\na b\n"
    assert final.json["session_id"] == first["session_id"]
    assert called == ["a", "b"]
    assert after.download(final.json["files"][0]).body == b"ab"
    assert go_on(after, second, sent).json == final.json
    after.census.assert_idle()
