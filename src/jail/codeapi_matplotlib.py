"""How matplotlib draws in a cell: without a screen, and plt.show() writes plot_1.png, plot_2.png, ...

Chosen by MPLBACKEND, so only programs that draw pay for it and no program is rewritten. It is matplotlib's own Agg
backend but for two things: showing a figure saves it in the working directory, under the first name that is free, and
resolutions are bounded. An error of a save is the program's to see.
"""

import logging
import os

import matplotlib
from matplotlib import backend_bases
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg

DEFAULT_DPI = 150
MAX_DPI = 200

# A family that is not installed is replaced, and said once for every text that is drawn.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def _resolution(figure, dpi):
    """What is saved with: what the program asks for, bounded; else what it has set; else the default."""
    if dpi is None:
        dpi = matplotlib.rcParams["savefig.dpi"]
    if dpi == "figure":
        own = getattr(figure, "_original_dpi", figure.dpi)
        dpi = DEFAULT_DPI if own == matplotlib.rcParamsDefault["figure.dpi"] else own
    return min(dpi, MAX_DPI)


def _save(figure):
    number = 1
    while os.path.lexists(f"plot_{number}.png"):
        number += 1
    figure.savefig(f"plot_{number}.png")


class FigureCanvas(FigureCanvasAgg):
    """A canvas that saves with a bounded resolution."""

    def print_figure(self, filename, dpi=None, *args, **kwargs):
        return super().print_figure(filename, _resolution(self.figure, dpi), *args, **kwargs)


class FigureManager(backend_bases.FigureManagerBase):
    """A figure's window, which is a file."""

    def show(self):
        _save(self.canvas.figure)


FigureCanvas.manager_class = FigureManager


def show(*args, block=None, **kwargs):
    """plt.show(): saves every open figure. They are closed then, as windows are when it returns, unless it is not
    to wait for them."""
    for manager in Gcf.get_all_fig_managers():
        manager.show()
    if block is None or block:
        Gcf.destroy_all()
