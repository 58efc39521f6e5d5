"""The second round: `mockmx reproduce` makes of each bounce what refuses the mail again, the same server sends it again,
and the second bounce is read like the first."""

import dataclasses
import json
import subprocess
import tomllib

from .cases import CASES
from .exchange import exchange
from .mockmx import Mockmx, own_name
from .mtas import MTAS


def run(program, out, names, only, folder):
    own_name()
    print("| server | bounces of | again the same reply and stage | and what is said is what was |\n|---|---|---|---|")
    for name in names:
        work = folder / f"{name}-run"
        work.mkdir()
        mockmx = Mockmx(program, work / "mockmx", CASES, plays=False)
        again = Again(program, mockmx, MTAS[name](work, folder / name), work)
        table = tomllib.loads((out / f"{name}.toml").read_text())["bounce"]
        cases = [case for case in CASES if not only or case.name in only]
        for case in cases:
            again.case(case, out / name, [one for one in table if one["files"][0] == f"{case.name}.eml"])
        mockmx.stop()
        print(f"| {name} | {again.all} | {again.read} | {again.said} |\n" + "".join(f"  {line}\n" for line in again.other))


class Again:
    def __init__(self, program, mockmx, mta, work):
        self.program, self.mockmx, self.mta, self.work = program, mockmx, mta, work
        self.all = self.read = self.said = 0
        self.other = []

    def case(self, case, folder, known):
        files = [folder / file for file in known[0]["files"]]
        first = self.found(files)
        subprocess.run([self.program, "reproduce", *files, "--stub", "http://127.0.0.1:8025"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        second, said = {}, {}
        # Without a reply there is nothing to be refused by, and no bounce to wait for.
        refused = {name: rule for name, rule in case.recipients.items() if name in first}
        if refused:
            case = dataclasses.replace(case, recipients=refused)
            outcome = exchange(self.mta, self.mockmx, case)
            second = self.found(self.written(outcome.bounces))
            said = {one.recipient: (one.stage, one.lines) for one in outcome.refusals if one.rule.startswith("stub/")}
        self.mockmx.forget_stubs()
        for one in known:
            name = one["recipient"]
            self.all += 1
            is_read = name in first and second.get(name) == first[name]
            self.read += is_read
            self.said += is_read and said.get(name) == (one["stage"], one["reply"].split("\n"))
            if not is_read:
                self.other.append(f"{case.name}, {name}: {first.get(name)}, then {second.get(name)}")

    def written(self, bounces):
        files = [self.work / f"second-{number}.eml" for number in range(len(bounces))]
        for file, bounce in zip(files, bounces):
            file.write_bytes(bounce)
        return files

    def found(self, files):
        """The stage and the reply of each recipient that has one."""
        if not files:
            return {}
        done = subprocess.run([self.program, "reproduce", "--json", *files], capture_output=True, check=False)
        found = json.loads(done.stdout)["found"]
        return {of["recipient"]: (of["stage"]["name"], of["reply"]["wire"])
                for source in found for of in source["failures"] if of["reply"]}
