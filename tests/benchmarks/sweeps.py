"""What whole sweeps cost, each beside its baseline in the same run. Standard library only.

    python3 tests/benchmarks/sweeps.py build/oar-bench build-bench/training_alone [part ...]

Parts: second overhead sharing jobs plan; all of them without one. A line per measurement: seconds,
the baseline's seconds, their ratio, and what is wanted. One thread a process, on CPU; times are
wall times, so nothing else should run. Medians where something is measured more than once.
"""
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

RECIPES = {
    "raster": {"train.order": "raster", "relabel": None, "generate.order": "raster"},
    "random": {"relabel": None, "generate.order": "random"},
    "oar": {"relabel": None},
    "oar_finetuned": {},
}

# sweeps/quickstart.json, every amount of work divided by about eight.
IMAGES = {
    "dataset": {"name": "sunset", "image_size": 32, "max_images": 250},
    "tokenizer": {"preset": "nano", "images_seen": 600},
    "model": {"preset": "nano"},
    "train": {"order": "random", "images_seen": 1250, "batch_size": 32},
    "relabel": {"order": "oar", "confidence": "max_probability", "max_images": 50, "images_seen": 500,
                "batch_size": 32},
    "generate": {"order": "oar", "confidence": "max_probability", "num_samples": 25, "batch_size": 25},
    "evaluate": {"reference": "train", "max_reference": 75, "kid_subset_size": 12, "isc_splits": 2},
}

# Codes along a hidden path: no images, so that trainings are nearly all there is.
CODES = {
    "dataset": {"name": "planted_path", "rows": 8, "cols": 8, "codes": 16, "max_images": 1000, "held_out": 0},
    "model": {"layers": 2, "width": 64, "heads": 2},
    "train": {"images_seen": 2500, "batch_size": 32},
    "relabel": None,
    "generate": {"num_samples": 8, "batch_size": 8, "order": "random"},
}


class Bench:
    def __init__(self, program, alone, folder):
        self.program, self.alone, self.folder = program, alone, pathlib.Path(folder)
        self.environment = dict(os.environ, OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE",
                                OAR_PYTHON="true")

    def sweep(self, name, defaults, **members):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"version": 1, "name": name, "defaults": defaults, **members}))
        return path

    def seconds(self, *words):
        """Wall seconds of a command, which must succeed."""
        begin = time.monotonic()
        done = subprocess.run([str(word) for word in words], cwd=self.folder, env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, words))}\nended with {done.returncode}:\n{done.stdout}")
        self.said = done.stdout
        return time.monotonic() - begin

    def run(self, sweep, store, *more):
        return self.seconds(self.program, "run", sweep, "--store", store, "--out", f"{store}-out",
                            "--device", "cpu", "--quiet", *more)


def report(what, seconds, baseline_name, baseline, wanted=""):
    print(f"{what:<52} {seconds:8.2f} s   {baseline_name:<34} {baseline:8.2f} s   "
          f"ratio {seconds / baseline:6.3f}   {wanted}", flush=True)


def second(bench):
    """A finished sweep run again: nothing but looking at the store, and the report."""
    sweep = bench.sweep("second", dict(IMAGES, **{"train": dict(IMAGES["train"], images_seen=64)}),
                        recipes=RECIPES, seeds=[0, 1, 2])
    first = bench.run(sweep, "second")
    again = statistics.median(bench.run(sweep, "second") for _ in range(3))
    report("second run of a finished 12-cell sweep", again, "first run, small trainings", first,
           "wanted: < 2 s")


def overhead(bench):
    """A training stage, from the lock to the published artifact, beside the same training in a program
    without store, records, log, progress or checkpoints. A checkpoint every 2 s: ten times as often as by
    default."""
    sweep = bench.sweep("overhead", dict(CODES, train=dict(CODES["train"], images_seen=5000)))
    stages, alone, stages_cpu, alone_cpu = [], [], [], []
    for i in range(7):
        store = f"overhead{i}"
        bench.run(sweep, store, "--checkpoint-every", "2")
        stages.append(stage_seconds(bench.folder / f"{store}-out" / "log.jsonl"))
        [manifest] = (bench.folder / store).glob("any_order/*/manifest.json")
        stages_cpu.append(json.loads(manifest.read_text())["cost"]["cpu_seconds"])
        bench.seconds(bench.alone, bench.folder / store, manifest.parent)
        wall, processor = bench.said.split()[-2:]
        alone.append(float(wall))
        alone_cpu.append(float(processor))
    report("training stage with harness, records, checkpoints", statistics.median(stages),
           "the same training alone", statistics.median(alone), "wanted: < 1.03")
    report("the same in processor time", statistics.median(stages_cpu), "the same training alone",
           statistics.median(alone_cpu))
    print("    each: " + ", ".join(f"{s / a:.3f}" for s, a in zip(stages, alone)))


def stage_seconds(log):
    """From the event before the stage to that after it, by the log's own clock."""
    times = {}
    for event in map(json.loads, log.read_text().splitlines()):
        if event.get("role") == "any_order":
            times[event["kind"]] = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
    return (times["stage_done"] - times["stage_started"]).total_seconds()


def sharing(bench):
    """Four recipes x three seeds in one sweep, beside twelve sweeps of one cell with stores of their
    own."""
    together = bench.run(bench.sweep("together", IMAGES, recipes=RECIPES, seeds=[0, 1, 2]), "together")
    apart = 0
    for recipe, options in RECIPES.items():
        for seed in range(3):
            name = f"apart_{recipe}_{seed}"
            sweep = bench.sweep(name, IMAGES, recipes={recipe: options}, seeds=[seed])
            apart += bench.run(sweep, name)
    report("12 cells of four recipes x 3 seeds in one sweep", together, "twelve separate runs", apart,
           "wanted: < 0.45")


def jobs(bench):
    """Eight cells that share no training."""
    sweep = bench.sweep("jobs", CODES, seeds=list(range(8)))
    one = bench.run(sweep, "jobs1", "-j", "1", "--threads", "1")
    two = bench.run(sweep, "jobs2", "-j", "2", "--threads", "1")
    report("8 cells with -j 2", two, "with -j 1", one, "best: 0.5 on two processors")


def plan(bench):
    rates = [round(1e-4 * (1 + i / 10), 6) for i in range(50)]
    sweep = bench.sweep("plan", CODES, seeds=list(range(20)),
                        matrix={"train.learning_rate": rates,
                                "generate.temperature": [round(0.5 + 0.05 * i, 2) for i in range(10)]})
    small = bench.sweep("small_plan", CODES)
    one = statistics.median(bench.seconds(bench.program, "plan", small) for _ in range(3))
    many = statistics.median(bench.seconds(bench.program, "plan", sweep) for _ in range(3))
    report("plan of a 10,000-cell sweep", many, "plan of one cell", one, "wanted: < 2 s")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, alone = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    parts = sys.argv[3:] or ["second", "overhead", "sharing", "jobs", "plan"]
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="oar-sweeps-") as folder:
            globals()[part](Bench(program, alone, folder))


if __name__ == "__main__":
    main()
