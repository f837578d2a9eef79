"""``wattwarden registry``: its commands."""

from cyclopts import App

from wattwarden.tools.registry.exchange import export_book, import_book, sample
from wattwarden.tools.registry.looking import check, show
from wattwarden.tools.registry.metering import commission, replace

app = App(
    name="registry",
    help="Import, export, check and show who has what and where it is metered.",
)
app.command(import_book, name="import")
app.command(export_book, name="export")
app.command(check, name="check")
app.command(show, name="show")
app.command(sample, name="sample")
app.command(replace, name="replace-meter")
app.command(commission, name="commission")
