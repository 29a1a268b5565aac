# SPDX-License-Identifier: Apache-2.0
"""A verdict as JUnit XML: one test case a limit, so that a CI server shows budgets as it shows tests.

Format: the JUnit 4 report of Ant (testsuites / testsuite / testcase / failure), the subset that Jenkins, GitLab
and GitHub actions all read.
"""

from xml.etree import ElementTree

from toolchain.budget.verdict import Verdict
from toolchain.report.table import shown


def verdict_junit(verdict: Verdict, suite: str) -> str:
    """`suite`: name of the suite, such as `kws on mps2-an386`. Ends in a newline."""
    failures = {(breach.limit, breach.origin): breach for breach in verdict.breaches}
    counts = {"tests": str(len(verdict.checks)), "failures": str(len(failures)), "errors": "0"}
    root = ElementTree.Element("testsuites", counts)
    element = ElementTree.SubElement(root, "testsuite", {"name": suite} | counts)
    for check in verdict.checks:
        limit, measure = check.limit, check.measure
        case = ElementTree.SubElement(
            element, "testcase", {"classname": f"subbyte.check.{suite}", "name": f"{limit.name} ({limit.origin})"}
        )
        unit = f"{limit.unit} " if limit.unit else ""
        sign = ">=" if limit.at_least else "<="
        figure = f"{shown(measure.value)} {unit}{measure.how.value}, must be {sign} {shown(limit.allowed)}"
        breach = failures.get((limit.name, limit.origin))
        if breach is not None:
            failure = ElementTree.SubElement(case, "failure", {"type": "budget", "message": figure})
            failure.text = breach.advice
        else:
            ElementTree.SubElement(case, "system-out").text = figure
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
