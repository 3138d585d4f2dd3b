"""What is run: as a request, and bare, which is the floor beside it."""

from asking import exec_bytes, timed_exec

# What cells give every program, so that the floor does the same work.
ENVIRONMENT = {"HOME": "/mnt/data", "LANG": "C.UTF-8", "MPLBACKEND": "Agg", "MPLCONFIGDIR": "/tmp/matplotlib",
               "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1",
               "PYTHONUNBUFFERED": "1", "TMPDIR": "/tmp"}

PLOT_CODE = """import pandas
import matplotlib.pyplot as plt
frame = pandas.DataFrame({"x": range(100), "y": [x * x for x in range(100)]})
frame.plot(x="x", y="y")
plt.title("squares")
plt.savefig("plot.png")
print("hello")
"""


class Program:
    """One program: `lang` and `code` of the request, `argv` of the bare start. It prints hello and writes `files`."""

    def __init__(self, lang, code, argv, files=()):
        self.argv, self.files = argv, tuple(files)
        self.request = exec_bytes(lang, code)

    def ask(self, connection):
        """Milliseconds from the request to its whole answer."""
        return timed_exec(connection, self.request, files=self.files)

    def floor(self, floors):
        """Milliseconds of the bare start."""
        return floors.timed(self.argv, "hello\n", self.files)


HELLO = {
    "Python": Program("py", 'print("hello")', ["/usr/bin/python3", "-I", "-c", 'print("hello")']),
    "bash": Program("bash", "echo hello", ["/bin/bash", "-c", "echo hello"]),
    "node": Program("node", 'console.log("hello")', ["/usr/bin/node", "-e", 'console.log("hello")']),
}
PLOT = Program("py", PLOT_CODE, ["/usr/bin/python3", "-I", "-c", PLOT_CODE], ["plot.png"])
