"""Compares deploy/prometheus, deploy/grafana and the runbooks with what the program knows: metrics and their labels (the table in
guides/operations.md, which tests hold against the program), commands (guides/cli.md). Prints a line for each difference; the exit code is 1
then. With promtool as its argument it has the dashboard's expressions read, too."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
# What others tell: Prometheus itself, and the node_exporter. With the labels that are asked for.
OTHERS = {
    "up": {"job"},
    "ALERTS": {"alertname", "alertstate"},
    "node_filesystem_avail_bytes": {"fstype"},
    "node_filesystem_size_bytes": {"fstype"},
}
# What Prometheus puts on everything.
EVERYWHERE = {"job", "instance"}
SEVERITIES = {"critical", "warning"}
# What is not in Grafana's dashboard but filled in when it is shown.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$subscription": ".*"}

problems = []


def problem(where, what):
    problems.append(f"{where}: {what}")


def text(file):
    return (ROOT / file).read_text()


def anchor(heading):
    kept = "".join(c for c in heading.lstrip("#").strip().lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def sections(page):
    """Each section of the second level, by its anchor."""
    return {anchor(part.split("\n", 1)[0]): part for part in re.split(r"^## ", page, flags=re.M)[1:]}


def series():
    """Every series that can be asked for, with its labels."""
    known = dict(OTHERS)
    row = r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*) \|"
    for name, kind, labels in re.findall(row, text("guides/operations.md"), flags=re.M):
        labels = set(re.findall(r"`(\w+)`", labels))
        for suffix in ["_bucket", "_count", "_sum"] if kind == "histogram" else [""]:
            known[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return known


def check_expression(where, expression, known):
    """That each series is there, and has the labels by which it is chosen, summed up and joined."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    names = set(re.findall(r"\b(?:fairlead_|process_|node_)\w+|\bup\b|\bALERTS\b", bare))
    if not names:
        problem(where, "asks for nothing")
    for name in names - known.keys():
        problem(where, f"asks for {name}, which nobody tells")
    there = EVERYWHERE.union(*(known.get(name, set()) for name in names))
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", bare):
        for label in re.findall(r"(\w+)\s*[=!]", matchers):
            if label not in known.get(name, set()) | EVERYWHERE:
                problem(where, f"{name} has no label {label}")
    for labels in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", bare):
        for label in filter(None, re.split(r"[,\s]+", labels)):
            if label not in there:
                problem(where, f"nothing it asks for has a label {label}")


def check_alerts(known):
    rules = [rule for group in yaml.safe_load(text("deploy/prometheus/alerts.yml"))["groups"] for rule in group["rules"]]
    runbooks = sections(text("guides/runbooks.md"))
    for rule in rules:
        name, annotations = rule["alert"], rule.get("annotations", {})
        check_expression(name, rule["expr"], known)
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            problem(name, f"has no severity, which is one of {', '.join(sorted(SEVERITIES))}")
        if annotations.keys() != {"summary", "runbook"}:
            problem(name, "has not a summary and a runbook, and nothing else")
        page, _, heading = annotations.get("runbook", "").partition("#")
        if page != "guides/runbooks.md" or f"`{name}`" not in runbooks.get(heading, ""):
            problem(name, f"its runbook is {page}#{heading}, which is not there, or does not name it")
    names = [rule["alert"] for rule in rules]
    for name in {name for name in names if names.count(name) > 1}:
        problem(name, "stands there twice")
    for file in ("guides/runbooks.md", "guides/operations.md", "deploy/grafana/fairlead.json"):
        for name in set(re.findall(r"\bFairlead[A-Z]\w+", text(file))) - set(names):
            problem(file, f"names {name}, which is no alert")
    return names


def check_tests(names):
    quiet, firing = set(), set()
    for test in yaml.safe_load(text("deploy/prometheus/alerts_test.yml"))["tests"]:
        for case in test["alert_rule_test"]:
            (firing if case.get("exp_alerts") else quiet).add(case["alertname"])
    for name in names:
        if name not in quiet or name not in firing:
            problem("deploy/prometheus/alerts_test.yml", f"does not try when {name} fires, and when not")


def check_dashboard(known, promtool):
    file = "deploy/grafana/fairlead.json"
    board = json.loads(text(file))
    panels = board["panels"]
    ids = [panel["id"] for panel in panels]
    if len(ids) != len(set(ids)):
        problem(file, "two panels have the same id")
    expressions = [note["expr"] for note in board["annotations"]["list"]]
    for panel in panels:
        where = f"panel {panel['title']}"
        for target in panel.get("targets", []):
            check_expression(where, target["expr"], known)
            expressions.append(target["expr"])
        if panel["type"] != "row" and not (panel.get("targets") and panel.get("description")):
            problem(where, "asks for nothing, or does not say what it shows")
        place = panel["gridPos"]
        for other in panels:
            beside = other["gridPos"]
            apart = (
                place["x"] + place["w"] <= beside["x"] or beside["x"] + beside["w"] <= place["x"]
                or place["y"] + place["h"] <= beside["y"] or beside["y"] + beside["h"] <= place["y"]
            )
            if other["id"] < panel["id"] and not apart:
                problem(where, f"lies over {other['title']}")
    for variable, value in VARIABLES.items():
        expressions = [expression.replace(variable, value) for expression in expressions]
    if promtool:
        rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as rendered:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, rendered)
            rendered.flush()
            read = subprocess.run([promtool, "check", "rules", "--lint=none", rendered.name], capture_output=True, text=True)
        if read.returncode != 0:
            problem(file, f"has expressions that can't be read: {read.stdout}{read.stderr}")
    return len(expressions)


def check_commands():
    """That what operators are told to type is there: the command, and its options."""
    manual = sections(text("guides/cli.md"))
    count = 0
    for file in ("guides/operations.md", "guides/runbooks.md"):
        page = text(file)
        typed = [line for block in re.findall(r"^```sh\n(.*?)^```", page, flags=re.M | re.S) for line in block.splitlines()]
        typed += re.findall(r"`(fairlead [^`]+)`", page)
        for line in typed:
            for call in re.findall(r"(?:^|[(;|&] ?|-- )fairlead ([a-z][^;|&#)]*)", line):
                count += 1
                words = [word for word in call.split() if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-")]
                found = [
                    "-".join(["fairlead", *words[:depth]]) for depth in (2, 1) if "-".join(["fairlead", *words[:depth]]) in manual
                ]
                if not found:
                    problem(file, f"there is no command fairlead {call.strip()}")
                    continue
                for option in re.findall(r"(--[a-z-]+)", call):
                    if f"{option} " not in manual[found[0]] and f"{option}\n" not in manual[found[0]]:
                        problem(file, f"fairlead {call.strip()}: there is no {option}")
    if count < 20:
        problem("guides", f"only {count} commands are found")
    return count


def main():
    promtool = sys.argv[1] if len(sys.argv) > 1 else None
    known = series()
    names = check_alerts(known)
    check_tests(names)
    expressions = check_dashboard(known, promtool)
    commands = check_commands()
    for line in problems:
        print(line)
    print(
        f"{len(known)} series, {len(names)} alerts, {expressions} expressions on the dashboard, {commands} commands, "
        f"{len(problems)} problems"
    )
    sys.exit(1 if problems else 0)


main()
