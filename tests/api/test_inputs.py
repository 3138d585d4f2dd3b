"""Files handed from one execution to the next: untouched, changed, removed, renamed."""

import pytest
from harness import ID, by_name, names, reference


@pytest.fixture
def table(server):
    """A stored table.csv."""
    answer = server.exec_("bash", r"printf 'a,b\n1,2\n' > table.csv")
    file, = answer["files"]
    assert set(file) == {"id", "name", "storage_session_id"}
    assert file["name"] == "table.csv" and file["storage_session_id"] == answer["session_id"]
    assert ID.fullmatch(file["id"])
    return file


def run(server, code, *files, lang="bash"):
    answer = server.exec_(lang, code, files=[reference(file) for file in files])
    assert (answer["code"], answer["stderr"]) == (0, ""), answer
    return answer


@pytest.mark.parametrize("lang,code", [("bash", "cat table.csv"),
                                       ("py", "print(open('/mnt/data/table.csv').read(), end='')"),
                                       ("js",
                                        "process.stdout.write(require('fs').readFileSync('table.csv'))")])
def test_untouched_input_is_inherited(server, table, lang, code):
    answer = run(server, code, table, lang=lang)
    assert answer["stdout"] == "a,b\n1,2\n"
    assert answer["files"] == [{**table, "inherited": True}]
    assert "deleted_files" not in answer


def test_input_rewritten_with_the_same_bytes_is_inherited(server, table):
    answer = run(server, "cp table.csv t && rm table.csv && mv t table.csv && touch table.csv", table)
    assert answer["files"] == [{**table, "inherited": True}]


@pytest.mark.parametrize("code", ["echo 3,4 >> table.csv", r"printf 'a,b\n1,9\n' > table.csv",
                                  r"touch -r table.csv t; printf 'a,b\n1,9\n' > table.csv;"
                                  r"touch -r t table.csv; rm t"])
def test_changed_input_is_a_new_object(server, table, code):
    answer = run(server, code, table)
    file, = answer["files"]
    assert set(file) == {"id", "name", "storage_session_id", "modified_from"}
    assert file["modified_from"] == {"id": table["id"], "storage_session_id": table["storage_session_id"]}
    assert file["id"] != table["id"] and file["storage_session_id"] == answer["session_id"]
    assert server.download(file).body in (b"a,b\n1,2\n3,4\n", b"a,b\n1,9\n")
    assert server.download(table).body == b"a,b\n1,2\n"


def test_removed_input(server, table):
    answer = run(server, "rm table.csv", table)
    assert answer["files"] == [] and answer["deleted_files"] == ["table.csv"]
    assert server.download(table).body == b"a,b\n1,2\n"


def test_renamed_input(server, table):
    answer = run(server, "mv table.csv renamed.csv", table)
    file, = answer["files"]
    assert file["name"] == "renamed.csv" and "inherited" not in file and file["id"] != table["id"]
    assert answer["deleted_files"] == ["table.csv"]
    assert server.download(file).body == b"a,b\n1,2\n"


def test_input_replaced_by_a_directory(server, table):
    answer = run(server, "rm table.csv; mkdir table.csv; echo x > table.csv/x.txt", table)
    assert names(answer) == ["table.csv/x.txt"] and answer["deleted_files"] == ["table.csv"]


def test_input_replaced_by_a_symlink(server, table):
    answer = run(server, "rm table.csv; ln -s /etc/hosts table.csv", table)
    assert answer["files"] == [] and answer["deleted_files"] == ["table.csv"]


def test_input_under_another_name(server, table):
    answer = server.exec_("bash", "cat other/name.csv", files=[reference(table, name="other/name.csv")])
    assert answer["stdout"] == "a,b\n1,2\n"
    assert answer["files"] == [{**table, "name": "other/name.csv", "inherited": True}]


def test_same_object_at_two_places(server, table):
    answer = server.exec_("bash", "cmp one.csv two.csv && echo same",
                          files=[reference(table, name="one.csv"), reference(table, name="two.csv")])
    assert answer["stdout"] == "same\n"
    assert answer["files"] == [{**table, "name": name, "inherited": True} for name in ("one.csv", "two.csv")]


def test_last_of_two_equal_names_wins(server, table):
    other = server.exec_("bash", "echo other > other.txt")["files"][0]
    answer = server.exec_("bash", "cat table.csv", files=[reference(table),
                                                          reference(other, name="table.csv")])
    assert answer["stdout"] == "other\n"
    assert answer["files"] == [{**other, "name": "table.csv", "inherited": True}]


def test_two_inputs_out_of_two_sessions(server, table):
    other = server.exec_("py", "open('other.json', 'w').write('{}')")["files"][0]
    answer = run(server, "cat table.csv other.json; echo new > new.txt; echo more >> other.json", table,
                 other)
    files = by_name(answer)
    assert answer["stdout"] == "a,b\n1,2\n{}"
    assert list(files) == ["new.txt", "other.json", "table.csv"]
    assert files["table.csv"] == {**table, "inherited": True}
    assert files["other.json"]["modified_from"]["id"] == other["id"]
    assert set(files["new.txt"]) == {"id", "name", "storage_session_id"}


def test_nested_and_unicode_names(server):
    first = server.exec_("bash", "mkdir -p 'skills/pdf ü'; echo 1 > 'skills/pdf ü/ref €.md'")
    assert names(first) == ["skills/pdf ü/ref €.md"]
    second = run(server, "cat skills/*/*.md", *first["files"])
    assert second["stdout"] == "1\n"
    assert second["files"] == [{**first["files"][0], "inherited": True}]


@pytest.mark.parametrize("lang,name,code", [
    ("py", "main.py", "print(open('/mnt/data/main.py').read(), end='')"),
    ("js", "index.js", "process.stdout.write(require('fs').readFileSync('/mnt/data/index.js'))"),
    ("bash", "script.sh", "cat /mnt/data/script.sh")])
def test_input_named_like_the_program_does_not_clash_with_it(server, lang, name, code):
    maker = "bash" if lang != "bash" else "py"
    write = f"echo 'an input' > {name}" if maker == "bash" else f"print('an input', file=open('{name}', 'w'))"
    stored = by_name(server.exec_(maker, write))[name]
    answer = run(server, code, stored, lang=lang)
    assert answer["stdout"] == "an input\n"
    assert answer["files"] == [{**stored, "inherited": True}]


def test_empty_directory_travels_by_its_marker(server):
    first = server.exec_("bash", "mkdir -p a/b c; echo 1 > c/1.txt")
    assert names(first) == ["a/b/.dirkeep", "c/1.txt"]
    second = run(server, "find . -type d | sort | tr '\\n' ' '", *first["files"])
    assert second["stdout"] == ". ./a ./a/b ./c "
    assert second["files"] == [{**file, "inherited": True} for file in first["files"]]


def test_a_failing_program_returns_its_files(server, table):
    answer = server.exec_("bash", "echo 1 > new.txt; echo 3,4 >> table.csv; exit 9", files=[reference(table)])
    assert answer["code"] == 9 and names(answer) == ["new.txt", "table.csv"]
    assert by_name(answer)["table.csv"]["modified_from"]["id"] == table["id"]


def test_large_input(server):
    made = server.exec_("py", "open('big.log', 'wb').write(bytes(range(256)) * 36000)\n"
                              "import hashlib\n"
                              "print(hashlib.sha256(open('big.log', 'rb').read()).hexdigest())")
    answer = run(server, "sha256sum < big.log", *made["files"])
    assert answer["stdout"].split()[0] == made["stdout"].strip()


def test_chain_of_changes(server, table):
    file = table
    for step in range(5):
        file, = run(server, f"echo {step} >> table.csv", file)["files"]
    assert server.download(file).body == b"a,b\n1,2\n0\n1\n2\n3\n4\n"
