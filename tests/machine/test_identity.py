"""Who and where a program is: user, host, locale, time zone, home, temporary files, fonts."""

import os

import pytest
from harness import rootless
from program import facts, run
from waiting import Waiting


def test_the_user_has_a_name_everywhere(server):
    assert run(server, "bash", """
        id -un; id -gn; id -Gn; whoami; groups; echo $USER $LOGNAME $HOME ~ ~sandbox
        getent passwd "$(id -u)" | cut -d: -f1,6,7
        getent passwd sandbox | cut -d: -f1; getent group "$(id -g)" | cut -d: -f1
        ls -ld . | awk '{print $3, $4}'; [ -O . ] && [ -w . ] && echo mine
        """).splitlines() == ["sandbox"] * 5 + ["sandbox sandbox /mnt/data /mnt/data /mnt/data",
                                                "sandbox:/mnt/data:/bin/bash", "sandbox", "sandbox",
                                                "sandbox sandbox", "mine"]
    assert run(server, "py", """
        import getpass, grp, os, pathlib, pwd
        me = pwd.getpwuid(os.getuid())
        print(me.pw_name, me.pw_dir, me.pw_shell, grp.getgrgid(os.getgid()).gr_name, getpass.getuser())
        print(pathlib.Path.home(), os.path.expanduser("~sandbox"), pathlib.Path("main.py").owner())
        print(pwd.getpwnam("root").pw_uid, pwd.getpwnam("nobody").pw_uid, pathlib.Path("/usr").owner())
        """) == ("sandbox /mnt/data /bin/bash sandbox sandbox\n/mnt/data /mnt/data sandbox\n"
                 # Root has no id in the user namespace of an ordinary user's cell.
                 f"0 65534 {'nobody' if rootless() else 'root'}\n")


USERS = """
import getpass, grp, os, pwd, subprocess
def sh(command):
    return subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
own, group = os.getuid(), os.getgid()
print("ids", own, group)
print("python", pwd.getpwnam(getpass.getuser()) == pwd.getpwuid(own), pwd.getpwnam("sandbox")[2:4] == (own, group),
      grp.getgrnam("sandbox").gr_gid == group)
print("all", *[user.pw_name for user in pwd.getpwall()], *[entry.gr_name for entry in grp.getgrall()])
print("id", sh("id sandbox") == f"uid={own}(sandbox) gid={group}(sandbox) groups={group}(sandbox)\\n")
print("chown", sh("touch f; chown $(whoami) f && chown sandbox:sandbox f && chgrp $(id -gn) f && stat -c %U:%G f; rm f"))
"""


@pytest.fixture(scope="module", params=["shared", "private"])
def sharing(request, server, make_module_server):
    """A server whose cells share the root's files, and one whose cells have their own."""
    if request.param == "shared":
        return server
    if rootless():
        pytest.skip("needs root")
    return make_module_server({"CODEAPI_ROOT_SHARING": "private"})


def test_each_cells_name_leads_to_its_own_user(sharing):
    """In several cells at once, which have different ids."""
    cells = []
    try:
        for _ in range(3):
            cells.append(Waiting(sharing, USERS + "wait_for_the_test()"))
    finally:
        for cell in cells:
            cell.release()
    answers = [cell.reply().json for cell in cells]
    for answer in answers:
        assert (answer["code"], answer["stderr"]) == (0, ""), answer
        assert answer["stdout"].splitlines()[1:] == [
            "python True True True", "all root sandbox nobody root sandbox nogroup", "id True",
            "chown sandbox:sandbox", ""], answer
    if not rootless():
        assert len({answer["stdout"].splitlines()[0] for answer in answers}) == 3, answers


def test_users_cannot_be_changed(sharing):
    answer = sharing.exec_("bash", """
        cat /etc/passwd /etc/group > before.txt
        for file in /etc/passwd /etc/group; do
          { echo "me:x:0:0::/:/bin/sh" >> $file; } 2> /dev/null && echo "wrote $file"
          chmod u+w $file 2> /dev/null && echo "changed $file"
          touch $file 2> /dev/null && echo "touched $file"
          rm -f $file 2> /dev/null && echo "removed $file"
          ln $file /tmp/linked 2> /dev/null && echo "linked $file"
          umount $file 2> /dev/null && echo "uncovered $file"
          mount -o remount,rw,bind $file 2> /dev/null && echo "opened $file"
        done
        cat /etc/passwd /etc/group | cmp - before.txt && find /mnt/data /tmp /dev/shm -type f
        """)
    assert (answer["code"], answer["stderr"]) == (0, ""), answer
    assert set(answer["stdout"].split()) == {"/mnt/data/before.txt", "/mnt/data/script.sh"}, answer
    assert [file["name"] for file in answer["files"]] == ["before.txt"], answer


def test_the_host_is_called_sandbox(server):
    assert run(server, "bash", "hostname; uname -n; cat /etc/hostname /proc/sys/kernel/hostname; echo $HOSTNAME") \
        == "sandbox\n" * 5
    assert run(server, "py", """
        import platform, socket
        print(socket.gethostname(), socket.getfqdn(), platform.node(), socket.gethostbyname("localhost"))
        print(socket.gethostbyname(socket.gethostname()), socket.gethostbyaddr("127.0.0.1")[0])
        print(sorted({found[4][0] for found in socket.getaddrinfo("localhost", 80)}))
        """) == "sandbox sandbox sandbox 127.0.0.1\n127.0.1.1 localhost\n['127.0.0.1', '::1']\n"
    assert run(server, "bash", "getent ahosts localhost | awk '$2 == \"STREAM\" {print $1}' | sort; "
                               "getent hosts localhost | awk '{print $2}'") == "127.0.0.1\n::1\nlocalhost\n"


def test_utf8_is_the_locale(server):
    assert run(server, "bash", r"""
        x=é; echo ${#x}; printf '%s\n' z é a | sort | tr '\n' ' '; printf '\u00e9\n'
        locale charmap; echo äöü | grep -o '^...$'; echo ÄÖ | sed 's/./&-/g'; echo $LANG
        """) == "1\na z é é\nUTF-8\näöü\nÄ-Ö-\nC.UTF-8\n"
    assert run(server, "py", """
        import locale, os, subprocess, sys
        print(locale.setlocale(locale.LC_ALL, ""), locale.getpreferredencoding(), sys.stdout.encoding,
              sys.stdin.encoding, sys.getfilesystemencoding())
        with open("ä.txt", "w") as file: file.write("grüße ☃\\n")
        print(open("ä.txt").read(), subprocess.check_output(["cat", "ä.txt"], text=True), end="")
        """) == "C.UTF-8 UTF-8 utf-8 utf-8 utf-8\ngrüße ☃\n grüße ☃\n"
    assert run(server, "js", "console.log('☃', [...'äz'].length, new Intl.NumberFormat('de').format(1234.5))") \
        == "☃ 2 1.234,5\n"


def test_the_time_zone_is_utc_and_others_are_known(server):
    assert run(server, "bash", "date +%Z; TZ=Europe/Berlin date -d @0 +%R%Z; TZ=America/New_York date -d @0 +%R; "
                               "cat /etc/timezone; date -d @0 '+%F %T'") \
        == "UTC\n01:00CET\n19:00\nEtc/UTC\n1970-01-01 00:00:00\n"
    assert run(server, "py", """
        import datetime, os, time, zoneinfo
        print(time.tzname[0], time.timezone, len(zoneinfo.available_timezones()) > 400)
        print(datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")).isoformat())
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        print(time.strftime("%H %Z", time.localtime(0)))
        """) == "UTC 0 True\n2024-07-01T00:00:00+02:00\n09 JST\n"
    assert run(server, "js", """
        console.log(Intl.DateTimeFormat().resolvedOptions().timeZone.replace('Etc/', ''), new Date(0).getHours(),
                    new Date(0).toLocaleTimeString('en-GB', {timeZone: 'Europe/Berlin'}));
        """) == "UTC 0 01:00:00\n"


def test_home_and_temporary_files_can_be_written(server):
    assert run(server, "bash", """
        for at in ~ "$TMPDIR" /tmp /var/tmp /dev/shm; do echo x > "$at/f" && cat "$at/f"; done
        cd ~ && mkdir -p .cache/a .config && touch .cache/a/b && [ -f "$(mktemp)" ] && [ -d "$(mktemp -d)" ] && pwd
        """) == "x\n" * 5 + "/mnt/data\n"
    assert run(server, "py", """
        import os, tempfile
        with tempfile.NamedTemporaryFile() as named, tempfile.TemporaryFile() as unnamed, \\
             tempfile.TemporaryDirectory() as directory:
            print(tempfile.gettempdir(), os.path.exists(named.name), unnamed.write(b"x"), os.path.isdir(directory))
        print(tempfile.mkdtemp().startswith("/tmp/"), os.access(os.environ["HOME"], os.W_OK))
        """) == "/tmp True 1 True\nTrue True\n"
    assert run(server, "js", """
        const fs = require('fs'), os = require('os'), path = require('path');
        const made = fs.mkdtempSync(path.join(os.tmpdir(), 'x-'));
        fs.writeFileSync(path.join(os.homedir(), '.note'), 'x');
        console.log(os.tmpdir(), os.homedir(), fs.existsSync(made));
        """) == "/tmp /mnt/data true\n"


def test_a_plot_has_fonts_and_no_warning(server):
    out = run(server, "py", """
        import warnings
        warnings.simplefilter("error")
        import matplotlib, matplotlib.font_manager
        import matplotlib.pyplot as plt
        plt.plot([1, 2, 3])
        plt.title("Größe ≤ 3")
        plt.savefig("plot.png")
        print(matplotlib.get_backend().lower(), len(matplotlib.font_manager.fontManager.ttflist) > 5)
        """)
    assert out == "module://codeapi_matplotlib True\n"


def test_what_uname_says(server):
    """uname(2) gives a program the kernel's release and build: only a supervisor that is asked at every call could
    say something else, and C libraries look at it. So they are shown, and the host's name is not."""
    found = facts(server, "py", """
        import os
        print("uname", *os.uname())
        for name in ("domainname", "hostname", "random/boot_id", "../../version", "../../cmdline"):
            print(name, *open("/proc/sys/kernel/" + name).read().split())
        """)
    here = os.uname()
    assert found["uname"].split() == ["Linux", "sandbox", here.release, *here.version.split(), here.machine]
    assert (found["hostname"], found["domainname"]) == ("sandbox", "(none)")
    assert found["random/boot_id"] == "00000000-0000-4000-8000-000000000000"
    assert found.get("../../version", "") == found.get("../../cmdline", "") == ""


@pytest.mark.skipif(not os.path.exists("/etc/services"), reason="this machine has no /etc/services to show")
def test_well_known_numbers_have_names(server):
    assert run(server, "py", """
        import socket
        print(socket.getservbyname("https"), socket.getprotobyname("tcp"), socket.getservbyport(22))
        """) == "443 6 ssh\n"
