"""``wattwarden notify``: the parts of the command."""

from cyclopts import App

from wattwarden.tools.notify.bind import bind
from wattwarden.tools.notify.explain import explain
from wattwarden.tools.notify.faulty import faulty
from wattwarden.tools.notify.reach import reach
from wattwarden.tools.notify.schema import schema
from wattwarden.tools.notify.table import routing
from wattwarden.tools.notify.trial import trial

app = App(name="notify", help="See and say who is reached how; try endpoints out.")
app.command(explain)
app.command(trial, name="test")
app.command(reach)
app.command(bind)
app.command(routing)
app.command(faulty)
app.command(schema)
