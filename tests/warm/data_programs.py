"""Programs that work with data, for the zygote that has loaded what they use."""

import textwrap

MODULES = ("numpy", "numpy.linalg", "numpy.random", "numpy.fft", "pandas", "matplotlib", "matplotlib.pyplot",
           "matplotlib.dates", "matplotlib.ticker", "PIL", "PIL.Image", "dateutil", "pytz", "six", "json", "asyncio",
           "matplotlib.backends.backend_agg", "pandas.plotting", "numpy.testing", "matplotlib.animation", "pandas.testing")

IMPORT = """
# Guessed as data work:
if False:
    import numpy
import importlib, os, sys, warnings
before, variables = set(sys.modules), dict(os.environ)
module = importlib.import_module({name!r})
print(sorted(set(sys.modules) - before))
print(sorted(name for name in vars(module) if not name.startswith("__")))
print(warnings.filters, sys.meta_path, sys.path, len(os.listdir("/proc/self/task")), os.environ == variables)
"""

PROGRAMS = {f"import {name}": IMPORT.format(name=name) for name in MODULES}
PROGRAMS.update({name: textwrap.dedent(code).lstrip("\n") for name, code in {
    "nothing": "if False: import numpy\nimport sys; print(sorted(sys.modules))",
    "first numpy": "import numpy\nimport sys; print(sorted(sys.modules))",
    "parts": """
        import numpy, matplotlib, pandas
        print(hasattr(matplotlib, "pyplot"), hasattr(matplotlib, "dates"), hasattr(pandas, "plotting"),
              hasattr(numpy, "testing"))
    """,
    "settings": """
        import matplotlib
        print(sorted(matplotlib.rcParams.items(), key=str), matplotlib.rcParams == matplotlib.rcParamsDefault)
        print(matplotlib.get_configdir(), matplotlib.get_cachedir(), matplotlib.matplotlib_fname())
    """,
    "backend": """
        import matplotlib.pyplot as plt
        print(plt.get_backend(), plt.get_fignums(), plt.isinteractive())
        plt.figure()
        print(plt.get_backend(), plt.get_fignums())
    """,
    "another backend": """
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        plt.plot([1, 2])
        plt.show()
        import os
        print(matplotlib.get_backend(), sorted(os.listdir()))
    """,
    "svg": """
        import matplotlib
        matplotlib.rcParams["svg.hashsalt"] = "same"
        import matplotlib.pyplot as plt
        plt.plot([1, 2], label="ü")
        plt.legend()
        plt.savefig("a.svg", metadata={"Date": None})
    """,
    "plot": """
        import matplotlib.pyplot as plt
        import numpy as np
        x = np.linspace(0, 10, 50)
        figure, axes = plt.subplots(2, 2)
        axes[0, 0].plot(x, np.sin(x), label=r"$\\sin(x)$")
        axes[0, 0].legend()
        axes[0, 1].hist(np.cos(x))
        axes[1, 0].imshow(np.outer(x, x))
        axes[1, 1].pie([1, 2, 3], labels=["a", "b", "ç"])
        figure.suptitle("Title")
        figure.tight_layout()
        plt.savefig("a.png")
        plt.savefig("a.pdf", metadata={"CreationDate": None})
    """,
    "show": "import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [1, 2])\nplt.show()\nplt.plot([1])\nplt.show()\n",
    "style": "import matplotlib.pyplot as plt\nprint(sorted(plt.style.available))\nplt.style.use('ggplot')\nplt.plot([1, 2])\nplt.savefig('a.png')",
    "dates": """
        import pandas as pd
        import matplotlib.pyplot as plt
        series = pd.Series(range(10), index=pd.date_range("2024-01-01", periods=10))
        series.plot()
        plt.savefig("a.png")
        import matplotlib.units
        print(sorted(map(str, matplotlib.units.registry)))
    """,
    "table": """
        import pandas as pd
        table = pd.DataFrame({"a": [1, 2, 2], "b": [1.5, None, 3], "c": pd.to_datetime(["2024-01-01"] * 3)})
        print(table, table.describe(), table.groupby("a").agg(["sum", "mean"]), table.dtypes, sep="\\n")
        table.to_csv("t.csv", index=False)
        table.to_json("t.json")
        print(pd.read_csv("t.csv"), table.merge(table, on="a"), table.pivot_table(index="a"), sep="\\n")
    """,
    "chained assignment": "import pandas as pd\nt = pd.DataFrame({'a': [1, 2]})\nt['a'][0] = 5\nprint(t)",
    "numpy warning": "import numpy as np\nprint(np.array([1.0]) / 0, np.geterr())",
    "numpy": """
        import numpy as np
        a = np.arange(12).reshape(3, 4)
        print(a @ a.T, np.linalg.svd(a.astype(float))[1].round(6), np.fft.fft([1, 2, 3, 4]), np.median(a), np.show_config)
        np.save("a.npy", a)
        print(np.load("a.npy").sum())
    """,
    "seeded": """
        import numpy as np
        np.random.seed(7)
        print(np.random.rand(3), np.random.default_rng(7).random(3), np.random.RandomState(1).randint(100))
    """,
    "image": """
        from PIL import Image, features
        image = Image.new("RGB", (8, 8), (255, 0, 0))
        image.save("a.png")
        image.save("a.jpg")
        print(Image.open("a.png").getpixel((1, 1)), sorted(Image.OPEN), sorted(Image.registered_extensions()))
    """,
    "threads": """
        import numpy as np
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(4) as pool:
            print(sum(pool.map(lambda n: float(np.ones((60, 60)).dot(np.ones((60, 60))).sum()), range(8))))
    """,
    "processes": """
        import numpy as np
        import multiprocessing
        def work(n):
            return float(np.ones(n).sum())
        if __name__ == "__main__":
            for method in "fork", "spawn":
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(method, pool.map(work, range(4)))
    """,
    "pickle": """
        import pickle
        import numpy as np, pandas as pd
        print(pickle.loads(pickle.dumps((np.arange(3), pd.Series([1, 2])))))
    """,
    "error": "import pandas as pd\npd.DataFrame({'a': [1]})['b']\n",
    "own numpy": "open('numpy.py', 'w').write('mine = 1')\nimport numpy\nprint(numpy.__file__, numpy.mine)",
    "open figures": "import matplotlib.pyplot as plt\nfor i in range(25): plt.figure()\nprint(plt.get_fignums())",
    "loggers": "import pandas, matplotlib.pyplot\nimport logging; print(sorted(logging.Logger.manager.loggerDict))",
    "fonts": """
        import matplotlib.pyplot as plt
        plt.title("x", fontname="No Such Font")
        plt.savefig("a.png")
        from matplotlib import font_manager
        print(font_manager.findfont("DejaVu Sans"))
    """,
    "exit": "import pandas as pd\nimport atexit, sys\natexit.register(print, 'end')\nsys.exit(4)",
}.items()})
