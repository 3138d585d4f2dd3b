"""Attack 63, a program that tells what it was given: the same for everybody, whatever others have left."""
import builtins
import json
import os
import sys

print(json.dumps({
    "environment": sorted(f"{name}={value}" for name, value in os.environ.items()),
    "path": sys.path, "modules": sorted(sys.modules), "flags": str(sys.flags), "print": repr(print),
    "builtins": sorted(dir(builtins)), "trace": [str(sys.gettrace()), str(sys.getprofile())],
    "hooks": [sys.excepthook is sys.__excepthook__, str(sys.stdout.errors)],
    "finders": [type(one).__name__ for one in sys.meta_path],
    "home": sorted(os.listdir(os.environ["HOME"])), "tmp": sorted(os.listdir("/tmp")),
}))
