"""What a package means: readings out of its frames, the episode out of its readings.

Each check adds its points; none of them rests on the one before.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import msgspec

from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.kinds import FOLDED_KINDS, AnyBody
from wattwarden.alarms.episodes.findings import Alarm, Explanation
from wattwarden.alarms.folding.late import KEPT_DAYS
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
        if meter.factors or said.factors:
            texts[meter.factors] = factors_csv(said.factors)
        if any(work.parts.get(part) != text for part, text in texts.items()):
            wrong.append(meter.name)
    named = {part for meter in terms.meters for part in (meter.readings, meter.factors)}
    wrong += sorted(
        name
        for name in work.parts
        if name.startswith(("readings/", "factors/")) and name not in named
    )
    _say_unread(work, decoded.refused)
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


def _say_unread(work: Work, refused: int) -> None:
    if refused:
        work.open(
            "unread",
            f"{refused}处报文内容不能解码，其所述不在读数之内",
            f"what {refused} frames say that cannot be read, whole or in part",
        )


def check_meters(work: Work) -> bool:
    """Say of which of the firm's meters nothing is shown: they may have said something."""
    books = [
        docs.registry_read(work.parts[f"{name}/registry.json"]) for name in (docs.THEN, docs.NOW)
    ]
    meters = {point.meter for book in books for point in book.point.values()} | work.said.keys()
    silent = sorted(
        meter
        for meter in meters
        if meter not in work.said
        or not (len(work.said[meter].readings["at"]) or work.said[meter].factors)
    )
    if silent:
        names = ", ".join(silent[:5])
        work.open(
            "silent meters",
            f"{len(silent)}块表计没有读数出示，不能证明其未发送：{names}",
            f"that {len(silent)} meters of which nothing is shown said nothing: {names}",
        )
    return True


def check_state(work: Work) -> bool:
    """Say whether the state before the window is under a root."""
    manifest = work.known()
    if manifest.snapshot is None:
        zh = f"没有窗口前的状态快照：系统保留 {KEPT_DAYS} 天，导出时已没有"
        en = f"the state before the window: it is kept for {KEPT_DAYS} days, the export found none"
        work.open("state", zh, en)
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
        zh = "无状态快照，不能由读数重新判定；报文、读数、决定的证明不受影响"
        en = (
            "that the episode follows from the readings: without a state nothing is folded;"
            " frames, readings and decisions stand"
        )
        work.open("episode", zh, en)
        return True
    found = _found(work, episode)
    if found is None or not _same(found.alarm, episode):
        said = "is not found" if found is None else "comes out otherwise"
        en = f"folded anew from the state, {episode.rule} of {episode.subject} {said}"
        work.failed("episode", "由报文重新判定的结果与报警不一致", en)
        return True
    alarm, then = found.alarm, found.book == docs.THEN
    zh = "报警时" if then else "导出时"
    en = "when it was raised" if then else "at the export"
    work.proven(
        "episode",
        f"由报文按{zh}的档案、规则与所示决定重新判定，得到同一报警："
        f"{episode.rule} {episode.subject}，开始、发出时间与说明一致",
        f"folded anew: {episode.rule} of {episode.subject} began, was raised and is explained as"
        f" the alarm says, under registry and rules as they were {en} and the decisions shown",
    )
    _say_by_what(work, found)
    _check_end(work, episode, alarm)
    return True


@dataclass(frozen=True, slots=True)
class _Found:
    """The episode as it was folded anew, by which book (then or now) and which clocks."""

    alarm: Alarm
    book: str
    clocks: Clocks


def _found(work: Work, episode: docs.Episode) -> _Found | None:
    """Fold by what was in force at the raise, or at the export; return what is likest."""
    best: _Found | None = None
    for book, clocks in product((docs.THEN, docs.NOW), Clocks):
        alarm = _refolded(work, book, clocks).get(episode.key)
        if alarm is not None and (
            best is None or _likeness(alarm, episode) > _likeness(best.alarm, episode)
        ):
            best = _Found(alarm, book, clocks)
        if best is not None and _likeness(best.alarm, episode) == _WHOLE:
            break
    return best


def _refolded(work: Work, book: str, clocks: Clocks) -> Mapping[Any, Alarm]:
    manifest = work.known()
    basis = Basis(
        manifest.enterprise,
        docs.registry_read(work.parts[f"{book}/registry.json"]),
        load_rules(work.parts[f"{book}/rules.toml"].decode()),
        _bodies(work, book),
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


def _bodies(work: Work, book: str) -> list[AnyBody]:
    """The decisions that a fold takes, up to the raise or to the export."""
    records = docs.read(work.parts[docs.DECISIONS], list[docs.DecisionRecord])
    last = work.known().then_step if book == docs.THEN else None
    return [
        one.read()
        for one in records
        if one.kind in FOLDED_KINDS and (last is None or one.step <= last)
    ]


def _check_end(work: Work, episode: docs.Episode, alarm: Alarm) -> None:
    if episode.ended == alarm.ended:
        zh = "结束时间一致" if episode.ended else "至窗口末仍在持续"
        en = "it ended as the alarm says" if episode.ended else "it went on at the window's end"
        work.proven("end", zh, en)
    elif episode.ended is not None and episode.ended < work.known().window[1]:
        work.failed("end", "结束时间不一致", "its end comes out otherwise")
    else:
        work.open("end", "结束时间在窗口之外", "when it ended: beyond the window")


def _say_by_what(work: Work, found: _Found) -> None:
    """Say what of that by which the episode was found is under no root."""
    text = work.parts[f"{found.book}/rules.toml"].decode()
    ruled = {body.text for body in _bodies(work, found.book) if isinstance(body, RuleSet)}
    if text not in ruled and text != default_text():
        zh = "规则并非由决定发布，也与本程序自带的不同：仅由导出签名封存"
        en = "the rules: neither decided nor those of this program; sealed by the export alone"
        work.open("rules", zh, en)
    if found.clocks is Clocks.KNOWN:
        zh = "判定所用的表计时钟偏差由系统测得（state/kept.bin），仅由导出签名封存"
        en = "how far the meters' clocks were off (state/kept.bin): sealed by the export alone"
        work.open("clocks of meters", zh, en)


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
