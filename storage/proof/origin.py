"""Where a package comes from: its parts, its seal, the keys, the roots and the frames under them.

Each check adds its points, and says whether what comes after has anything to stand on.
"""

import hashlib
import re
from datetime import date
from typing import Final

from wattwarden.alarms.folding.foldtime import DAY_MS
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.frames import Sent, read_blocks
from wattwarden.storage.proof.keys import KeyRecord, check_chain, fingerprint, is_signed
from wattwarden.storage.proof.refold import MAX_DAYS, US_PER_MS
from wattwarden.storage.proof.stamps import StampError, read_stamp
from wattwarden.storage.proof.statement import Leaf, LeafKind, follows, lacking, sender_name
from wattwarden.storage.proof.work import Work

# What else reads as the same number must not stand there.
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
# The year 2200, in days since 1970: beyond it is no clock's error.
_LAST_DAY: Final = 84_006
_EPOCH: Final = date(1970, 1, 1)


def check_parts(work: Work) -> bool:
    """Hold every part against the manifest."""
    manifest = docs.read(work.parts[docs.MANIFEST], docs.Manifest)
    work.manifest = manifest
    if manifest.format != docs.FORMAT:
        en = f"format {manifest.format}; this program reads {docs.FORMAT}"
        work.failed("parts", "格式不被支持", en)
        return False
    _check_spans(manifest)
    rest = work.parts.keys() - {docs.MANIFEST, docs.SEAL}
    if strange := sorted(name for name in rest if not docs.is_part(name)):
        # Sealed with the rest and checked by nothing, it would pass for proven.
        names = ", ".join(strange[:5])
        work.failed("parts", f"包内有来历不明的部分：{names}", f"no package has a part {names}")
        return False
    wrong = sorted(rest ^ manifest.parts.keys()) + [
        name
        for name in sorted(rest & manifest.parts.keys())
        if manifest.parts[name] != part_of(work.parts[name])
    ]
    if wrong:
        names = ", ".join(wrong[:5])
        work.failed("parts", f"以下部分与清单不符：{names}", f"not as the manifest has it: {names}")
        return False
    count = len(rest)
    work.proven("parts", f"{count}个部分的SHA-256与清单一致", f"{count} parts have their SHA-256")
    return True


def _check_spans(manifest: docs.Manifest) -> None:
    for (since, until), day in ((manifest.window, DAY_MS), (manifest.rows, DAY_MS * US_PER_MS)):
        if not 0 <= since <= until <= since + (MAX_DAYS + 2) * day or until >= _LAST_DAY * day:
            message = f"a window of more than MAX_DAYS, {MAX_DAYS}, days, or none"
            raise ValueError(message)


def check_seal(work: Work) -> bool:
    """Check the manifest's signature, and say whose key it is."""
    manifest = work.known()
    work.keys = docs.read(work.parts[docs.KEYS], list[KeyRecord])
    check_chain(work.keys)
    publics = [record.public for record in work.keys]
    seal = work.parts[docs.SEAL].decode("ascii")
    signed = is_signed(manifest.key, docs.PACKAGE, work.parts[docs.MANIFEST], seal)
    if not signed or not _SIGNATURE.fullmatch(seal):
        work.failed("seal", "清单签名不成立", "the manifest is not signed by the key it names")
        return False
    if manifest.key != publics[-1]:
        # Whoever got hold of a key that was replaced seals nothing any more.
        en = "the manifest is signed by another key than the last of keys.json"
        work.failed("seal", "清单不是由密钥表中最后一个密钥签名", en)
        return False
    work.proven(
        "seal",
        f"清单由密钥 {fingerprint(manifest.key)} 于 {manifest.made_at.isoformat()} 签名",
        f"signed by key {fingerprint(manifest.key)}, at {manifest.made_at.isoformat()}"
        " by the server's clock",
    )
    return _trust(work, publics)


def _trust(work: Work, publics: list[str]) -> bool:
    """Say which key was trusted, and why."""
    if work.pinned is None:
        work.trusted = set(publics)
        work.open(
            "key",
            f"未指定公钥：信任包内首个密钥 {fingerprint(publics[0])}，请与主管部门公布的指纹核对",
            f"whose key it is: trusted was the package's own first key {publics[0]}, fingerprint"
            f" {fingerprint(publics[0])}; compare it with what the agency publishes, or give --key",
        )
        return True
    if work.pinned not in publics:
        work.failed(
            "key", "包内没有您指定的公钥", "the key that you gave signed nothing in this package"
        )
        return True
    first = publics.index(work.pinned)
    work.trusted = set(publics[first:])
    work.proven(
        "key",
        f"信任您指定的公钥 {fingerprint(work.pinned)} 及由其依次签发的{len(publics) - first - 1}个",
        f"trusted was the key that you gave, {fingerprint(work.pinned)}, and"
        f" {len(publics) - first - 1} that it vouches for",
    )
    return True


def check_roots(work: Work) -> bool:
    """Check the daily roots: signed by trusted keys, each after the one before."""
    names = sorted(name for name in work.parts if name.startswith("roots/"))
    work.roots = [docs.read(work.parts[name], docs.RootRecord) for name in names]
    if not work.roots:
        work.open("roots", "没有签名日根", "when the frames came: there is no signed root")
        return True
    faults = []
    for record in work.roots:
        statement = record.root.statement
        if not record.root.is_signed or statement.key not in work.trusted:
            faults.append(f"the root of {statement.day} is not signed by a trusted key")
    for before, record in zip(work.roots, work.roots[1:], strict=False):
        if not follows(record.root, before.root) or not before.root.statement.closed:
            faults.append(f"the root of {record.root.statement.day} does not follow the one before")
    if faults:
        work.failed("roots", "日根的签名或衔接不成立", "; ".join(faults[:3]))
        return False
    first, last = (work.roots[place].root.statement for place in (0, -1))
    work.proven(
        "roots",
        f"{len(work.roots)}个日根（{first.day} 至 {last.day}）签名成立，首尾相接",
        f"{len(work.roots)} roots, {first.day} to {last.day}, are signed, each names the one"
        " before and goes on where that ended",
    )
    _spanned(work)
    return True


def _spanned(work: Work) -> None:
    """Say of which part of what is shown no root, or none of a day that was over, tells."""
    first, last = (work.roots[place].root.statement for place in (0, -1))
    if not last.closed:
        work.open(
            "open day",
            f"{last.day} 未结束：其日根系导出时（{last.made_at.isoformat()}）所签",
            f"that the frames since the last closed day were so before"
            f" {last.made_at.isoformat()}: their root was signed at export",
        )
    if missing := sum(lacking(record.root) for record in work.roots):
        work.open(
            "lost entries",
            f"日志缺{missing}个记录号，其内容不在日根之内",
            f"what {missing} entries said that the journal had lost when the roots were signed",
        )
    since, until = work.known().rows
    ends = (last.day - _EPOCH).days + 1
    begins_late = first.previous != "" and first.received[0] > since
    ends_early = last.closed and ends * DAY_MS * US_PER_MS < until
    if begins_late or ends_early:
        work.open(
            "span",
            "日根未覆盖所示时段的全部：之前或之后收到的报文没有出示，不能证明没有",
            "that nothing was received before the first root or after the last one, within the"
            " stretch that is shown",
        )


def check_frames(work: Work) -> bool:
    """Hold each sender's frames against the root of their day."""
    count, faults = 0, []
    for record in work.roots:
        for file in record.files:
            data = work.parts[file.part]
            leaf = file.proof.leaf
            blocks = read_blocks(data)
            frames = blocks.frames
            mine = Leaf(
                LeafKind.FRAMES,
                sender_name(file.codec, file.identity),
                frames,
                hashlib.sha256(data).hexdigest(),
            )
            if leaf != mine or not record.root.proves(file.proof):
                faults.append(f"{file.part} is not what the root of its day stands over")
            count += frames
            work.sent.append(Sent(file.codec, file.identity, blocks))
    shown = {file.part for record in work.roots for file in record.files}
    if shown != {name for name in work.parts if name.startswith("frames/")}:
        faults.append("there are frames that no root names")
    if faults:
        work.failed("frames", "报文与签名日根不符", "; ".join(faults[:3]))
        return True
    if not count:
        work.open("frames", "没有报文出示", "what the server had received: no frames are shown")
        return True
    work.proven(
        "frames",
        f"{count}条原始报文即当日服务器所存，所示各发送方在这些日内无一遗漏、无一添加",
        f"{count} frames are those that the server had stored under the roots; of the senders"
        " shown none is missing and none was added within these days",
    )
    _silent(work)
    return True


def _silent(work: Work) -> None:
    """Say of whom nothing is shown on some of the days: they may have sent nothing."""
    since, until = work.known().rows
    senders = [{(file.codec, file.identity) for file in record.files} for record in work.roots]
    everybody = set().union(*senders)
    silent = 0
    for record, mine in zip(work.roots, senders, strict=True):
        said = record.root.statement
        first, last = said.received
        if mine or (said.frames and first < until and last >= since):
            silent += len(everybody - mine)
    if silent:
        work.open(
            "silent days",
            f"部分发送方在{silent}个“发送方·日”没有报文出示，不能证明其当日未发送",
            f"that senders of whom nothing is shown on a day of the stretch ({silent}) sent"
            " nothing then",
        )


def check_stamps(work: Work) -> bool:
    """Say which roots an authority's time-stamp bounds."""
    faults, stamped = [], []
    for record in work.roots:
        if record.root.token is None:
            continue
        try:
            stamp = read_stamp(record.root.token, record.root.sealed)
        except StampError as error:
            faults.append(f"{record.root.statement.day}: {error}")
            continue
        stamped.append((record.root.statement.day, stamp))
    if faults:
        work.failed("time-stamps", "时间戳不成立", "; ".join(faults[:3]))
    elif not stamped:
        work.open("time-stamps", "没有第三方时间戳", "when roots were signed: no time-stamp")
    else:
        day, stamp = stamped[-1]
        work.proven(
            "time-stamps",
            f"{len(stamped)}个日根有时间戳，最后一个 {day}：{stamp.at.isoformat()}，{stamp.by}"
            "（请自行核对该机构证书）",
            f"{len(stamped)} roots are time-stamped, the last, of {day}, at {stamp.at.isoformat()}"
            f" by {stamp.by}, certificate SHA-256 {stamp.certificate}; whether that authority is"
            " to be trusted is yours to say",
        )
    return True


def check_decisions(work: Work) -> bool:
    """Check that decisions are what was sealed, and which of them the roots cover."""
    records = docs.read(work.parts[docs.DECISIONS], list[docs.DecisionRecord])
    proven = {
        (proof.leaf.name, proof.leaf.sha256)
        for record in work.roots
        for proof in record.proofs
        if proof.leaf.kind is LeafKind.DECISION and record.root.proves(proof)
    }
    wrong = [one.id for one in records if not one.is_sealed]
    if wrong:
        shown = ", ".join(map(str, wrong[:5]))
        work.failed("decisions", f"决定与其摘要不符：{shown}", f"not what was sealed: {shown}")
        return True
    covered = [one for one in records if (str(one.id), one.digest) in proven]
    if covered:
        work.proven(
            "decisions",
            f"{len(covered)}个决定（含处置操作及其时间）在签名日根之内",
            f"{len(covered)} decisions, with who and when, are under the signed roots",
        )
    if len(covered) < len(records):
        rest = len(records) - len(covered)
        work.open(
            "earlier decisions",
            f"{rest}个更早的决定仅由导出签名封存",
            f"{rest} decisions of before the first root shown: sealed by the export alone",
        )
    return True


def part_of(data: bytes) -> docs.Part:
    """Return a part as the manifest names it."""
    return docs.Part(len(data), hashlib.sha256(data).hexdigest())
