"""Studies that hang themselves by rules, and rules made by pointing at panes as they stand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog, QWidget

from app import hanging_files, standing
from app.comparing import Comparing
from app.errands import Errands
from app.film_linking import FilmLinking
from app.grid import Grid
from app.hanging_files import RuleError
from app.hanging_rules import Hung, Rule, Slot, chosen, hung
from app.panels.hanging_list import HangingList
from app.panes import Panes
from app.priors import Known
from app.shelf import Shelf

QUIET_MS = 250
"""Nothing new was told of a study for so long: it is hung by what is known."""
PATIENCE_S = 4.0
"""While more of what was opened is still being described, a study waits at most so long."""


class Hanging(QObject):
    """A study is hung once, when it is opened: what the reader then puts into the panes stays there. A new patient's study hangs
    itself only while one pane is seen or what is seen was hung by a rule."""

    noted = Signal(str)
    arranged = Signal()
    """A rule put other sources into the panes."""
    _read = Signal(object, object, str)
    """The shipped rules, the reader's, and what was wrong with those."""

    def __init__(
        self, window: QWidget, panes: Panes, shelf: Shelf, linking: FilmLinking, comparing: Comparing, auto: bool
    ) -> None:
        super().__init__(window)
        self._window, self._panes, self._shelf, self._linking, self._comparing = window, panes, shelf, linking, comparing
        self.auto = auto
        self._shipped: tuple[Rule, ...] = ()
        self._own: tuple[Rule, ...] = ()
        self._done: set[str] = set()
        self._hung: Hung | None = None
        """What the panes show, as long as the reader changed nothing."""
        self._before: Grid | None = None
        self._wanted: dict[int, tuple[Path, Slot]] = {}
        self._arranging = False
        self._since = 0.0
        self._errands = Errands("hilum-hanging", self)
        self._errands.refused.connect(lambda _, sentence: self.noted.emit(sentence))
        self._soon = QTimer(self, singleShot=True, interval=QUIET_MS)
        self._soon.timeout.connect(self._consider)
        self._read.connect(self._take_rules)
        shelf.known.connect(lambda _: self._wait())
        shelf.shown.connect(self._shown)
        panes.arranged.connect(lambda _: self._by_hand())
        panes.dropped.connect(lambda _path, _number: self._by_hand())
        self._again()

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            "hang": self.hang,
            "save-hanging": self.ask_name,
            "hangings": self.show_list,
            "auto-hang": self.toggle,
        }

    def offer(self, actions: Mapping[str, QAction]) -> None:
        actions["auto-hang"].setCheckable(True)
        actions["auto-hang"].setChecked(self.auto)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The reader's own come last; of one name they take the place of the shipped."""
        names = {rule.name for rule in self._own}
        return (*(rule for rule in self._shipped if rule.name not in names), *self._own)

    @property
    def own_grid(self) -> Grid:
        """What the reader arranged, not a rule."""
        return self._before if self._hung is not None and self._before is not None else self._panes.grid

    def hang(self) -> None:
        """The study of the active pane by the rule that suits it; asked again, by the next that does."""
        study = self._study()
        if not study:
            self.noted.emit("nothing to hang: show a DICOM picture first")
            return
        everything = self._everything(study)
        found = [one for rule in reversed(self.rules) if (one := hung(rule, study, everything)) is not None]
        if not found:
            self.noted.emit("no hanging rule suits this study: arrange the panes and save the arrangement (Ctrl+Alt+H)")
            return
        names = [one.rule.name for one in found]
        at = names.index(self._hung.rule.name) + 1 if self._hung is not None and self._hung.rule.name in names else 0
        self._hang(found[at % len(found)])

    def toggle(self) -> None:
        self.auto = not self.auto
        self.noted.emit("studies hang themselves" if self.auto else "studies are not hung until Alt+H is pressed")

    def ask_name(self) -> None:
        """Keep how the panes stand as a rule for studies of this kind."""
        slots = self._slots()
        if all(slot.empty for slot in slots):
            self.noted.emit("nothing to keep: no pane shows a picture that says what it is")
            return
        name, good = QInputDialog.getText(
            self._window, "Save this arrangement", "Name, for studies of this kind", text=standing.suggested(slots)
        )
        if good and name.strip():
            self.save(name.strip()[:80])

    def save(self, name: str) -> None:
        slots = self._slots()
        while slots and slots[-1].empty:
            slots.pop()
        try:
            rule = Rule(name, self._panes.grid, tuple(slots), self._linking.on)
        except ValueError as error:
            self.noted.emit(f"not kept: {error}")
            return
        self._errands.start(Path(name), "the hanging rule", partial(self._keep, rule))

    def show_list(self) -> None:
        dialog = HangingList([(rule, rule in self._own) for rule in self.rules], self._window)
        dialog.wanted.connect(self._hang_named)
        dialog.unwanted.connect(self._remove)
        dialog.show_over(self._window)

    def close(self) -> None:
        self._soon.stop()
        self._errands.close()

    # the rules

    def _again(self) -> None:
        self._errands.start(Path(hanging_files.NAME), "the hanging rules", self._load)

    def _load(self) -> None:
        shipped = hanging_files.shipped()
        try:
            self._errands.tell(self._read, shipped, hanging_files.own(), "")
        except RuleError as error:
            self._errands.tell(self._read, shipped, (), f"{error} The shipped rules are used.")

    def _keep(self, rule: Rule) -> None:
        try:
            hanging_files.add(rule)
        except OSError as error:
            self._errands.tell(
                self._errands.refused, Path(rule.name), f"The rule could not be kept ({error.strerror}): check the disk."
            )
            return
        self._load()
        self._errands.tell(self.noted, f"kept as {rule.name}: studies of this kind hang so from now on")

    def _remove(self, name: str) -> None:
        def gone() -> None:
            try:
                hanging_files.remove(name)
            except (OSError, RuleError) as error:
                self._errands.tell(self.noted, f"not removed: {error}")
            self._load()

        self._errands.start(Path(name), "the hanging rule", gone)

    def _take_rules(self, shipped: tuple[Rule, ...], own: tuple[Rule, ...], sentence: str) -> None:
        self._shipped, self._own = shipped, own
        if sentence:
            self.noted.emit(sentence)
        self._wait()

    # when a study is opened

    def _wait(self) -> None:
        self._since = self._since or time.monotonic()
        if not self._soon.isActive():
            self._soon.start()

    def _consider(self) -> None:
        if not self._shipped or (self._shelf.waiting and time.monotonic() - self._since < PATIENCE_S):
            self._soon.start()
            return
        self._since = 0.0
        study = self._study()
        if not self.auto or not study or study[0].facts.study_key in self._done:
            return
        if self._panes.count > 1 and (self._hung is None or self._same_patient(study[0])):
            return
        found = chosen(self.rules, study, self._everything(study))
        if found is not None:
            self._hang(found)

    def _study(self) -> list[Known]:
        """All pictures of the study that the active pane shows, in the order they hang in."""
        the = self._shelf.known_of(self._panes.pane.path)
        if the is None or not the.facts.study_key:
            return []
        same = [one for one in self._shelf.of_patient(the.facts.patient_key) if one.facts.study_key == the.facts.study_key]
        return sorted(same, key=lambda one: (one.facts.instance is None, one.facts.instance or 0, str(one.path)))

    def _everything(self, study: list[Known]) -> list[Known]:
        """All that is open of the patient."""
        return self._shelf.of_patient(study[0].facts.patient_key)

    def _same_patient(self, known: Known) -> bool:
        pictures = self._hung.pictures if self._hung is not None else ()
        return any(one is not None and one.facts.patient_key == known.facts.patient_key for one in pictures)

    # hanging

    def _hang_named(self, name: str) -> None:
        rule = next((one for one in self.rules if one.name == name), None)
        study = self._study()
        found = hung(rule, study, self._everything(study)) if rule is not None and study else None
        if found is None:
            self.noted.emit(f"{name} does not suit this study: a picture it asks for is not open")
        else:
            self._hang(found)

    def _hang(self, found: Hung) -> None:
        rule = found.rule
        self._done.update(one.facts.study_key for one in found.pictures if one is not None)
        if self._hung is None:
            self._before = self._panes.grid
        self._comparing.stop()
        self._linking.unlink()
        self._arranging = True
        try:
            self._panes.arrange(rule.grid)
            for pane in self._panes.seen:
                slot = rule.slots[pane.number] if pane.number < len(rule.slots) else Slot()
                picture = found.pictures[pane.number] if pane.number < len(found.pictures) else None
                if picture is None:
                    self._panes.clear(pane)
                    pane.view.set_status("" if slot.empty else f"no {standing.words(slot)} in this study")
                    continue
                self._wanted[pane.number] = picture.path, slot
                if pane.standing == picture.path and pane.path == picture.path:
                    self._shown(picture.path, pane.number)
                else:
                    self._shelf.show_in(picture.path, pane.number)
            self._panes.activate(next((at for at, one in enumerate(found.pictures) if one is not None), 0))
        finally:
            self._arranging = False
        self._hung = found
        self.arranged.emit()
        self.noted.emit(f"hung: {rule.name}")
        if rule.link:
            self._comparing.pair_up()

    def _shown(self, path: Path, number: int) -> None:
        wanted = self._wanted.pop(number, None)
        if wanted is not None and wanted[0] == path:
            described = self._shelf.describes(path)
            standing.apply(self._panes.panes[number].view, wanted[1], described.facts if described is not None else None)

    def _by_hand(self) -> None:
        """The reader arranged the panes: that stays."""
        if not self._arranging:
            self._hung = None
            self._wanted.clear()

    def chosen(self, path: Path) -> None:
        """The reader chose a source: of another patient it takes one pane again, where a rule arranged those that are seen."""
        known = self._shelf.known_of(path)
        if self._hung is None or self._before is None or (known is not None and self._same_patient(known)):
            self._wait()
            return
        before, self._hung = self._before, None
        self._arranging = True
        try:
            if self._panes.active >= before.count:
                self._shelf.show_in(path, 0)
                self._panes.activate(0)
            self._panes.arrange(before)
        finally:
            self._arranging = False
        self._linking.unlink()
        self._wait()

    def _slots(self) -> list[Slot]:
        found = []
        for pane in self._panes.seen:
            known = self._shelf.known_of(pane.standing)
            found.append(Slot() if known is None else standing.slot(pane.view, known, self._comparing.titles.is_prior(pane)))
        return found
