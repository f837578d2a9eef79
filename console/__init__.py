"""The web application for officers, enterprises and operators.

keys ─ seals ─► links (answer an alarm), invitations (bind an address): signed, expiring
store ─ pages ─► answering, binding, wecom: what is asked ─► decide, as the command line does
                        app ─► doors: bounds, headers, counts, whoever asks
"""
