"""One self-contained HTML page about a game: `report.render.render`.

Needs the extra `report` of planning-poker-server (jinja2, matplotlib): nothing else imports
this package at its start, so that serving never pays for it.
"""
