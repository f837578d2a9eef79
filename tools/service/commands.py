"""``wattwarden assist``: all of its commands under one name."""

from cyclopts import App

from wattwarden.tools.service import guidance, requests, shown

app = App(name="assist", help="Ask for help, help, and see what a firm is helped with.")
app.command(requests.request)
for serve in (
    requests.accept,
    requests.decline,
    requests.schedule,
    requests.solve,
    requests.confirm,
    requests.reopen,
    requests.withdraw,
):
    app.command(serve)
app.command(shown.list_requests, name="list")
app.command(shown.show)
app.command(guidance.solution)
app.command(guidance.train)
app.command(guidance.round_table, name="round-table")
app.command(guidance.publish)
app.command(guidance.remind)
app.command(guidance.read)
app.command(shown.documents)
app.command(shown.reminders)
app.command(shown.weak_points, name="weak-points")
