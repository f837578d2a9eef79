"""A simulated city: what its machines draw, what its meters say, and what is wrong on purpose.

    scenario ─► city ─► site ─► plan of a day ─► electric values ─► meters ─► blocks of columns
                  │        offences, stops          motors, mains   outages       │
                  └─► registry        └─► truth, by cause          frames ─► TCP, or the journal

Nothing here looks at how alarms are judged: what a unit is said to do follows from what was done to
it.  Randomness is counter-based, so any day of any unit can be made alone.
"""
