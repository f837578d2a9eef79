"""What may be done to a case in which state, and where it leads: one table.

         ack            handle                rectify              verify           close
RAISED ───────► ACKED ──────────► RECTIFYING ─────────► RECTIFIED ────────► VERIFIED ─────► CLOSED
  │ clear         │ clear             ▲  ▲───────────────── reject              settle ──────►
  ▼       ack     ▼      handle       │
CLEARED_UNACK ─► CLEARED ─────────────┘  (both: settle, if it was brief)
any of these four ── declare ─► DECLARED ── pass ─► CLOSED (exempt), refuse ─► ACKED or CLEARED
CLEARED_UNACK, CLEARED, RECTIFYING ── close, by an officer, the condition gone ─► CLOSED
CLOSED (exempt) ── revoke: the approval was a mistake ─► ACKED or CLEARED

Until it is verified or closed, an officer may escalate a case, which stays where it is and does not
settle: whoever made it graver, or somebody else, has to look at it.
From every state what officers do, and time, lead to CLOSED: no case waits for its firm for ever.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import STATES_ZH, State


class Deed(StrEnum):
    """What happens to a case without a person's action on it."""

    RAISE = "raise"
    RECUR = "recur"
    CLEAR = "clear"
    PASS = "pass"  # noqa: S105  a declaration is approved
    REFUSE = "refuse"
    REVOKE = "revoke"  # a declaration's approval was a mistake
    SETTLE = "settle"


_UNSEEN: Final[Mapping[Verb | Deed, State]] = {
    Verb.ACK: State.ACKED,
    Verb.DECLARE: State.DECLARED,
    Deed.CLEAR: State.CLEARED_UNACK,
}
# A pair that is not here is refused; comments are welcome in every state of an alarm.
TRANSITIONS: Final[Mapping[State, Mapping[Verb | Deed, State]]] = {
    State.PENDING: {Deed.RAISE: State.RAISED, Deed.RECUR: State.REOPENED},
    State.RAISED: {
        **_UNSEEN,
        Verb.ESCALATE: State.RAISED,
        Verb.COMMENT: State.RAISED,
    },
    State.REOPENED: {
        **_UNSEEN,
        Verb.ESCALATE: State.REOPENED,
        Verb.COMMENT: State.REOPENED,
    },
    State.ACKED: {
        Verb.HANDLE: State.RECTIFYING,
        Verb.PLAN: State.ACKED,
        Verb.DECLARE: State.DECLARED,
        Verb.ESCALATE: State.ACKED,
        Verb.COMMENT: State.ACKED,
        Deed.CLEAR: State.CLEARED,
    },
    State.CLEARED_UNACK: {
        Verb.ACK: State.CLEARED,
        Verb.DECLARE: State.DECLARED,
        Verb.CLOSE: State.CLOSED,
        Verb.ESCALATE: State.CLEARED_UNACK,
        Verb.COMMENT: State.CLEARED_UNACK,
        Deed.SETTLE: State.CLOSED,
    },
    State.CLEARED: {
        Verb.HANDLE: State.RECTIFYING,
        Verb.PLAN: State.CLEARED,
        Verb.DECLARE: State.DECLARED,
        Verb.CLOSE: State.CLOSED,
        Verb.ESCALATE: State.CLEARED,
        Verb.COMMENT: State.CLEARED,
        Deed.SETTLE: State.CLOSED,
    },
    State.DECLARED: {
        Verb.ESCALATE: State.DECLARED,
        Verb.COMMENT: State.DECLARED,
        Deed.CLEAR: State.DECLARED,
        Deed.PASS: State.CLOSED,
        Deed.REFUSE: State.ACKED,
    },
    State.RECTIFYING: {
        # Again, when more is known of the cause.
        Verb.HANDLE: State.RECTIFYING,
        Verb.PLAN: State.RECTIFYING,
        Verb.RECTIFY: State.RECTIFIED,
        Verb.CLOSE: State.CLOSED,
        Verb.ESCALATE: State.RECTIFYING,
        Verb.COMMENT: State.RECTIFYING,
        Deed.CLEAR: State.RECTIFYING,
    },
    State.RECTIFIED: {
        Verb.VERIFY: State.VERIFIED,
        Verb.REJECT: State.RECTIFYING,
        Verb.ESCALATE: State.RECTIFIED,
        Verb.COMMENT: State.RECTIFIED,
        Deed.CLEAR: State.RECTIFIED,
    },
    State.VERIFIED: {
        Verb.CLOSE: State.CLOSED,
        Verb.COMMENT: State.VERIFIED,
        Deed.SETTLE: State.CLOSED,
    },
    State.CLOSED: {
        Verb.COMMENT: State.CLOSED,
        Deed.CLEAR: State.CLOSED,
        Deed.REVOKE: State.ACKED,
    },
}
VERBS_ZH: Final[Mapping[Verb, str]] = {
    Verb.ACK: "确认",
    Verb.HANDLE: "处置",
    Verb.PLAN: "制定整改方案",
    Verb.RECTIFY: "整改完成",
    Verb.VERIFY: "核实",
    Verb.REJECT: "退回",
    Verb.CLOSE: "办结",
    Verb.DECLARE: "申报",
    Verb.ESCALATE: "升级",
    Verb.COMMENT: "备注",
}
DEEDS_ZH: Final[Mapping[Deed, str]] = {
    Deed.RAISE: "报警",
    Deed.RECUR: "复发报警",
    Deed.CLEAR: "消除",
    Deed.PASS: "申报通过",
    Deed.REFUSE: "申报不通过",
    Deed.REVOKE: "申报撤销",
    Deed.SETTLE: "自动办结",
}


def able(verb: Verb) -> str:
    """Name the states in which a verb is possible, in Chinese."""
    return "、".join(STATES_ZH[state] for state, moves in TRANSITIONS.items() if verb in moves)
