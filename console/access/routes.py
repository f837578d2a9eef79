"""What is served of access."""

from typing import Final

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.registry.nouns import Role
from wattwarden.console.access import (
    audit,
    binding,
    by_provider,
    home,
    mine,
    sign_in,
    users,
    welcome,
)
from wattwarden.console.oidc.registration import BACK_PATH
from wattwarden.console.routes import OPEN, SIGNED_IN, Only, Route

_ADMINISTRATORS: Final = Only(frozenset({Role.ADMINISTRATOR}))

ROUTES: Final = (
    Route("GET", "/", home.show, SIGNED_IN, "home"),
    Route("GET", "/more", home.more, SIGNED_IN, "more"),
    Route("GET", "/sign-in", sign_in.show, OPEN, "sign_in"),
    Route("POST", "/sign-in", sign_in.sign_in, OPEN, "check_password"),
    Route("POST", "/sign-in/code", sign_in.check_code, OPEN, "check_code"),
    Route("POST", "/sign-in/provider", by_provider.leave_for, OPEN, "leave_for_provider"),
    Route("GET", BACK_PATH, by_provider.back, OPEN, "provider_back"),
    Route("POST", "/sign-out", sign_in.sign_out, SIGNED_IN, "sign_out"),
    Route("GET", "/welcome/{invitation}", welcome.show, OPEN, "welcome"),
    Route("POST", "/welcome/{invitation}", welcome.accept, OPEN, "accept"),
    Route("GET", "/me", mine.show, SIGNED_IN, "me"),
    Route("POST", "/me/password", mine.change_password, SIGNED_IN, "change_password"),
    Route("POST", "/me/sessions/end-others", mine.end_others, SIGNED_IN, "end_other_sessions"),
    Route("POST", "/me/sessions/{session}/end", mine.end_session, SIGNED_IN, "end_session"),
    Route("POST", "/me/second/begin", mine.begin_second, SIGNED_IN, "begin_second"),
    Route("POST", "/me/second/prove", mine.prove_second, SIGNED_IN, "prove_second"),
    Route("POST", "/me/second/drop", mine.drop_second, SIGNED_IN, "drop_own_second"),
    Route("POST", "/me/tokens", mine.new_token, SIGNED_IN, "new_token"),
    Route("POST", "/me/tokens/{token}/end", mine.end_token, SIGNED_IN, "end_token"),
    Route("GET", "/people", users.show, Read.AUDIT, "people"),
    Route("GET", "/people/{person}", users.show_one, Read.AUDIT, "user"),
    Route("POST", "/people/{person}/invite", users.send_invitation, _ADMINISTRATORS, "invite"),
    Route("POST", "/people/{person}/lock", users.lock_out, _ADMINISTRATORS, "lock"),
    Route("POST", "/people/{person}/unlock", users.let_in_again, _ADMINISTRATORS, "unlock"),
    Route("POST", "/people/{person}/demand", users.demand_password, _ADMINISTRATORS, "demand"),
    Route("POST", "/people/{person}/end-sessions", users.end_all, _ADMINISTRATORS, "end_all"),
    Route(
        "POST", "/people/{person}/drop-second", users.drop_second, _ADMINISTRATORS, "drop_second"
    ),
    Route("POST", "/people/{person}/bind", binding.bind, _ADMINISTRATORS, "bind"),
    Route("POST", "/people/{person}/unbind", binding.unbind, _ADMINISTRATORS, "unbind"),
    Route("GET", "/audit", audit.show, Read.AUDIT, "audit"),
)
