"""Which files of a program come back: extensions, hidden names, kinds of file, caps, order."""

import pytest
from harness import by_name, names


def truncation(answer, skipped):
    """The report about files that were left out."""
    report = answer["artifact_truncation"]
    assert report["code"] == "artifact_truncated"
    assert isinstance(report["reasons"], list) and report["reasons"]
    assert report["skipped_count"] == skipped
    return report


def test_order_is_by_name(server):
    answer = server.exec_("bash", "mkdir m; for n in z b a m/2 m/10 Q; do echo 1 > $n.txt; done")
    assert names(answer) == ["Q.txt", "a.txt", "b.txt", "m/10.txt", "m/2.txt", "z.txt"]
    assert "artifact_truncation" not in answer and "deleted_files" not in answer


def test_ids_and_session(server):
    answer = server.exec_("bash", "for n in 1 2 3; do echo same > $n.txt; done")
    assert {file["storage_session_id"] for file in answer["files"]} == {answer["session_id"]}
    assert len({file["id"] for file in answer["files"]}) == 3


def test_extensions(server):
    kept = ["Dockerfile", "a.CSV", "a.ipynb.json", "a.md", "a.png", "a.tar.gz", "a.yml"]
    left = ["a.xyz", "noextension", "a.pyc", "a.exe", "a.so", "csv.", "Makefile2"]
    answer = server.exec_("py", f"for n in {kept + left}: open(n, 'w').write('1')")
    assert names(answer) == kept


def test_hidden_names(server):
    answer = server.exec_("bash",
                          "mkdir .git seen; echo 1 > .git/config.txt; echo 1 > .hidden.txt; echo 1 > .env;"
                                  "echo 1 > seen/.gitignore; mkdir seen/.cache; echo 1 > seen/.cache/x.txt")
    assert names(answer) == [".env", ".hidden.txt", "seen/.gitignore"]


def test_only_the_work_directory_is_collected(server):
    answer = server.exec_("bash", "echo 1 > /tmp/a.txt; echo 1 > /dev/shm/b.txt; echo 1 > c.txt")
    assert names(answer) == ["c.txt"]


@pytest.mark.parametrize("lang", ["py", "bash", "js"])
def test_the_program_itself_is_no_output(server, lang):
    assert server.exec_(lang, "")["files"] == []


def test_empty_directories_are_kept_by_a_marker(server):
    answer = server.exec_("bash", "mkdir -p one two/three/four five .hidden; echo 1 > five/5.txt")
    assert names(answer) == ["five/5.txt", "one/.dirkeep", "two/three/four/.dirkeep"]
    assert server.download(by_name(answer)["one/.dirkeep"]).body == b""


def test_symlinks_are_not_followed(server):
    answer = server.exec_("bash",
                          "echo 1 > a.txt; ln -s a.txt b.txt; mkdir d; echo 1 > d/d.txt; ln -s d e;"
                          "ln -s . self;"
                                  "ln -s missing.txt dangling.txt; ln -s loop.txt loop.txt")
    assert names(answer) == ["a.txt", "d/d.txt"]


def test_hard_links_are_files(server):
    answer = server.exec_("bash", "echo 1 > a.txt; ln a.txt b.txt")
    assert names(answer) == ["a.txt", "b.txt"]
    assert {server.download(file).body for file in answer["files"]} == {b"1\n"}


def test_depth(server):
    answer = server.exec_("bash", "mkdir -p 1/2/3/4/5/6/7/8/9/10; echo 1 > 1/2/3/4/5/6/7/8/9/in.txt;"
                                  "echo 1 > 1/2/3/4/5/6/7/8/9/10/out.txt")
    assert names(answer) == ["1/2/3/4/5/6/7/8/9/in.txt"]
    truncation(answer, 1)


def test_long_path(server):
    answer = server.exec_("py", "import os\nd = 'd' * 200\nos.mkdir(d)\n"
                                "for n in ('x' * 51, 'y' * 52): open(f'{d}/{n}.txt', 'w').write('1')")
    assert names(answer) == ["d" * 200 + "/" + "x" * 51 + ".txt"]
    truncation(answer, 1)


def test_fifty_files(server):
    answer = server.exec_("py", "for n in reversed(range(60)): open(f'{n:02}.txt', 'w').write(str(n))")
    assert names(answer) == [f"{n:02}.txt" for n in range(50)]
    truncation(answer, 10)
    assert server.download(answer["files"][49]).body == b"49"


def test_size_of_a_file(server):
    answer = server.exec_("bash",
                          "truncate -s 10000000 fits.txt; truncate -s 10000001 large.txt; echo 1 > small.txt")
    assert names(answer) == ["fits.txt", "small.txt"]
    truncation(answer, 1)
    assert server.download(by_name(answer)["fits.txt"]).body == bytes(10_000_000)


def test_names_that_are_awkward(server):
    awkward = ["'quoted'.txt", "-rf.txt", "a b.txt", "new\nline.txt", "semi;colon.txt", "tab\t.txt",
               "ü€😀.txt"]
    answer = server.exec_("py", f"for n in {awkward!r}: open(n, 'w').write('1')")
    assert all(server.download(file).status == 200 for file in answer["files"])
    assert set(names(answer)) <= set(awkward)
    assert set(names(answer)) >= {"'quoted'.txt", "-rf.txt", "a b.txt", "semi;colon.txt", "ü€😀.txt"}


def test_name_that_is_no_utf8(server):
    answer = server.exec_("py",
                          "open(b'bad\\xff.txt', 'w').write('1')\nopen('good.txt', 'w').write('1')")
    assert "good.txt" in names(answer) and answer["code"] == 0


def test_modes_do_not_matter(server):
    answer = server.exec_("bash", "mkdir d; echo 1 > d/a.txt; echo 1 > b.txt; chmod 000 b.txt d/a.txt d")
    assert names(answer) == ["b.txt", "d/a.txt"]
    assert {server.download(file).body for file in answer["files"]} == {b"1\n"}


def test_files_left_open_and_half_written(server):
    answer = server.exec_("bash",
                          "exec 5> open.txt; echo kept >&5; (echo child > child.txt; exec sleep 1000) &\n"
                                  "until [ -s child.txt ]; do :; done")
    assert names(answer) == ["child.txt", "open.txt"]
    assert server.download(by_name(answer)["open.txt"]).body == b"kept\n"


def test_more_extensions_by_setting(make_server):
    it = make_server({"CODEAPI_OUTPUT_EXTENSIONS": "xyz,.mp3"})
    answer = it.exec_("bash", "for n in a.xyz b.mp3 c.txt d.exe; do echo 1 > $n; done")
    assert names(answer) == ["a.xyz", "b.mp3", "c.txt"]


def test_caps_by_setting(make_server):
    it = make_server({"SANDBOX_MAX_OUTPUT_FILES": 3, "SANDBOX_MAX_FILE_SIZE": 100})
    answer = it.exec_("bash", "for n in 1 2 3 4; do echo $n > $n.txt; done; head -c 101 /dev/zero > 0.txt")
    assert names(answer) == ["1.txt", "2.txt", "3.txt"]
    truncation(answer, 2)
