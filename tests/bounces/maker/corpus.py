"""The first round: bounces of mockmx's own rules, with what mockmx said."""

import json
import shutil

from . import packages
from .cases import CASES
from .exchange import exchange
from .mockmx import Mockmx, own_name
from .mtas import MTAS


def run(program, out, names, only, folder):
    own_name()
    cases = [case for case in CASES if not only or case.name in only]
    for name in names:
        fetched = folder / name
        work = folder / f"{name}-run"
        work.mkdir()
        mockmx = Mockmx(program, work / "mockmx", CASES, plays=True)
        mta = MTAS[name](work, fetched)
        package = (MTAS[name].packages or [name])[0]
        made = [(case, exchange(mta, mockmx, case)) for case in cases]
        mockmx.stop()
        write(out, name, f"{package} {packages.version(package, fetched)}", made)


def write(out, name, version, made):
    shutil.rmtree(out / name, ignore_errors=True)
    (out / name).mkdir(parents=True)
    table, log = [f"# What mockmx said, and the bounces that {version} made of it.\n"], []
    for case, outcome in made:
        if not outcome.bounces:
            raise RuntimeError(f"{name} makes no bounce of {case.name}: {outcome}\n{outcome.all_log}")
        files = [f"{case.name}{f'-{number}' if number > 1 else ''}.eml" for number in range(1, len(outcome.bounces) + 1)]
        for file, bounce in zip(files, outcome.bounces):
            (out / name / file).write_bytes(bounce)
        for refusal in outcome.refusals:
            table.append(entry(files, refusal))
        log += outcome.log
    (out / f"{name}.toml").write_text("\n".join(table))
    (out / f"{name}.log").write_text("".join(f"{line}\n" for line in log), errors="surrogateescape")
    print(f"{name}: {len(made)} mails, {sum(len(outcome.bounces) for _, outcome in made)} bounces")


def entry(files, refusal):
    lines = "\n".join(refusal.lines)
    fields = {"files": files, "recipient": refusal.recipient, "stage": refusal.stage, "reply": lines,
              "rule": refusal.rule}
    # A string or a list of JSON is one of TOML, too.
    return "[[bounce]]\n" + "".join(f"{key} = {json.dumps(of, ensure_ascii=False)}\n" for key, of in fields.items())
