"""What the steps before have to have ended with, and what programs have to have been called with.

Each assertion becomes a line of the file that RESULT names: `ok`, or what is wrong.
"""
import json
import os

STEPS = json.loads(os.environ["STEPS"])
# What a shell would obey, were it not data.
HOSTILE = "a b 'c' \"d\" $(touch obeyed) `touch obeyed`; touch obeyed"


def say(holds, what):
    with open(os.environ["RESULT"], "a") as file:
        file.write("ok\n" if holds else f"{what!r}\n")


def step(name, outcome, **outputs):
    """The step ended so, and set these outputs: text, or a test of it."""
    step = STEPS.get(name, {"outcome": "absent", "outputs": {}})
    say(step["outcome"] == outcome, f"{name}: {step['outcome']}, not {outcome}")
    for key, expected in outputs.items():
        found = step["outputs"].get(key)
        holds = expected(found) if callable(expected) else found == expected
        say(holds, f"{name}: {key} is {found!r}")


def refused(name, exit_code="2", **outputs):
    step(name, "failure", exit_code=exit_code, **outputs)


def fine(name, **outputs):
    step(name, "success", exit_code="0", **outputs)


def called(*calls):
    """The programs were called so, in order: each call the program and arguments that it has to have had."""
    path = os.path.join(os.environ["ACT_PLACE"], "called.ndjson")
    made = [json.loads(line) for line in open(path)] if os.path.exists(path) else []
    say(len(made) == len(calls), f"{len(made)} calls, not {len(calls)}: {made}")
    for call, expected in zip(made, calls):
        say(call[0] == expected[0] and set(expected) <= set(call), f"{call} lacks some of {expected}")
