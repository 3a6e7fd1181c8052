"""The ledger's entry of one key while a process works on what arrived: every change is compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from msgspec.structs import replace

from chalicelib.errors import LostRace, UnreadableEntry
from chalicelib.file_names import ledger_name, unreadable_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.ledger import Decision, decide
from chalicelib.loading.models import DELETED, FAILED, QUARANTINED, Arrival, Outcome, Result
from chalicelib.loading.store import ObjectStore

RACES = 20
"""How often a lost race for the ledger is run again."""


class LedgerSession:
    """The ledger's entry of one key, while this process works on what arrived. Every change is conditional.

    `ledger` is the prefix of all entries, `reload` has what is loaded already loaded again. `supersede` removes files
    from the table, `set_aside` is called with the source key and the reason where its entry cannot be read.
    `generation` is that of the file names that the load writes. `has_begun` says that the ledger tells of the load: it
    does so from `begin` on, or after `assume_new` from the first thing that is written. `is_new` says that the ledger
    has had no entry of the key, or none that was found yet. `reads` and `writes` count requests for the entry.
    """

    def __init__(
        self,
        store: ObjectStore,
        ledger: str,
        arrival: Arrival,
        *,
        reload: bool,
        supersede: Callable[[Iterable[str]], None],
        set_aside: Callable[[str, str], None],
        now: Callable[[], datetime],
    ) -> None:
        self.arrival = arrival
        self.generation = 0
        self.has_begun = False
        self.is_new = True
        self.reads = self.writes = 0
        self._now = now
        self._store = store
        self._ledger = ledger
        self._name = f"{ledger}{ledger_name(arrival.key)}"
        self._reload = reload
        self._supersede = supersede
        self._set_aside = set_aside
        self.entry: Entry | None = None
        self.decision = Decision.LOAD
        self._etag: str | None = None

    def assume_new(self) -> None:
        """Take the key for one that the ledger does not know, without asking: the first write finds out."""
        self.entry, self._etag = Entry.first(self.arrival), None

    def begin(self) -> Decision:
        """Decide by the ledger, and say there what has begun."""
        for _ in range(RACES):
            self._read()
            self.decision = self._fenced() or self._decided(self._reload)
            if self.decision in (Decision.DELETE, Decision.FORGET):
                entry = self.entry or Entry.first(self.arrival)
                deletes = self.decision is Decision.DELETE
                if self._write(
                    entry.deleting(self.arrival, self._now()) if deletes else entry.forgetting(self.arrival)
                ):
                    return self.decision
            elif not self.decision.loads:
                return self.decision
            elif self._write(begun := self._begun(self.decision)):
                self.generation = begun.generation_of(self.arrival.version)
                return self.decision
        raise LostRace(self.arrival.key)

    def end(self) -> tuple[Outcome, Entry | None]:
        """Return why nothing is loaded, or that rows were removed; what earlier loads left to be removed is."""
        if self.decision is Decision.SKIP_DUPLICATE:
            self._remember_sequencer()
        deleted = self.decision in (Decision.DELETE, Decision.FORGET)
        outcome = Outcome.DELETED if deleted else Outcome(self.decision.value)
        return outcome, None if self.entry is None else self.remove_superseded(self.entry)

    def announce(self, result: Result) -> Result | None:
        """Say in the ledger which files are about to appear; return None where the decision is another one by now.

        Returns what is to appear: of a late version not what was rejected of it, since the table of rejected records
        tells of the newest alone.

        It may be to load all the same: a key that was taken for a new one has files of this version that were removed,
        so that their names are to be others. Raises LostRace where names were burned meanwhile: somebody may be about
        to remove them.
        """
        for _ in range(RACES):
            entry = self.entry or Entry.first(self.arrival)
            if entry.generation_of(self.arrival.version) != self.generation:
                if self.has_begun:
                    break
                self.begin()
                return None
            appears = result
            if self.decision is Decision.CATCH_UP:
                appears = replace(result, quarantine_files=(), quarantine=None)
            files = (*appears.files, *appears.quarantine_files)
            if not files or self._write(entry.announcing(files)):
                return appears
            if not self._decide_again(self._reload).loads:
                return None
        raise LostRace(self.arrival.key)

    def renew(self) -> None:
        """Say in the ledger that the load is still at work. Another's word there is left for `announce` to find."""
        if self.entry is not None:
            self._write(self.entry.renewed())

    def fail(self, reason: str) -> bool:
        """Keep why this attempt ended; return False where it was no news, so that nothing has failed.

        The failure itself is to be raised, whatever becomes of this.
        """
        try:
            if not self.has_begun and not self.begin().loads:
                return False
            if self.entry is not None and self.entry.version == self.arrival.version:
                self._write(self.entry.failing(reason))
        except Exception:  # noqa: S110 - it must not hide the failure that it is about
            pass
        return True

    def conclude(self, result: Result, acknowledged: Collection[str] = ()) -> tuple[Outcome, Entry | None]:
        """Write what was done; where another was quicker, decide again. What is `acknowledged` leaves the outbox."""
        for _ in range(RACES):
            if self.entry is None:
                raise LostRace(self.arrival.key)
            if self._write(self.entry.concluding(self.arrival, result, acknowledged)):
                return Outcome(result.state), self.remove_superseded(self.entry)
            decision = self._decide_again(reload=False)
            entry = self.entry
            ours = {*result.files, *result.quarantine_files} - (entry.kept if entry else set())
            if entry is not None and decision in (Decision.SKIP_STALE, Decision.SKIP_DUPLICATE):
                self._drop(ours)
                return self.end()
            if entry is None or ours - set(entry.publishing) or self._lacks_rejected(entry, result):
                # The sweep may have given us up and removed our files: they have to be published again.
                self._drop(ours)
                break
        raise LostRace(self.arrival.key)

    def _lacks_rejected(self, entry: Entry, result: Result) -> bool:
        """Tell whether what was rejected did not appear, since the version was a late one, and is now the newest."""
        has_rejected = result.state == QUARANTINED or result.counts.orders_rejected > 0
        return entry.version == self.arrival.version and has_rejected and not result.quarantine_files

    def _drop(self, files: set[str]) -> None:
        """Remove files of ours that are superfluous, unless another load of this version lists them."""
        for _ in range(RACES):
            ours = files - self.entry.kept if self.entry else set()
            if self.entry is None or not ours:
                return
            if self._write(self.entry.dropping(ours)):
                self.remove_superseded(self.entry)
                return
            self._read()

    def remove_superseded(self, entry: Entry) -> Entry:
        """Remove what the entry replaced. A crash in between leaves the list for the next delivery, or the sweep."""
        if not entry.superseded:
            return entry
        self._supersede(entry.removable)
        self._write(replace(entry, superseded=()))
        return self.entry or entry

    def _read(self) -> None:
        self.reads += 1
        stored = self._store.read_json(self._name)
        self.entry, self._etag = None, stored.etag if stored else None
        if stored is None:
            return
        self.is_new = False
        try:
            self.entry = Entry.from_json(stored.value, self._name)
        except UnreadableEntry as error:
            self._store.copy(self._name, unreadable_name(self._ledger, self.arrival.key))
            self._set_aside(self.arrival.key, str(error))

    def _write(self, entry: Entry) -> bool:
        self.writes += 1
        etag = self._store.write_json(self._name, entry.as_json(), self._etag)
        if etag is None:
            return False
        self.entry, self._etag = entry, etag
        self.has_begun = True
        return True

    def _fenced(self) -> Decision | None:
        """Skip what the sweep announced if its entry has changed since; after a failure it is loaded all the same."""
        fence = self.arrival.ledger_etag
        failed = self.entry is not None and self.entry.state == FAILED
        return None if fence is None or fence == self._etag or failed else Decision.SKIP_OVERTAKEN

    def _decided(self, reload: bool) -> Decision:
        loaded = self.entry.loaded_version if self.entry else None
        return decide(
            self.entry,
            self.arrival,
            later=self._is_later,
            later_than_loaded=lambda: self._was_written_after(loaded),
            reload=reload,
        )

    def _decide_again(self, reload: bool) -> Decision:
        """Decide by what another has written meanwhile, or long ago where the key was taken for a new one."""
        self._read()
        self.decision = self._decided(reload)
        if self.decision.loads and not self.has_begun:
            self.entry = self._begun(self.decision)
        return self.decision

    def _is_later(self) -> bool:
        """Ask S3, where sequencers cannot tell, whether what arrived came after what the ledger tells of."""
        entry, current = self.entry, self._store.current(self.arrival.key)
        if self.arrival.removed or entry is None:
            return current is None
        if current is None and entry.state == DELETED:
            # Rows go with their object, and it is gone.
            return False
        if current is None:
            # The key was deleted since. Its versions, where they are kept, still tell which of them came last.
            before, written = entry.source_modified_at, self._store.modified_at(self.arrival)
            return before is None or (written is not None and written > datetime.fromisoformat(before))
        if current.version == self.arrival.version:
            return True
        # Both may have come before the newest, which no event announced.
        return entry.version != current.version and entry.state != DELETED and self._was_written_after(entry.version)

    def _was_written_after(self, version: str | None) -> bool:
        """Tell whether S3 took what arrived in a later second than another version, or keeps that one no more."""
        if version is None or self.arrival.version_id is None:
            return False
        written = self._store.modified_at(self.arrival)
        other = self._store.modified_at(replace(self.arrival, version=version, version_id=version, etag=None))
        return written is not None and (other is None or written > other)

    def _begun(self, decision: Decision) -> Entry:
        if self.entry is None:
            return Entry.first(self.arrival)
        # A late version does not become what the entry tells of; its writing here takes the ETag all the same.
        return self.entry.renewed() if decision is Decision.CATCH_UP else self.entry.beginning(self.arrival)

    def _remember_sequencer(self) -> None:
        """Keep the sequencer of a version that came without one: the sweep found it, or it was replayed."""
        entry = self.entry
        if entry is None or not (sequencer := entry.sequencer_of(self.arrival)):
            return
        if entry.version == self.arrival.version and not entry.sequencer:
            entry = replace(entry, sequencer=sequencer)
        if entry.loaded_version == self.arrival.version and not entry.loaded_sequencer:
            entry = replace(entry, loaded_sequencer=sequencer)
        if entry != self.entry:
            self._write(entry)
