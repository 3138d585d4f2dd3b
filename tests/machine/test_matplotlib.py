"""Drawing without a screen: what plt.show() leaves behind, and how large it is."""

import struct

import pytest

from harness import by_name, names, reference


def draw(server, code, **request):
    answer = server.exec_("py", code, **request)
    assert (answer["code"], answer["stderr"]) == (0, ""), answer
    return answer


def size(server, file):
    """Width and height of a PNG, from its first chunk."""
    body = server.download(file).body
    assert body[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", body[16:24])


def test_show_saves_every_open_figure_and_closes_it(server):
    answer = draw(server, """
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.figure()
plt.bar(["a", "b"], [1, 2])
plt.show()
print(plt.get_fignums())
plt.plot([3, 2, 1])
plt.show()
plt.show()
""")
    assert answer["stdout"] == "[]\n"
    assert names(answer) == ["plot_1.png", "plot_2.png", "plot_3.png"]
    # 6.4 × 4.8 inches, as figures are unless a program says otherwise
    assert {size(server, file) for file in answer["files"]} == {(960, 720)}


def test_names_that_exist_are_left_alone(server):
    mine = by_name(server.exec_("bash", "echo mine > plot_1.png"))["plot_1.png"]
    answer = draw(server, """
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.show()
""", files=[reference(mine)])
    assert names(answer) == ["plot_1.png", "plot_2.png"]
    assert by_name(answer)["plot_1.png"]["inherited"]


def test_a_figure_of_its_own_is_shown_and_stays_open(server):
    answer = draw(server, """
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 2])
figure.show()
print(plt.get_fignums())
plt.close("all")
plt.plot([1])
plt.show(block=False)
print(plt.get_fignums())
""")
    assert answer["stdout"] == "[1]\n[1]\n"
    assert names(answer) == ["plot_1.png", "plot_2.png"]


@pytest.mark.parametrize("call,expected", [
    ("plt.savefig('x.png')", (960, 720)),
    ("plt.savefig('x.png', dpi=50)", (320, 240)),
    ("plt.savefig('x.png', dpi=1200)", (1280, 960)),
    ("plt.gcf().savefig('x.png', dpi='figure')", (960, 720)),
    ("plt.rcParams['savefig.dpi'] = 100; plt.savefig('x.png')", (640, 480)),
    ("plt.rcParams['savefig.dpi'] = 900; plt.savefig('x.png')", (1280, 960)),
    ("plt.figure(dpi=120); plt.savefig('x.png')", (768, 576)),
    ("plt.figure(dpi=400); plt.savefig('x.png')", (1280, 960)),
])
def test_resolutions_have_a_default_and_a_bound(server, call, expected):
    answer = draw(server, f"import matplotlib.pyplot as plt\nplt.plot([1, 2])\n{call}\n")
    assert names(answer) == ["x.png"]
    assert size(server, answer["files"][0]) == expected


def test_other_formats_still_work(server):
    answer = draw(server, """
import matplotlib.pyplot as plt
plt.plot([1, 2])
for name in ("a.svg", "b.pdf", "c.jpg"):
    plt.savefig(name)
""")
    assert names(answer) == ["a.svg", "b.pdf", "c.jpg"]


@pytest.mark.parametrize("python", ["python3", "python3 -I", "PYTHONPATH=/mnt/data python3"])
def test_every_python_that_a_program_starts_finds_the_backend(server, python):
    answer = server.exec_("bash", f"""
cat > draw.py <<'END'
import matplotlib
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
print(matplotlib.get_backend())
END
{python} draw.py
""")
    assert (answer["code"], answer["stderr"]) == (0, ""), answer
    assert answer["stdout"] == "module://codeapi_matplotlib\n"
    assert names(answer) == ["draw.py", "plot_1.png"]


def test_a_program_may_choose_another_backend(server):
    answer = draw(server, """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.savefig("x.png")
""")
    assert size(server, answer["files"][0]) == (640, 480)


def test_what_cannot_be_drawn_is_the_programs_own_error(server):
    answer = server.exec_("py", "import matplotlib.pyplot as plt\nplt.title('$\\\\nonsense$')\nplt.show()\n")
    assert answer["code"] == 1 and "main.py\", line 3" in answer["stderr"], answer


def test_programs_that_do_not_draw_do_not_load_it(server):
    answer = draw(server, "import sys\nprint([name for name in sys.modules if 'matplotlib' in name])\n")
    assert answer["stdout"] == "[]\n"
