"""What a process aside may take, and what its end means."""

from typing import Final

# Sixteen firms of a day are some 100 MB, folded twice; the registry and what is known of 5,000
# firms another 500.  Beyond that the system's own roles would be pushed out.
MEMORY_BYTES: Final = 2 * 2**30
# Behind whoever stores readings and answers people.
NICE: Final = 10
# 500 alarms with their explanations are 1 MB.
MOST_LINE_BYTES: Final = 16 * 2**20
# Exit status of one that wanted more memory than it may have.
NO_MEMORY: Final = 3
