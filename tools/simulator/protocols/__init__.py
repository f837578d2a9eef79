"""Meters of every protocol on real connections, with a truth that stored readings are held against.

    cast ─► who there is: pushers, DTUs with meters behind them, pushes of platforms
    measured ─► a dialect of each protocol ─► frames of its codec, rows of the truth
                                  dialect ─► callers, datagrams, pushing │ dtu ─► answering

Every frame is made by the encoder of its codec; what a reading says is what its protocol carries.
"""
