"""What a package means: readings out of its frames, the episode out of its readings.

Each check adds its points; none of them rests on the one before.
"""

import hashlib
from collections.abc import Mapping
from itertools import product
from typing import Any, Final

import msgspec

from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.kinds import FOLDED_KINDS
from wattwarden.alarms.episodes.findings import Alarm, Explanation
from wattwarden.alarms.rulebook import default_text, load_rules
from wattwarden.protocol.codec import DEFAULT_PROFILE, Profile, ProfileOf
from wattwarden.storage.profiles import ProfileBody, zone_of
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.frames import Sent
from wattwarden.storage.proof.picture import drawn
from wattwarden.storage.proof.refold import Basis, Clocks, Refold, Snapshot
from wattwarden.storage.proof.said import (
    Said,
    Terms,
    decode_sent,
    factors_csv,
    nothing_read,
    readings_csv,
    within,
)
from wattwarden.storage.proof.statement import Leaf, LeafKind, state_name
from wattwarden.storage.proof.work import Work
from wattwarden.storage.rows.binding import ClockBounds

# An explanation's numbers come out of the same sums; another machine may round the last digit.
_TOLERANCE: Final = 1e-6
# What _likeness says of an episode that is found as it is.
_WHOLE: Final = 2


def check_readings(work: Work) -> bool:
    """Decode the frames anew, and compare what they say with the readings."""
    manifest = work.known()
    terms = docs.read(work.parts[docs.TERMS], docs.Terms)
    decoded = decode_sent(
        work.sent, [meter.name for meter in terms.meters], reading_terms(terms, work.sent)
    )
    wrong, rows = [], 0
    for meter in terms.meters:
        said = within(decoded.said.get(meter.name, nobody()), *manifest.rows)
        work.said[meter.name] = said
        rows += len(said.readings["at"]) + len(said.factors)
        texts = {meter.readings: readings_csv(said.readings)}
        if meter.factors:
            texts[meter.factors] = factors_csv(said.factors)
        if any(work.parts[part] != text for part, text in texts.items()):
            wrong.append(meter.name)
    if wrong:
        names = ", ".join(wrong[:5])
        keyed = any(profile.has_key for profile in terms.profiles)
        why = "; a key is needed, which no package holds" if keyed else ""
        work.failed(
            "readings", f"重新解码与所存读数不一致：{names}", f"decoded anew, {names} differ{why}"
        )
        return True
    work.proven(
        "readings",
        f"由报文重新解码得到的{rows}条读数与所存完全一致",
        f"{rows} readings, decoded anew from the frames, are those that were stored",
    )
    return True


def check_state(work: Work) -> bool:
    """Say whether the state before the window is under a root."""
    manifest = work.known()
    if manifest.snapshot is None:
        work.open(
            "state", "没有窗口前的状态快照", "the state before the window: it was no longer kept"
        )
        return True
    name = state_name(manifest.enterprise, manifest.snapshot)
    sha256 = hashlib.sha256(work.parts[docs.DAY_STATE]).hexdigest()
    days = [
        record.root.statement.day
        for record in work.roots
        for proof in record.proofs
        if proof.leaf == Leaf(LeafKind.STATE, name, 1, sha256) and record.root.proves(proof)
    ]
    if days:
        zh = f"{manifest.snapshot} 零时的状态快照在 {days[0]} 的签名日根之内"
        en = f"the state at the beginning of {manifest.snapshot} is under the root of {days[0]}"
        work.proven("state", zh, en)
    else:
        zh = "状态快照（此前学习到的特征）仅由导出签名封存"
        en = "that the state before the window was so then: sealed by the export alone"
        work.open("state", zh, en)
    return True


def check_episode(work: Work) -> bool:
    """Fold the readings anew, and look for the episode."""
    manifest = work.known()
    episode = docs.read(work.parts[docs.ALARM], docs.Episode)
    if work.parts[docs.EXPLANATION] != docs.told(episode):
        work.failed("explanation", "说明文字与报警不符", "explanation.txt is not the alarm's")
    if episode.found_in != "readings":
        zh, en = "该报警由心跳判定，不由读数重算", "the episode: it was judged by silence, by ticks"
        work.open("episode", zh, en)
        return True
    if manifest.snapshot is None:
        work.open(
            "episode", "无状态快照，不能重算", "the episode: without a state nothing is folded"
        )
        return True
    alarm: Alarm | None = None
    for name, clocks in product((docs.THEN, docs.NOW), Clocks):
        found = _refolded(work, name, clocks).get(episode.key)
        if found is not None and (
            alarm is None or _likeness(found, episode) > _likeness(alarm, episode)
        ):
            alarm = found
        if alarm is not None and _likeness(alarm, episode) == _WHOLE:
            break
    if alarm is None or not _same(alarm, episode):
        said = "is not found" if alarm is None else "comes out otherwise"
        en = f"folded anew from the state, {episode.rule} of {episode.subject} {said}"
        work.failed("episode", "由报文重新判定的结果与报警不一致", en)
        return True
    work.proven(
        "episode",
        f"由报文重新判定，得到同一报警：{episode.rule} {episode.subject}，起止、发出时间与说明一致",
        f"folded anew: {episode.rule} of {episode.subject} began, was raised and is explained as"
        " the alarm says, under the rules and decisions shown",
    )
    if episode.ended == alarm.ended:
        zh = "结束时间一致" if episode.ended else "至窗口末仍在持续"
        en = "it ended as the alarm says" if episode.ended else "it went on at the window's end"
        work.proven("end", zh, en)
    elif episode.ended is not None and episode.ended < manifest.window[1]:
        work.failed("end", "结束时间不一致", "its end comes out otherwise")
    else:
        work.open("end", "结束时间在窗口之外", "when it ended: beyond the window")
    return True


def _refolded(work: Work, name: str, clocks: Clocks) -> Mapping[Any, Alarm]:
    """Fold by what was in force at the raise, or at the export."""
    manifest = work.known()
    records = docs.read(work.parts[docs.DECISIONS], list[docs.DecisionRecord])
    text = work.parts[f"{name}/rules.toml"].decode()
    folded = [one for one in records if one.kind in FOLDED_KINDS]
    if name == docs.THEN:
        folded = [one for one in folded if one.step <= manifest.then_step]
    bodies = [one.read() for one in folded]
    ruled = {body.text for body in bodies if isinstance(body, RuleSet)}
    if text not in ruled and text != default_text():
        zh = "规则并非由决定发布，也与本程序自带的不同：仅由导出签名封存"
        en = "the rules: neither decided nor those of this program; sealed by the export alone"
        work.open("rules", zh, en)
    basis = Basis(
        manifest.enterprise,
        docs.registry_read(work.parts[f"{name}/registry.json"]),
        load_rules(text),
        bodies,
    )
    if manifest.snapshot is None:
        raise ValueError("there is no state")
    state = (work.parts[docs.DAY_STATE], work.parts[docs.KEPT_STATE])
    refold = Refold(basis, Snapshot(manifest.snapshot, *state))
    return refold.fold(
        {meter: work.said.get(meter, nobody()) for meter in refold.meters},
        manifest.window[1],
        clocks,
    )


def check_curve(work: Work) -> bool:
    """Draw the picture anew."""
    manifest = work.known()
    episode = docs.read(work.parts[docs.ALARM], docs.Episode)
    if curve_of(work.said, episode, manifest.window) != work.parts[docs.CURVE]:
        work.failed("curve", "曲线图与读数不符", "the picture is not that of the readings")
    else:
        work.proven("curve", "曲线图由读数重绘相同", "the picture, drawn anew, is the same")
    return True


def nobody() -> Said:
    """Return what a meter says that says nothing."""
    return Said(nothing_read())


def curve_of(said: Mapping[str, Said], episode: docs.Episode, window: tuple[int, int]) -> bytes:
    """Return the picture of an alarm."""
    title = f"{episode.rule} {episode.enterprise_name} {episode.subject}"
    end = window[1] if episode.ended is None else min(episode.ended, window[1])
    return drawn(said, title, window, (episode.began, end))


def reading_terms(terms: docs.Terms, sent: list[Sent]) -> Terms:
    """Return by what frames are read; keys of meters are in no package."""
    profiles = {(one.codec, one.address): _profile(one) for one in terms.profiles}

    def of(codec: str) -> ProfileOf:
        return lambda address: profiles.get((codec, address), DEFAULT_PROFILE)

    bounds = ClockBounds(terms.ahead_s, terms.retention_days, terms.future_days)
    return Terms({one.codec: of(one.codec) for one in sent}, bounds)


def _profile(record: docs.ProfileRecord) -> Profile:
    body = msgspec.convert(record.body, ProfileBody)
    return Profile(
        zone_of(body.zone), body.cycle_s, None, body.options, record.version, body.clock,
        body.listener,
    )  # fmt: skip


def _likeness(alarm: Alarm, episode: docs.Episode) -> int:
    """How much of an episode is found: nothing but its key, how it was raised, and its end."""
    return int(_same(alarm, episode)) + int(_same(alarm, episode) and alarm.ended == episode.ended)


def _same(alarm: Alarm, episode: docs.Episode) -> bool:
    """Tell whether an episode was raised and is explained as the alarm says."""
    return (
        alarm.raised == episode.raised
        and alarm.line == episode.line
        and alarm.version == episode.version
        and _alike(alarm.explanation, episode.explanation)
    )


def _alike(one: Explanation, other: Explanation) -> bool:
    texts = (one.zh, one.en, one.version) == (other.zh, other.en, other.version)
    return texts and all(
        _close(msgspec.to_builtins(getattr(one, name)), msgspec.to_builtins(getattr(other, name)))
        for name in ("signals", "thresholds", "windows")
    )


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _TOLERANCE * max(abs(one), abs(other), 1)
    return bool(one == other)
