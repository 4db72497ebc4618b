"""
The exchange of one model at one robot: who has contributed, what is in force, what is missing.

The version in force comes from outside, by decisions. This says which blobs are needed to have it
here, which work is to be done for that, and which contributions a new version could be made of.
It moves no bytes: blobs are fetched by `transfer`, and whoever carries out `Make` reads, merges
and keeps them.

A robot makes the version in force by itself from the base and the contributions that the decision
names, and holds the result against the decision. Where it does not have the base, because it was
away, or the contributions do not come in time, it fetches the result, which the decision names as
well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from swarm_consensus.protocols.parameters.architecture import Architecture
from swarm_consensus.protocols.parameters.blobs import Blob
from swarm_consensus.protocols.parameters.contributions import Contributions, Manifest
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.merge import Rule
from swarm_consensus.protocols.parameters.version import ModelVersion, version_from
from swarm_consensus.protocols.values import value


@value
class Want:
    """A blob to be fetched; `arrived` is to be called when it is here."""

    blob: Blob
    sources: tuple[str, ...]


@value
class Forget:
    """A blob that is no longer of use."""

    blob: Blob


@value
class Make:
    """
    Merge contributions to the base and keep the result; all blobs of it are here.

    :param wanted: what must come out; None: a new version is tried.
    """

    base: Blob
    contributions: tuple[Manifest, ...]
    rule: Rule
    wanted: Blob | None


@value
class Ready:
    """
    The version in force is here, to be run.

    :param revision: of the decision; 0: the parameters of the model file.
    :param version: the decision; None with revision 0.
    """

    revision: int
    result: Blob
    version: ModelVersion | None


@value
class Applied:
    """A contribution of this robot is part of the version in force."""

    version: int


@value
class Refused:
    """Something that peers said does not fit; for people to read."""

    text: str


Effect = Want | Forget | Make | Ready | Applied | Refused


@value
class ExchangeConfig:
    """
    Settings of one model.

    :param rule: by which new versions are merged.
    :param patience_ticks: time that the contributions of a version have to come, before its result
        is fetched instead.
    """

    rule: Rule = Rule()
    patience_ticks: int = 500


class Exchange:
    """
    The exchange of one model.

    :param robot: this one.
    :param initial: blob of the parameters in the model file.
    :param here: whether all of a blob is held.
    :ivar refused: contributions and decisions that did not fit, by kind.
    """

    def __init__(
        self,
        config: ExchangeConfig,
        robot: str,
        architecture: Architecture,
        initial: Blob,
        here: Callable[[Blob], bool],
    ) -> None:
        self._config = config
        self._robot = robot
        self._architecture = architecture
        self._is_here = here
        self.refused: Counter[str] = Counter()
        self._contributions = Contributions()
        self._size = initial.size
        # Decided; the version that is run may be older, until this one is here.
        self._revision = 0
        self._version: ModelVersion | None = None
        self._result = initial
        # The newest version that was made here, by which the next one can be.
        self._last = initial
        self._ready = True
        self._fetching: set[Blob] = set()
        # Found to be here; to look for all chunks of a blob takes its time.
        self._found: set[Blob] = set()
        # Contributions whose bytes are no update.
        self._spoiled: set[tuple[str, int]] = set()
        self._trying = False
        self._making = False
        self._making_failed = False
        self._waited_ticks = 0
        self._effects: list[Effect] = [Ready(0, initial, None)]

    # -- how it stands ----------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """Return the revision of the decision in force; 0: none."""
        return self._revision

    @property
    def result(self) -> Blob:
        """Return the parameters in force."""
        return self._result

    @property
    def ready(self) -> bool:
        """Whether the parameters in force are here."""
        return self._ready

    @property
    def waiting(self) -> bool:
        """Whether time matters: the version in force is not here yet."""
        return not self._ready

    @property
    def known(self) -> tuple[Manifest, ...]:
        """Return the newest contribution of each robot to the parameters in force."""
        base = self._result.root
        return tuple(each for each in self._contributions if each.base == base)

    @property
    def complete(self) -> tuple[Manifest, ...]:
        """Return those of them whose updates are here."""
        return tuple(
            each
            for each in self.known
            if (each.robot, each.version) not in self._spoiled and self._here(each.update)
        )

    @property
    def own(self) -> Manifest | None:
        """Return this robot's contribution to the parameters in force, which others should hear."""
        own = self._contributions.get(self._robot)
        return own if own is not None and own.base == self._result.root else None

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """Return all that is of use here: what may be given up is everything else."""
        used = [self._last, self._result, *(each.update for each in self.known)]
        if self._version is not None:
            used += [each.update for each in self._version.contributions]
        return tuple(dict.fromkeys(used))

    def _here(self, blob: Blob) -> bool:
        if blob in self._fetching:
            return False
        if blob not in self._found and self._is_here(blob):
            self._found.add(blob)
        return blob in self._found

    # -- contributions ----------------------------------------------------------------------------

    def hear(self, manifest: Manifest) -> bool:
        """Take in the contribution of a robot; False: it does not fit, or is not new."""
        objection = manifest.objection(self._architecture)
        if objection:
            self.refused['CONTRIBUTION'] += 1
            self._effects.append(
                Refused(f'contribution {manifest.version} of {manifest.robot}: {objection}')
            )
            return False
        if (manifest.robot, manifest.version) in self._spoiled:
            return False
        before = self._contributions.get(manifest.robot)
        if not self._contributions.join(manifest):
            return False
        if before is not None and before.update != manifest.update:
            self._drop(before.update)
        if manifest.base == self._result.root:
            self._fetch(manifest.update, manifest.robot)
        return True

    def may_propose(self, contributions_min: int) -> bool:
        """Return whether `propose` would do; cheap where it would not."""
        if not self._ready or self._trying or len(self.known) < contributions_min:
            return False
        return len(self.complete) >= max(contributions_min, self._config.rule.contributions_min)

    def propose(self, contributions_min: int) -> str:
        """
        Have a new version made of all the contributions that are here, told by Make.

        :returns: why it cannot be; '' where it can.
        """
        if not self._ready:
            return 'the parameters in force are not here yet'
        if self._trying:
            return 'a version is being made already'
        complete = self.complete
        needed = max(contributions_min, self._config.rule.contributions_min)
        if len(complete) < needed:
            return (
                f'{len(complete)} contributions to the parameters in force are here '
                f'({", ".join(each.robot for each in complete) or "of nobody"}), and {needed} are '
                'needed'
            )
        self._trying = True
        self._effects.append(Make(self._result, complete, self._config.rule, None))
        return ''

    # -- decisions --------------------------------------------------------------------------------

    def decided(self, revision: int, value: bytes) -> None:
        """Take note of the decision in force; one that is no version changes nothing here."""
        if revision <= self._revision:
            return
        try:
            version = version_from(value)
            objection = self._objection(version)
        except ParametersError as error:
            objection = str(error)
        if objection:
            # The others found the same, as it is decided by the same bytes.
            self._revision = revision
            self.refused['DECISION'] += 1
            self._effects.append(Refused(f'decision {revision} on the model: {objection}'))
            return
        for blob in self._fetching:
            self._effects.append(Forget(blob))
        self._fetching.clear()
        self._revision = revision
        self._version = version
        self._result = version.result
        self._ready = False
        self._making = self._making_failed = False
        self._spoiled.clear()
        self._found.clear()
        self._waited_ticks = 0
        for manifest in version.contributions:
            if manifest.robot == self._robot:
                self._effects.append(Applied(manifest.version))
        for manifest in self.known:
            self._fetch(manifest.update, manifest.robot)
        self._go_on()

    def _objection(self, version: ModelVersion) -> str:
        if version.architecture.hex() != self._architecture.hash:
            return (
                f'it is for the architecture {version.architecture.hex()[:12]}, and this robot has '
                f'{self._architecture.hash[:12]}'
            )
        if version.result.size != self._size:
            return f'its result has {version.result.size} bytes instead of {self._size}'
        for manifest in version.contributions:
            if objection := manifest.objection(self._architecture):
                return f'contribution of {manifest.robot}: {objection}'
        return ''

    # -- the way to the version in force ----------------------------------------------------------

    def arrived(self, blob: Blob) -> None:
        """Take note that all of a blob is here."""
        self._fetching.discard(blob)
        if not self._ready:
            self._go_on()

    def malformed(self, blob: Blob) -> None:
        """Take note that nobody can have a blob, since it contradicts itself."""
        self._fetching.discard(blob)
        self.refused['MALFORMED'] += 1
        self._effects.append(Refused(f'blob {blob.root.hex()[:12]} contradicts itself'))

    def made(
        self, make: Make, result: Blob | None, reason: str = '', spoiled: Manifest | None = None
    ) -> None:
        """
        Take note of what came of Make.

        :param result: which is held now; None: it could not be made.
        :param reason: why not.
        :param spoiled: contribution that it failed at, which is not taken into another version.
        """
        if spoiled is not None:
            self._spoiled.add((spoiled.robot, spoiled.version))
            self.refused['CONTRIBUTION'] += 1
            self._effects.append(
                Refused(f'contribution {spoiled.version} of {spoiled.robot}: {reason}')
            )
        elif result is None:
            self._look_again()
        elif result in self._fetching:
            # It was on its way meanwhile.
            self._fetching.discard(result)
            self._effects.append(Forget(result))
        if make.wanted is None:
            self._trying = False
            return
        if make.wanted != self._result or self._ready:
            return
        self._making = False
        if result != make.wanted:
            self._making_failed = True
            self.refused['MERGE'] += 1
            self._effects.append(
                Refused(
                    f'version {self._revision} could not be made here, its result is fetched: '
                    + (reason or 'the merge has another result than the decision says')
                )
            )
        self._go_on()

    def lost(self, blob: Blob) -> None:
        """Take note that a blob that was here is damaged."""
        self._look_again()
        if blob == self._result and not self._here(blob):
            self._ready = False
            self._go_on()

    def _look_again(self) -> None:
        """Fetch again what of the contributions was damaged on the disk."""
        self._found.clear()
        for manifest in self.known:
            self._fetch(manifest.update, manifest.robot)

    def tick(self, ticks: int) -> None:
        """Let time pass while the version in force is not here."""
        if self._ready or self._waited_ticks > self._config.patience_ticks:
            return
        self._waited_ticks += ticks
        if self._waited_ticks > self._config.patience_ticks:
            self._go_on()

    def _go_on(self) -> None:
        """Do what is next until the version in force is here."""
        if self._here(self._result):
            self._ready = True
            self._last = self._result
            self._effects.append(Ready(self._revision, self._result, self._version))
            return
        version = self._version
        can_make = (
            version is not None
            and not self._making_failed
            and version.base == self._last.root
            and self._here(self._last)
        )
        if version is None or not can_make:
            self._fetch(self._result, '')
            return
        missing = [each for each in version.contributions if not self._here(each.update)]
        for manifest in missing:
            self._fetch(manifest.update, manifest.robot)
        if not missing and not self._making:
            self._making = True
            self._effects.append(
                Make(self._last, version.contributions, version.rule, self._result)
            )
        elif missing and self._waited_ticks > self._config.patience_ticks:
            self._fetch(self._result, '')

    def _fetch(self, blob: Blob, source: str) -> None:
        if blob not in self._fetching and not self._here(blob):
            self._fetching.add(blob)
            self._effects.append(Want(blob, (source,) if source else ()))

    def _drop(self, blob: Blob) -> None:
        """Fetch a blob no longer, unless it is of use otherwise."""
        if blob in self._fetching and blob not in self.blobs:
            self._fetching.discard(blob)
            self._effects.append(Forget(blob))

    def take(self) -> Sequence[Effect]:
        """Return what is to be done since the last time, in order."""
        if not self._effects:
            return ()
        effects, self._effects = self._effects, []
        return effects
