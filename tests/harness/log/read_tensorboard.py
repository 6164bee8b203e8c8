"""read_tensorboard.py FOLDER: prints what TensorBoard reads there: {run: {tag: [[step, value], ...]}} as JSON.

The values are those of the real package (`pip install tensorboard`), with its rules for attempts that begin anew.
"""
import json
import os
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

runs = {}
for name in sorted(os.listdir(sys.argv[1])):
    events = EventAccumulator(os.path.join(sys.argv[1], name), size_guidance={"scalars": 0})
    events.Reload()
    runs[name] = {
        tag: [[point.step, point.value] for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
print(json.dumps(runs))
