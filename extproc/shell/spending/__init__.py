"""What teams spend in a day, and where the processes of one or several sidecars share it.

counts   in memory: what this process has counted, and what it has heard of the others; all that a decision looks at
store    what a place to share them in must do
file     one SQLite file, for the workers of one sidecar
remote   a Redis or Valkey, for several sidecars
linked   both: the workers of a sidecar share its file, and one of them speaks to the Redis for all
keeper   brings memory and store together, about once a second; no request waits for it

Each process writes what it has spent *in all*, under a name of its own, and whoever wants to know adds the names up. So saying it twice
does no harm, and what a store forgets, or did not hear while it was away, is put right with the next word (a grow-only counter: Shapiro
et al., "A comprehensive study of Convergent and Commutative Replicated Data Types", 2011, section 3.1.1).
"""

from __future__ import annotations

from extproc.shell.spending.counts import Counts
from extproc.shell.spending.keeper import Keeper

__all__ = ["Counts", "Keeper"]
