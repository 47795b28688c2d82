"""A CSV file as Jira exports it, with all the oddities that such files have."""

import csv
import io
from collections.abc import Sequence

HEADER = (
    *("Issue Type", "Issue key", "Issue id", "Parent id", "Summary", "Assignee", "Assignee Id"),
    *("Sprint", "Sprint", "Labels", "Labels", "Labels", "Description", "Watchers"),
    *("Outward issue link (Blocks)", "Custom field (Story Points)", "Comment", "Comment"),
)
WIKI = 'h2. Steps\r\n# Open "Settings, more"\r\n# {{click()}} *twice*\r\n\r\n{code}a;\tb{code}'


def row(number: int, **changes: str) -> list[str]:
    """The issue of this number, from 1; each kind of oddity comes again and again."""
    issue = {
        "Issue Type": "Story",
        "Issue key": f"SHOP-{number}",
        "Issue id": str(10_000 + number),
        "Summary": f"Story {number}",
        "Description": f"About {number}.",
    }
    match number % 50:
        case 3:
            issue["Summary"] = f'Say "hello, world" in {number} ways; at least'
        case 7:
            issue["Description"] = f"{WIKI}\r\n{number}"
        case 11:
            issue["Summary"] = f"A\u00a0summary\u200b with\todd \u200espaces {number} "
        case 19:
            issue["Description"] = f"{number} " + "long " * 1_000
        case 23:
            issue["Summary"] = f"{number} " + "very " * 60 + "long"
        case 31:
            issue["Description"] = ""
        case 37:
            issue["Summary"] = f"Größe 🚀 登录 {number}"
        case _:
            issue["Description"] += " It says so." * (number % 40)
    issue |= changes
    repeated = {"Sprint": ["Sprint 1", ""], "Labels": ["a", "b", ""], "Comment": ["x\n\ny, z", ""]}
    return [repeated[name].pop(0) if name in repeated else issue.get(name, "") for name in HEADER]


def export(
    rows: Sequence[Sequence[str]], *, header: Sequence[str] = HEADER, delimiter: str = ","
) -> bytes:
    """The file with these issues, in UTF-8."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([header, *rows])
    return file.getvalue().encode()


def issues(count: int) -> list[list[str]]:
    """So many issues."""
    return [row(number) for number in range(1, count + 1)]
