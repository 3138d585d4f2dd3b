"""Whether a server's memory grows: it is looked at again and again, and a line is laid through what was seen."""

import threading

import footprint

PERIOD_SECONDS = 1.0
ROWS = 10
# Caches and pools fill, and the allocator keeps what a burst needed, in this part of the run.
WARM_UP = 1 / 3
# Over the rest of the run memory may grow by noise.
NOISE_MIB, NOISE_PART = 3, 0.10
ROLES = ("server", "jailer", "zygotes")


def _sum(groups, start):
    return sum(process.resident if start != "zygote" else process.unique
               for what, group in groups.items() if what.startswith(start) for process in group)


def slope(points):
    """Least squares: how much y grows for each x."""
    mean_x, mean_y = (sum(column) / len(points) for column in zip(*points))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0


class Growth:
    """Samples in the background, as a context. `progress()` tells how many executions are done."""

    def __init__(self, server, progress):
        self._server, self._progress = server, progress
        self.samples = []  # (executions, {role: MiB})
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(PERIOD_SECONDS):
            groups = footprint.groups(footprint.processes(self._server), self._server)
            self.samples.append((self._progress(), {"server": _sum(groups, "server"), "jailer": _sum(groups, "jailer"),
                                                    "zygotes": _sum(groups, "zygote")}))

    def _judged(self):
        return self.samples[int(len(self.samples) * WARM_UP):]

    def grown(self, role):
        """(MiB for each 1000 executions, MiB over what is judged, whether that is more than noise)"""
        points = [(done, sizes[role]) for done, sizes in self._judged()]
        if len(points) < 3:
            return 0, 0, False
        each = slope(points)
        over = each * (points[-1][0] - points[0][0])
        mean = sum(size for _, size in points) / len(points)
        return each * 1000, over, over > max(NOISE_MIB, NOISE_PART * mean)

    def leaks(self):
        return [f"memory of the {role} grows by {each:.2f} MiB for each 1000 executions"
                for role in ROLES for each, _, more in [self.grown(role)] if more]

    def table(self):
        """A few of the samples, and the verdict for each role."""
        lines = [f"{'memory, MiB':24}" + "".join(f"{role:>12}" for role in ROLES)]
        step = max(1, len(self.samples) // ROWS)
        for done, sizes in self.samples[::step]:
            lines.append(f"after {done:6} executions " + "".join(f"{sizes[role]:12.1f}" for role in ROLES))
        verdicts = {role: self.grown(role) for role in ROLES}
        lines.append(f"{'per 1000, from the slope':24}" + "".join(f"{verdicts[role][0]:+12.2f}" for role in ROLES))
        lines.append(f"{'flat':24}" + "".join(f"{'no' if verdicts[role][2] else 'yes':>12}" for role in ROLES))
        return "\n".join(lines)
