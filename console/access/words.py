"""What is done about accounts, and by them about what runs the system, in both languages."""

from collections.abc import Mapping
from typing import Final

from wattwarden.console.drawing.said import Said
from wattwarden.storage.people.log import Deed

DEEDS: Final[Mapping[Deed, Said]] = {
    Deed.INVITED: Said("发放登录链接", "invited"),
    Deed.JOINED: Said("用链接设置密码", "chose a password by a link"),
    Deed.SIGNED_IN: Said("登录", "signed in"),
    Deed.SIGNED_OUT: Said("退出", "signed out"),
    Deed.PASSWORD: Said("更换密码", "changed the password"),
    Deed.CHANGE_DEMANDED: Said("要求更换密码", "demanded a new password"),
    Deed.LOCKED: Said("停用账号", "locked"),
    Deed.UNLOCKED: Said("恢复使用", "unlocked"),
    Deed.SESSIONS_ENDED: Said("退出设备", "ended sessions"),
    Deed.TOTP_ON: Said("启用两步验证", "second factor on"),
    Deed.TOTP_OFF: Said("取消两步验证", "second factor off"),
    Deed.TOKEN_MADE: Said("新建令牌", "made a token"),
    Deed.TOKEN_REVOKED: Said("停用令牌", "revoked a token"),
    Deed.BOUND: Said("绑定统一认证身份", "bound an identity"),
    Deed.UNBOUND: Said("解除统一认证绑定", "unbound an identity"),
    Deed.METER: Said("登记、确认或配置表计", "registered, accepted or configured a meter"),
    Deed.QUARANTINE: Said("重新解析隔离帧", "read frames of the quarantine again"),
    Deed.CHANNEL: Said("试发通知", "tried a way of notices"),
    Deed.DEBUGGED: Said("记录表计通信", "logs a meter"),
    Deed.PACKAGE: Said("导出证据包，报警", "took the package of evidence, alarm"),
}
